"""Pictures that can be read only once, or must be encoded first: copied so that they can be sent.

An open file is read from where it stands and left open; it is its owner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import tempfile
import weakref
from typing import Any

from changeclothes_async import errors
from changeclothes_async.protocol import images, multipart
from changeclothes_async.transport import files

_CHUNK = 256 * 2**10
_PNG_MODES = {"1", "L", "LA", "I;16", "P", "RGB", "RGBA"}


def encoded(image: Any) -> multipart.Picture:
    """Encode a PIL image as PNG. Raises NotAnImage."""
    file = io.BytesIO()
    try:
        # PNG has modes for all that PIL can hold but CMYK and the like.
        (image if image.mode in _PNG_MODES else image.convert("RGB")).save(file, "PNG")
    except Exception as error:  # Pillow's codecs raise whatever they like
        broken = errors.NotAnImage(
            f"The PIL image cannot be encoded ({error}).", next_step="Load it whole first."
        )
    else:
        return multipart.Picture(
            images.Bytes(file.getvalue()), images.checked(file.getvalue(), "The image")
        )
    raise broken


async def spooled(handle: Any, small: int) -> multipart.Picture:
    """Read an open file to its end: up to `small` bytes into memory, onto the disk beyond that.

    Raises NotAnImage, or InvalidInput where there is no room for the copy.
    """
    start = b""
    while len(start) <= small and (chunk := await _next(handle)):
        start += chunk
    kind = images.checked(start, "The open file")
    if len(start) <= small:
        return multipart.Picture(images.Bytes(start), kind)
    try:
        return multipart.Picture(await _copied(start, handle), kind)
    except OSError as error:
        no_room = errors.InvalidInput(
            f"The open file is large, and there is no room for its copy ({error.strerror}).",
            next_step="Make room in the folder for temporary files (TMPDIR), or give a path.",
        )
    raise no_room


class _Copy:
    """A temporary file that goes away with the last body that needs it."""

    def __init__(self) -> None:
        descriptor, self.path = tempfile.mkstemp(prefix="changeclothes-")
        self._gone = weakref.finalize(self, _remove, self.path)
        os.close(descriptor)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - runs at exit too, where less is more


async def _copied(start: bytes, handle: Any) -> multipart.Stored:
    copy = await asyncio.to_thread(_Copy)
    chunk = start
    with io.FileIO(copy.path, "wb") as file:
        while chunk:
            await asyncio.to_thread(_write_all, file, chunk)
            chunk = await _next(handle)
        seen = os.fstat(file.fileno())
    return multipart.Stored(copy.path, seen.st_size, files.stamp(seen), copy)


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    """Write every byte: a full disk may take some of them without an error."""
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


async def _next(handle: Any) -> bytes:
    read = handle.read
    try:
        if inspect.iscoroutinefunction(read):
            chunk = await read(_CHUNK)
        else:
            chunk = await asyncio.to_thread(read, _CHUNK)
            chunk = await chunk if inspect.isawaitable(chunk) else chunk
    except Exception as error:  # it is anybody's object; a cut gzip file raises EOFError
        failure = errors.NotAnImage(
            f"The open file cannot be read ({error}).", next_step="Open it again and call again."
        )
    else:
        if chunk is None or isinstance(chunk, bytes | bytearray):
            return bytes(chunk or b"")
        failure = errors.NotAnImage(
            "The open file gives text.", next_step='Open it with mode "rb" and call again.'
        )
    raise failure
