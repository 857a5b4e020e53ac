"""Picture files on the disk: opened with care, recognised by a stamp, read in chunks.

Nothing that could block for ever is opened: regular files only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import stat
from collections.abc import AsyncGenerator, Iterator

from changeclothes_async import errors
from changeclothes_async.protocol import multipart, texts

_CACHED = 128 * 2**10
_FROM_DISK = 256 * 2**10
_NOWAIT = getattr(os, "RWF_NOWAIT", None)  # Linux has it

Stamp = tuple[int, ...]


async def chunks(content: multipart.Stored) -> AsyncGenerator[memoryview]:
    """Read a stored picture piece by piece, without ever waiting for the disk in the loop.

    Raises NotAnImage when the file is gone, or is not the one that was measured.
    """
    run = asyncio.get_running_loop().run_in_executor
    file = await run(None, _reopened, content)
    try:
        offset = 0
        while offset < content.size:
            chunk = _at_hand(file, offset)
            if chunk is None:
                chunk = await run(None, _read, file, offset)
            offset += len(chunk)
            if not chunk or offset > content.size:
                raise _changed(content.path)
            if offset == content.size:
                check_unchanged(file, content.path, content.stamp)
            yield chunk
            await asyncio.sleep(0)  # a fast receiver never makes a sender wait
    finally:
        file.close()


def _at_hand(file: io.FileIO, offset: int) -> memoryview | None:
    """Read what the page cache has, which takes no thread; None where the disk is needed.

    Into fresh memory each time: a transport may still hold a view of the piece before.
    """
    if _NOWAIT is None:
        return None
    piece = bytearray(_CACHED)
    try:
        size = os.preadv(file.fileno(), [piece], offset, _NOWAIT)
    except OSError:  # not in the cache, or a file system that cannot tell
        return None
    return memoryview(piece)[:size] if size else None


def _read(file: io.FileIO, offset: int) -> memoryview:
    file.seek(offset)
    return memoryview(file.read(_FROM_DISK))


def digested(path: str, before: Stamp | None = None) -> bytes:
    """Return a file's SHA-256; raises NotAnImage when it cannot be read, or is not as it was."""
    with read(path) as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        if before:
            check_unchanged(file, path, before)
    return digest


@contextlib.contextmanager
def read(path: str) -> Iterator[io.FileIO]:
    """Read a regular file; raises NotAnImage where it cannot be opened or read."""
    with opened(path) as file:
        try:
            yield file
            return
        except OSError as error:
            failure = _unusable(path, f"cannot be read ({error.strerror})")
    raise failure


def opened(path: str) -> io.FileIO:
    """Open a regular file for reading, or say why it cannot be."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - the path is text by now
            problem = "is a folder" if os.path.isdir(path) else "is not a regular file"  # noqa: PTH112
        else:
            return io.FileIO(path, "rb")
    except FileNotFoundError:
        problem = "does not exist"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise _unusable(path, problem)


def _unusable(path: str, problem: str) -> errors.NotAnImage:
    return errors.NotAnImage(
        f"{texts.path(path)} {problem}.",
        next_step="Give the path of a picture file, or a whole http(s) URL.",
    )


def _reopened(content: multipart.Stored) -> io.FileIO:
    file = opened(content.path)
    try:
        check_unchanged(file, content.path, content.stamp)
    except errors.NotAnImage:
        file.close()
        raise
    return file


def check_unchanged(file: io.FileIO, path: str, before: Stamp) -> None:
    """Raise NotAnImage when a file was written to, so that what was read of it may be torn."""
    if stamp(os.fstat(file.fileno())) != before:
        raise _changed(path)


def _changed(path: str) -> errors.NotAnImage:
    return errors.NotAnImage(
        f"{texts.path(path)} changed while it was being read.",
        next_step="Leave the file alone until the call is done, and call again.",
    )


def stamp_of(path: str) -> Stamp | None:
    """Return a file's stamp by its path; None where it cannot be had."""
    try:
        return stamp(os.stat(path))  # noqa: PTH116 - a Path costs more than the stat
    except OSError:
        return None


def stamp(seen: os.stat_result) -> Stamp:
    """Return what changes when a file is replaced or written to, also by who sets its time back."""
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
