"""Reads pictures for upload: checked by their first bytes, digested, and remembered.

Rules of this file:

* A file up to SMALL is read once and kept, within KEPT, for all the jobs that use it.
* A larger one is never whole in memory: it is streamed, and a change meanwhile is an error.
* The newest KNOWN digests are remembered; one that was forgotten is computed again.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from changeclothes_async.protocol import formats, images, multipart, texts
from changeclothes_async.transport import files, preparing, spooling

SMALL = 2 * 2**20
KEPT = 24 * 2**20
KNOWN = 100_000

T = TypeVar("T")

_WHAT = {
    images.Bytes: "The picture in memory",
    images.Stream: "The open file",
    images.Drawn: "The PIL image",
}


class Reader:
    """Reads pictures for one client and remembers the small ones; safe from several threads.

    With `edge` they are made upright and no larger than that many pixels.
    """

    def __init__(self, edge: int | None = None) -> None:
        self._edge = edge
        self._pictures: OrderedDict[str, tuple[files.Stamp, multipart.Part]] = OrderedDict()
        self._digests: OrderedDict[str, tuple[files.Stamp, bytes]] = OrderedDict()
        self._looked: OrderedDict[str, tuple[files.Stamp, bytes, int]] = OrderedDict()
        self._kept = 0
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[multipart.Part]] = {}
        self._threads = _threads()

    def close(self) -> None:
        """Let the threads end with what is under way; what is read later has new ones."""
        with self._lock:
            self._threads.shutdown(wait=False)
            self._threads = _threads()

    async def ready(self, image: images.Image) -> images.Link | multipart.Part:
        """Make a picture ready to be sent; a link stays a link.

        Raises NotAnImage for what is missing, empty, unreadable or no picture by its first bytes.
        """
        if isinstance(image, images.Link):
            return image
        if isinstance(image, images.File):
            return self._known(image.path) or await self._found(image)
        picture = await self._taken(image)
        if not self._edge:
            return picture
        return await self._in_thread(self._prepared, picture, _WHAT[type(image)])

    async def _taken(self, image: images.Bytes | images.Stream | images.Drawn) -> multipart.Part:
        if isinstance(image, images.Bytes):
            return multipart.Part(image, formats.checked(image.data, _WHAT[images.Bytes]))
        if isinstance(image, images.Stream):
            return await spooling.spooled(image.handle, SMALL)
        return await self._in_thread(spooling.encoded, image.image)

    async def _in_thread(self, work: Callable[..., T], *what: Any) -> T:
        with self._lock:  # another loop's `close` may take the threads away
            going = self._threads.submit(work, *what)
        return await asyncio.wrap_future(going)

    async def _found(self, image: images.File) -> multipart.Part:
        """Read a file, once for all who ask meanwhile, from whichever loops."""
        with self._lock:
            reading = self._under_way.get(image.path)
            if reading is None:
                reading = self._under_way[image.path] = self._threads.submit(self._open, image)
                reading.add_done_callback(lambda _: self._under_way.pop(image.path, None))
        return await asyncio.shield(asyncio.wrap_future(reading))

    def _prepared(self, picture: multipart.Part, what: str) -> multipart.Part:
        return preparing.prepared(picture, self._edge, what) if self._edge else picture

    async def digest(self, picture: images.Link | multipart.Part) -> bytes:
        """Return 32 bytes that stand for what is sent: the content, or a link's address."""
        content = picture if isinstance(picture, images.Link) else picture.content
        if isinstance(content, images.Link | images.Bytes):
            return content.digest
        known = self._digests.get(content.path)
        if known and known[0] == content.stamp:
            return known[1]
        digest = await self._in_thread(files.digested, content.path, content.stamp)
        self._remember(self._digests, content.path, (content.stamp, digest))
        if content.keep is not None:  # a temporary file, of which nothing may be left
            weakref.finalize(content.keep, self._digests.pop, content.path, None)
        return digest

    async def examined(self, image: images.Image) -> images.Image:
        """Check and digest a picture for many jobs, and make it one that can be read again."""
        if isinstance(image, images.Link):
            return image
        again = image if isinstance(image, images.File) else await self._copied(image)
        return await self._looked_at(again) if isinstance(again, images.File) else again

    async def _copied(self, image: images.Image) -> images.File | images.Bytes:
        picture = await self.ready(image)
        assert isinstance(picture, multipart.Part)  # noqa: S101 - only links stay links
        content = picture.content
        if isinstance(content, images.Bytes):
            return content
        return images.File(content.path, content.keep)

    async def _looked_at(self, image: images.File) -> images.File:
        stamp = files.stamp_of(image.path)
        known = self._looked.get(image.path)
        if known is None or known[0] != stamp:
            picture = await self.ready(image)
            assert isinstance(picture, multipart.Part)  # noqa: S101 - only links stay links
            known = (stamp or (), await self.digest(picture), picture.size)
            if image.keep is None:
                self._remember(self._looked, image.path, known)
        return replace(image, digest=known[1], size=known[2])

    def _remember(self, known: OrderedDict[str, T], path: str, fact: T) -> None:
        with self._lock:
            known.pop(path, None)
            known[path] = fact
            while len(known) > KNOWN:
                known.popitem(last=False)

    def _known(self, path: str) -> multipart.Part | None:
        """Return a picture that was read before and has not changed since."""
        kept = self._pictures.get(path)
        if kept is None:
            return None
        return kept[1] if files.stamp_of(path) == kept[0] else None

    def _open(self, image: images.File) -> multipart.Part:
        path = image.path
        if known := self._known(path):  # read for another call since this one looked
            return known
        with files.read(path) as file:
            seen = os.fstat(file.fileno())
            small = seen.st_size <= SMALL
            data = file.read(seen.st_size if small else formats.HEAD)
            files.check_unchanged(file, path, files.stamp(seen))
        kind = formats.checked(data, texts.path(path))
        if small:
            picture = multipart.Part(images.Bytes(data), kind)
        else:
            picture = multipart.Part(
                multipart.Stored(path, seen.st_size, files.stamp(seen), image.keep), kind
            )
        picture = self._prepared(picture, texts.path(path))
        if isinstance(picture.content, images.Bytes):
            self._keep(path, files.stamp(seen), picture)
        return picture

    def _keep(self, path: str, stamp: files.Stamp, picture: multipart.Part) -> None:
        with self._lock:
            dropped = self._pictures.pop(path, None)
            self._kept += picture.size - (dropped[1].size if dropped else 0)
            self._pictures[path] = (stamp, picture)
            while self._kept > KEPT:
                _, (_, oldest) = self._pictures.popitem(last=False)
                self._kept -= oldest.size


def _threads() -> ThreadPoolExecutor:
    # Not asyncio's own, whose threads feed uploads: a photograph may take seconds to prepare.
    return ThreadPoolExecutor(os.cpu_count() or 2, "changeclothes-reading")
