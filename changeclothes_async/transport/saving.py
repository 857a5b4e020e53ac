"""Writes files, above all the pictures of results: complete, or not there at all.

A temporary name beside the target, flush to the disk, then a rename; a crash at any point leaves
either the old state or the new one, and at worst a hidden temporary file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from changeclothes_async import errors
from changeclothes_async.protocol import formats

PIECE = 2**20
"""Bytes of a picture that are read or written at once."""
_PARTS = f".{'[0-9a-f]' * 16}.part"
_ABANDONED = 3600.0  # no picture takes as long
_HELD = {5, 32}  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """A file that `save` wrote: its path, and what tells later whether it is still the same."""

    path: Path
    size: int
    mtime_ns: int
    digest: bytes


async def save(chunks: AsyncIterator[bytes], target: Path, *, beside: bool = False) -> Written:
    """Write chunks to `target`, making its parents; a target without a suffix gets the picture's.

    What stands there is replaced, or with `beside` kept under another name.
    Raises SaveFailed; errors of the chunks pass through, and nothing is left behind.
    """
    try:
        return await _written(chunks, _Work(target, beside=beside))
    except errors.ChangeClothesError:
        raise
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        failure = errors.SaveFailed(f"{target} could not be written ({words}).")
    raise failure


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target` to write to, then rename it; parents are made.

    Raises SaveFailed when the disk refuses; nothing is left behind then.
    Nothing is flushed as a paid picture is: what is made here can be made again for nothing.
    """
    part = target.with_name(part_name())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _replace(part, target)
    except OSError as error:
        raise errors.SaveFailed(
            f"{target} could not be written ({error.strerror or error}).",
            money="not spent",
            next_step="Make room or choose another place, then write it again; it costs nothing.",
        ) from None
    finally:
        with contextlib.suppress(OSError):  # where it could not even be made
            part.unlink()


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written in a folder and below its own ones."""
    for part in (*folder.glob(_PARTS), *folder.glob(f"*/{_PARTS}")):
        with contextlib.suppress(OSError):  # no reason not to go on
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


def part_name() -> str:
    """Return a temporary name, which `sweep` knows."""
    return f".{secrets.token_hex(8)}.part"


async def _written(chunks: AsyncIterator[bytes], work: _Work) -> Written:
    try:
        async for chunk in chunks:
            if work.takes(chunk):
                await _in_thread(work.write)
        return await _in_thread(work.finish)
    finally:
        work.clear()


async def _in_thread(work: Callable[[], T]) -> T:
    """Do `work` in a thread, and wait for its end even when cancelled: it holds the file."""
    going = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(going)
    except asyncio.CancelledError:
        await asyncio.wait([going])
        raise


class _Work:
    """A picture being written: gathered in memory and written in few, large pieces.

    Each piece costs a hop to a thread, and most pictures are one piece.
    """

    def __init__(self, target: Path, *, beside: bool) -> None:
        self._target = target
        self._beside = beside
        self._part = target.with_name(part_name())
        self._file: IO[bytes] | None = None
        self._gathered = bytearray()
        self._digest = hashlib.sha256()
        self._head = b""
        self._size = 0

    def takes(self, chunk: bytes) -> bool:
        """Take a chunk in; tell whether there is enough for a write."""
        self._head += chunk[: formats.HEAD - len(self._head)]
        self._gathered += chunk
        return len(self._gathered) >= PIECE

    def write(self) -> None:
        """Write what was gathered."""
        if self._file is None:
            if not self._beside and self._target.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder; give a file's name")
            self._file = self._opened()
        self._digest.update(self._gathered)
        self._size += self._file.write(self._gathered)
        self._gathered.clear()

    def _opened(self) -> IO[bytes]:
        with contextlib.suppress(FileNotFoundError):
            return self._part.open("xb")
        # Of many pictures only the first one finds no folder.
        self._part.parent.mkdir(parents=True, exist_ok=True)
        return self._part.open("xb")

    def finish(self) -> Written:
        """Write the rest, make it durable, and put it in its place."""
        self.write()
        file = self._file
        assert file is not None  # noqa: S101 - opened by the write
        file.flush()
        _sync(file.fileno())
        seen = os.fstat(file.fileno())
        place = self._target
        if not place.suffix:
            place = place.with_suffix(_suffix(self._head))
        file.close()
        if self._beside:
            _keep(place, self._size, self._digest.digest())
        _replace(self._part, place)
        self._file = None
        _sync_folder(place.parent)
        return Written(place, self._size, seen.st_mtime_ns, self._digest.digest())

    def clear(self) -> None:
        """Remove what did not get to its place."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what could not be written cannot be flushed
                self._file.close()
            self._part.unlink(missing_ok=True)


def _sync(descriptor: int) -> None:
    """Make what was written durable."""
    if sys.platform == "darwin":  # where a plain sync stops at the drive's cache
        import fcntl

        with contextlib.suppress(OSError):  # a network's drive does not know it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can: the picture is in place anyway."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _replace(part: Path, target: Path) -> None:
    """Rename; on Windows wait a moment for a viewer or scanner that holds the target open."""
    for pause in _PAUSES:
        try:
            part.replace(target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
        time.sleep(pause)
    part.replace(target)


def _keep(path: Path, size: int, digest: bytes) -> None:
    """Give another name to what stands at `path`, unless it is what shall come there."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        return
    with contextlib.suppress(OSError):  # what cannot be read is not known to be the same
        if seen.st_size == size and hashlib.sha256(path.read_bytes()).digest() == digest:
            return
    path.replace(path.with_stem(f"{path.stem}-{seen.st_mtime_ns:x}"))


def _suffix(head: bytes) -> str:
    kind = formats.of(head)
    return kind.suffix if kind else ""
