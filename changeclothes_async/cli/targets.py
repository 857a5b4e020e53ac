"""Where the picture of a single call goes: looked at before the call is paid for.

No call is paid for whose picture could not be saved. A file with the full name is overwritten, as
other tools do; a name that is completed here never replaces anything.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.protocol import formats

DEFAULT = Path("look")
_NAMES = {"webp": "WebP"}


def checked(output: Path | None, photographs: Iterable[str]) -> Path:
    """Return the path to save to, not a photograph's; its folder is made, and shown to be writable.

    Without a suffix it takes a name that is free, as the default does. Raises InvalidInput.
    """
    target = output or DEFAULT
    if str(target) == "-":
        raise errors.InvalidInput(
            "A picture is not written to stdout; its path is printed there.",
            next_step="Give a file's name with -o; nothing was sent.",
        )
    with writing(target, "Give another place with -o; nothing was sent."):
        check(target)
        if os.path.lexists(target) and not target.is_file():
            raise errors.InvalidInput(f"{target} is not a file.", next_step="Give a file's name.")
        check_other(target, photographs)
        return target if target.suffix else free(target)


def free(path: Path) -> Path:
    """Return a path that replaces nothing, whatever its suffix: look, look-2 and so on."""
    tried, number = path, 1
    while tried.exists() or any(tried.parent.glob(f"{glob.escape(tried.name)}.*")):
        number += 1
        tried = path.with_name(f"{path.name}-{number}")
    return tried


def note(path: Path) -> str | None:
    """Say that a picture is of another kind than its name says, None where it is not."""
    with path.open("rb") as file:
        kind = formats.of(file.read(formats.HEAD))
    suffix = path.suffix.lower()
    if kind is None or formats.SPELLINGS.get(suffix, suffix) == kind.suffix:
        return None
    name = kind.mime.removeprefix("image/")
    return f"{path} holds a {_NAMES.get(name, name.upper())}, as the service made it."


def check_other(target: Path, photographs: Iterable[str]) -> None:
    """Raise InvalidInput for a target that is one of the photographs."""
    if os.path.realpath(target) in map(os.path.realpath, photographs):
        raise errors.InvalidInput(
            f"{target} is one of the photographs.", next_step="Give another name to save to."
        )


def check(target: Path) -> None:
    """Make a target's folder. Raises OSError unless it can be written to."""
    with suppress(FileNotFoundError):
        target.lstat()  # refused for a name that is too long
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix="."):
        pass  # nothing else tells for sure: root may write anywhere, and not into /proc


@contextmanager
def writing(target: Path, next_step: str) -> Iterator[None]:
    """Raise InvalidInput with this next step for what the disk says against a target."""
    try:
        yield
        return
    except errors.SaveFailed as error:  # which knows what of it
        failure = errors.InvalidInput(error.message, next_step=next_step)
    except OSError as error:
        failure = errors.InvalidInput(
            f"{target} cannot be written ({error.strerror}).", next_step=next_step
        )
    raise failure
