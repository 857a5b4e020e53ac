"""Where the picture of a single call goes: looked at before the call is paid for.

A picture that was paid for is never replaced without being asked for, and never paid for where it
cannot be kept.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.cli import printing
from changeclothes_async.protocol import images

DEFAULT = Path("look")
_NAMES = {"webp": "WebP"}
_SUFFIXES = {".jpeg": ".jpg", ".jpe": ".jpg", ".tif": ".tiff"}


def checked(output: Path | None, *, force: bool) -> Path:
    """Give the path to save to; its folder is made, and shown to be writable.

    Without a suffix it takes a name that is free, as the default does. Raises InvalidInput.
    """
    target = output or DEFAULT
    with _writing(target):
        _try(target)
        is_there = os.path.lexists(target)
        if is_there and not target.is_file():
            raise errors.InvalidInput(f"{target} is no file.", next_step="Give a file's name.")
        if force:
            return target
        if not target.suffix:
            return printing.free(target)
    if is_there:
        raise errors.InvalidInput(
            f"{target} is there already.",
            next_step="Give another name with -o, or --force to replace it; nothing was sent.",
        )
    return target


def note(path: Path) -> str | None:
    """Say that a picture is of another kind than its name says, None where it is not."""
    with path.open("rb") as file:
        kind = images.kind(file.read(images.HEAD))
    suffix = path.suffix.lower()
    if kind is None or _SUFFIXES.get(suffix, suffix) == kind.suffix:
        return None
    name = kind.mime.removeprefix("image/")
    return f"{path} holds a {_NAMES.get(name, name.upper())}, as the service made it."


def _try(target: Path) -> None:
    with suppress(FileNotFoundError):
        target.lstat()  # refused for a name that is too long
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix="."):
        pass  # nothing else tells for sure: root may write anywhere, and not into /proc


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
        return
    except OSError as error:
        failure = errors.InvalidInput(
            f"{target} cannot be written ({error.strerror}).",
            next_step="Give another place with -o; nothing was sent.",
        )
    raise failure
