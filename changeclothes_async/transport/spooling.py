"""Pictures that can be read only once, or must be encoded first: copied so that they can be sent.

Rules of this file:

* An open file is read from where it stands and left open; it is its owner's.
* Calls that ask for one open file at the same time share one reading of it: each would get every
  other piece, and a torn picture is paid for like a whole one.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import tempfile
import threading
import weakref
from concurrent.futures import Future
from typing import Any

from changeclothes_async import errors
from changeclothes_async.protocol import formats, images, multipart
from changeclothes_async.transport import files, preparing

_CHUNK = 256 * 2**10
_PNG_MODES = {"1", "L", "LA", "I;16", "P", "RGB", "RGBA"}
_CLEAR = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}  # what keeps the transparency of others
_AT_ITS_END = (
    "Give one with a picture after its current position; it is read once, so for several calls "
    "give its path or its bytes."
)
_under_way: dict[int, Future[multipart.Part]] = {}  # by the id of a file that is being read
_loading = threading.Lock()


def encoded(image: Any) -> multipart.Part:
    """Encode a PIL image as PNG, upright if it is as it was opened. Raises NotAnImage."""
    file = io.BytesIO()
    try:
        own = _copied_image(image)
        own.save(file, "PNG")  # a copy, since Pillow notes in an image how it is being saved
    except Exception as error:  # Pillow's codecs raise whatever they like
        broken = errors.NotAnImage(
            f"The PIL image cannot be encoded ({error}).", next_step="Load it whole first."
        )
    else:
        return multipart.Part(
            images.Bytes(file.getvalue()), formats.checked(file.getvalue(), "The image")
        )
    raise broken


def _copied_image(image: Any) -> Any:
    """Copy a PIL image into one that PNG can hold."""
    with _loading:  # an image loads itself at its first use, and in one thread only
        # The note on how to turn it ends here; what was made of an opened image, and may have been
        # turned by hand, has no format.
        own = (preparing.upright(image) if image.format else image).copy()
    if own.mode in _PNG_MODES:  # all that PIL can hold but CMYK and the like
        return own
    own = own.convert(_CLEAR.get(own.mode, "RGB"))
    own.info.pop("icc_profile", None)  # of the colours that it had
    return own


async def spooled(handle: Any, small: int) -> multipart.Part:
    """Read an open file to its end, once for all who ask meanwhile, from whichever loops.

    Up to `small` bytes stay in memory, more go onto the disk.
    Raises NotAnImage, or InvalidInput where there is no room for the copy.
    """
    own: Future[multipart.Part] = Future()
    own.set_running_or_notify_cancel()  # none who waits can cancel it for all
    reading = _under_way.setdefault(id(handle), own)  # at once, whichever thread asks
    if reading is not own:
        return await asyncio.wrap_future(reading)
    try:
        picture = await _read(handle, small)
        reading.set_result(picture)
        return picture
    except errors.ChangeClothesError as error:
        reading.set_exception(error)
        raise
    finally:
        del _under_way[id(handle)]
        if not reading.done():
            reading.set_exception(
                errors.NotAnImage(
                    "The open file was being read for another call, which was given up.",
                    next_step="Open it again and call again.",
                )
            )


async def _read(handle: Any, small: int) -> multipart.Part:
    start = b""
    while len(start) <= small and (chunk := await _next(handle)):
        start += chunk
    kind = formats.checked(start, "The open file", _AT_ITS_END)
    if len(start) <= small:
        return multipart.Part(images.Bytes(start), kind)
    try:
        return multipart.Part(await _copied(start, handle), kind)
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
        self._gone = weakref.finalize(self, _remove, self.path, os.getpid())
        os.close(descriptor)


def _remove(path: str, process: int) -> None:
    if os.getpid() != process:
        return  # a forked child's end is not the end of its parent's upload
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
        step = "Open it again and call again."
        if isinstance(error, TypeError):  # a response, or a form's part: its `read` takes no size
            step = "Give the bytes that it reads."
        failure = errors.NotAnImage(f"The open file cannot be read ({error}).", next_step=step)
    else:
        if chunk is None or isinstance(chunk, bytes | bytearray):
            return bytes(chunk or b"")
        failure = errors.NotAnImage(
            "The open file gives text.", next_step='Open it with mode "rb" and call again.'
        )
    raise failure
