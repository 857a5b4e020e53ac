"""Pictures on their way in: found, checked by their first bytes, digested, and read in chunks.

Rules of this file:

* A file up to SMALL is read once and kept, within KEPT, for all the jobs that use it.
* A larger one is never whole in memory: it is streamed, and a change meanwhile is an error.
* Nothing that could block for ever is opened: regular files only.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import io
import os
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from changeclothes_async import errors
from changeclothes_async.protocol import images, multipart

SMALL = 2 * 2**20
KEPT = 24 * 2**20
CHUNK = 256 * 2**10
_PNG_MODES = {"1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"}


class Reader:
    """Reads pictures for one client and remembers the small ones; safe from several threads."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, tuple[tuple[int, ...], multipart.Picture]] = OrderedDict()
        self._digests: dict[str, tuple[tuple[int, ...], bytes]] = {}
        self._copies: list[object] = []
        self._kept = 0
        self._lock = threading.Lock()

    async def ready(self, image: images.Image) -> images.Link | multipart.Picture:
        """Make a picture ready to be sent; a link stays a link.

        Raises NotAnImage for what is missing, empty, unreadable or no picture by its first bytes.
        """
        if isinstance(image, images.Link):
            return image
        if isinstance(image, images.Bytes):
            return multipart.Picture(image, _kind(image.data, "The picture in memory"))
        if isinstance(image, images.File):
            known = self._known(image.path)
            return known or await asyncio.to_thread(self._find, image.path)
        if isinstance(image, images.Stream):
            return await _spooled(image.handle)
        return await asyncio.to_thread(_encoded, image.image)

    async def digest(self, picture: images.Link | multipart.Picture) -> bytes:
        """Give 32 bytes that stand for what is sent: the content, or a link's address."""
        if isinstance(picture, images.Link):
            return _link_digest(picture)
        content = picture.content
        if isinstance(content, images.Bytes):
            return content.digest
        known = self._digests.get(content.path)
        if known is None or known[0] != content.stamp:
            known = (content.stamp, await asyncio.to_thread(_digested, content))
            self._digests[content.path] = known
        return known[1]

    async def settled(self, image: images.Image) -> images.Image:
        """Check and digest a picture for many jobs, and make it one that can be read again."""
        if isinstance(image, images.Link | images.File | images.Bytes):
            await self.digest_of(image)
            return image
        picture = await self.ready(image)
        assert isinstance(picture, multipart.Picture)  # noqa: S101 - only links stay links
        if isinstance(picture.content, images.Bytes):
            return picture.content
        self._copies.append(picture.content.keep)
        return images.File(picture.content.path)

    async def digest_of(self, image: images.Image) -> bytes:
        """Give a settled picture's digest without reading it again, unless it has changed."""
        if isinstance(image, images.File):
            known = self._digests.get(image.path)
            stamp = _stamp_of(image.path)
            if known and known[0] == stamp:
                return known[1]
            digest = await self.digest(await self.ready(image))
            self._digests[image.path] = (stamp or (), digest)
            return digest
        return await self.digest(await self.ready(image))

    def known_digest(self, image: images.Image) -> bytes:
        """Give a settled picture's digest as it was last seen; reads nothing."""
        if isinstance(image, images.File):
            return self._digests[image.path][1]
        if isinstance(image, images.Bytes):
            return image.digest
        return _link_digest(image)

    def size_of(self, image: images.Image) -> int:
        """Give a settled picture's size in bytes; 0 for a link, which is not uploaded."""
        if isinstance(image, images.File):
            stamp, _ = self._digests[image.path]
            return stamp[2]
        return len(image.data) if isinstance(image, images.Bytes) else 0

    def _known(self, path: str) -> multipart.Picture | None:
        """Give a picture that was read before and has not changed since."""
        kept = self._pictures.get(path)
        if kept is None:
            return None
        return kept[1] if _stamp_of(path) == kept[0] else None

    def _find(self, path: str) -> multipart.Picture:
        with self._lock:
            return self._known(path) or self._open(path)

    def _open(self, path: str) -> multipart.Picture:
        with _opened(path) as file:
            seen = os.fstat(file.fileno())
            small = seen.st_size <= SMALL
            data = file.read(SMALL if small else images.HEAD)
        kind = _kind(data, path)
        if small:
            picture = multipart.Picture(images.Bytes(data), kind)
            self._keep(path, _stamp(seen), picture)
            return picture
        return multipart.Picture(multipart.Stored(path, seen.st_size, _stamp(seen)), kind)

    def _keep(self, path: str, stamp: tuple[int, ...], picture: multipart.Picture) -> None:
        dropped = self._pictures.pop(path, None)
        self._kept += picture.size - (dropped[1].size if dropped else 0)
        self._pictures[path] = (stamp, picture)
        while self._kept > KEPT:
            _, (_, oldest) = self._pictures.popitem(last=False)
            self._kept -= oldest.size


def _link_digest(image: images.Image) -> bytes:
    if not isinstance(image, images.Link):
        raise TypeError(f"{image!r} was not settled")
    return hashlib.sha256(b"url " + image.url.encode()).digest()


async def chunks(content: multipart.Stored) -> AsyncIterator[bytes]:
    """Read a stored picture in CHUNK bytes at a time, each in a worker thread.

    Raises NotAnImage when the file is gone, or is not the one that was measured.
    """
    run = asyncio.get_running_loop().run_in_executor
    file = await run(None, _reopened, content)
    try:
        left = content.size
        while left:
            # Fresh bytes each time: a buffer of our own could be filled again while the
            # transport still holds a view of it.
            chunk = await run(None, file.read, min(CHUNK, left))
            if not chunk:
                raise _changed(content.path)
            left -= len(chunk)
            if not left:
                _check_unchanged(file, content)
            yield chunk
    finally:
        file.close()


def _digested(content: multipart.Stored) -> bytes:
    with _opened(content.path) as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        _check_unchanged(file, content)
    return digest


def _opened(path: str) -> io.FileIO:
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
    raise errors.NotAnImage(
        f"{path} {problem}.", next_step="Give the path of a picture file, or a whole http(s) URL."
    )


def _reopened(content: multipart.Stored) -> io.FileIO:
    file = _opened(content.path)
    try:
        _check_unchanged(file, content)
    except errors.NotAnImage:
        file.close()
        raise
    return file


def _check_unchanged(file: io.FileIO, content: multipart.Stored) -> None:
    if _stamp(os.fstat(file.fileno())) != content.stamp:
        raise _changed(content.path)


def _changed(path: str) -> errors.NotAnImage:
    return errors.NotAnImage(
        f"{path} changed while it was being sent.",
        next_step="Leave the file alone until the call is done, and call again.",
    )


def _stamp_of(path: str) -> tuple[int, ...] | None:
    try:
        return _stamp(os.stat(path))  # noqa: PTH116 - a Path costs more than the stat
    except OSError:
        return None


def _stamp(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _kind(data: bytes, name: str) -> images.Kind:
    if not data:
        raise errors.NotAnImage(
            f"{name} is empty.", next_step="Give a picture (an open file is read from where it is)."
        )
    kind = images.kind(data[: images.HEAD])
    if kind is None:
        raise errors.NotAnImage(
            f"{name} is not a picture: it begins with {data[:8]!r}.",
            next_step="Give a JPEG, PNG, WebP or another picture file.",
        )
    return kind


def _encoded(image: Any) -> multipart.Picture:
    file = io.BytesIO()
    try:
        # PNG has modes for all that PIL can hold but CMYK and the like.
        (image if image.mode in _PNG_MODES else image.convert("RGB")).save(file, "PNG")
    except (OSError, ValueError, SyntaxError) as error:
        broken = errors.NotAnImage(
            f"The PIL image cannot be encoded ({error}).", next_step="Load it whole first."
        )
    else:
        return multipart.Picture(images.Bytes(file.getvalue()), _kind(file.getvalue(), "The image"))
    raise broken


async def _spooled(handle: Any) -> multipart.Picture:
    """Read an open file to its end, into memory while it is small and onto disk beyond that.

    It is left open, and its owner's; the copy is what makes a second attempt possible.
    """
    start = b""
    while len(start) <= SMALL and (chunk := await _next(handle)):
        start += chunk
    kind = _kind(start, "The open file")
    if len(start) <= SMALL:
        return multipart.Picture(images.Bytes(start), kind)
    try:
        return multipart.Picture(await _copied(start, handle), kind)
    except OSError as error:
        no_room = errors.InvalidInput(
            f"The open file is large, and there is no room for its copy ({error.strerror}).",
            next_step="Make room in the folder for temporary files (TMPDIR), or give a path.",
        )
    raise no_room


async def _copied(start: bytes, handle: Any) -> multipart.Stored:
    copy = tempfile.NamedTemporaryFile(prefix="changeclothes-")  # noqa: SIM115 - lives as long as the body
    chunk = start
    while chunk:
        await asyncio.to_thread(copy.write, chunk)
        chunk = await _next(handle)
    copy.flush()
    seen = os.fstat(copy.fileno())
    return multipart.Stored(copy.name, seen.st_size, _stamp(seen), copy)


async def _next(handle: Any) -> bytes:
    read = handle.read
    try:
        if inspect.iscoroutinefunction(read):
            chunk = await read(CHUNK)
        else:
            chunk = await asyncio.to_thread(read, CHUNK)
            chunk = await chunk if inspect.isawaitable(chunk) else chunk
    except (OSError, ValueError) as error:
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
