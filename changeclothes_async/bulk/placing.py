"""A file that is put in its place whole: what reads it sees the old one or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from changeclothes_async import errors


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Give a temporary name beside `target` to write to, then rename it; parents are made.

    Raises SaveFailed when the disk refuses; nothing is left behind then.
    Nothing is flushed as a paid picture is: what is made here can be made again for nothing.
    """
    part = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(target)
    except OSError as error:
        raise errors.SaveFailed(
            f"{target} could not be written ({error.strerror or error}).",
            money="not spent",
            next_step="Make room or choose another place, then write it again; it costs nothing.",
        ) from None
    finally:
        part.unlink(missing_ok=True)


def named(path: str | os.PathLike[str]) -> Path:
    """Give the absolute path that a user means, `~` and an unknown `~name` included."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - Path fails for unknown homes
