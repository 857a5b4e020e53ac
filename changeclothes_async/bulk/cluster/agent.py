"""An agent: in a worker's process it makes the attempts that a run's driver orders, and no other.

Rules of this file:

* An order is obeyed once: one that comes again, or too late, is not begun.
* Nothing is tried again here, and nothing is decided about money; every end is reported, and kept
  until the driver is known to have heard of it.
* A driver that is not heard of any more is dead: its agent lets what is under way arrive, and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from changeclothes_async import errors, results, settings
from changeclothes_async.bulk.calls import callers
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.protocol import answers, images, multipart
from changeclothes_async.transport import files, places, reading, sender, sending, uploads

_DOWNLOADS = 16
_GATHERED = 0.03  # seconds in which reports gather, so that many travel together
_LISTENING = 1.0
_HEARD_OUT = 3.0
_LEAVING = 30.0  # as long as dask waits for its own tasks
_PULSE, _PATIENCE = 10.0, 30


class Agent:
    """One run's hands in one worker's process; `scratch` is where it may keep files meanwhile."""

    def __init__(
        self,
        options: settings.Settings,
        place: places.Place,
        on_end: Callable[[], object],
        scratch: str | None = None,
    ) -> None:
        self._sender = sender.Sender(options)
        self._fetcher = results.Fetcher(options.fetching, lambda: self._sender.downloads)
        self._place = place
        self._reader = reading.Reader()
        self._pictures: dict[bytes, str] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="changeclothes-", dir=scratch)
        self._downloads = asyncio.Semaphore(_DOWNLOADS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = self._serial = 0
        self._reports: deque[tuple[int, messages.Report]] = deque()
        self._news, self._all_heard = asyncio.Event(), asyncio.Event()
        self._silence = 0
        self._is_leaving = False
        self._on_end = on_end
        self._pulse = asyncio.create_task(self._beat())

    async def open(self) -> None:
        """Tie its connections to the worker's loop."""
        await self._sender.open()

    async def take(self, orders: Sequence[messages.Order]) -> float:
        """Begin what is ordered, but nothing twice: in doubt, orders come again.

        They are numbered in the order in which they are sent. Returns this agent's clock.
        """
        for order in orders:
            if order.number > self._taken:
                self._taken = order.number
                sender.track(self._tasks, self._done(order))
        return messages.now()

    async def hear(self, heard: int) -> messages.Heard:
        """Wait a while for reports after the serial number `heard`; forget those up to it."""
        self._silence = 0
        while self._reports and self._reports[0][0] <= heard:
            self._reports.popleft()
        if heard >= self._serial:
            self._all_heard.set()
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), _LISTENING)
                await asyncio.sleep(_GATHERED)
            except TimeoutError:
                pass
        reports = tuple(report for _, report in self._reports)
        return messages.Heard(messages.now(), self._serial, reports, self._is_leaving)

    async def find(self, digest: bytes, path: str) -> bool:
        """Tell whether this machine has a picture, by itself or in storage that it shares."""
        if digest not in self._pictures and await asyncio.to_thread(_digested, path) == digest:
            self._pictures[digest] = path
        return digest in self._pictures

    async def keep(self, digest: bytes, data: bytes) -> None:
        """Keep a picture on the disk for as long as the run goes. Raises NotSent."""
        path = Path(self._folder.name, digest.hex())
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as error:
            raise errors.NotSent(f"A worker cannot keep a picture ({error}).") from None
        self._pictures[digest] = str(path)

    async def leave(self) -> None:
        """Let what is under way arrive before the worker ends, but do not hold it up for long.

        Nothing more is begun, and the driver is told; an order that it had sent by then comes back.
        """
        self._is_leaving = True
        self._serial += 1  # as a report has, which shows when it was heard
        self._news.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        await self.close()

    async def close(self) -> None:
        """Stop what is under way, for which nobody waits any more, and end when that was heard."""
        self._pulse.cancel()
        await self._sender.abort()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._reports or self._is_leaving:
            self._all_heard.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_heard.wait(), _HEARD_OUT)
        await self._end()
        self._news.set()

    async def _end(self) -> None:
        await self._sender.close()
        await asyncio.to_thread(self._folder.cleanup)
        self._on_end()

    async def _beat(self) -> None:
        # In beats, not by the clock: a worker that was frozen has lost no time of its own.
        while self._silence < _PATIENCE:
            await asyncio.sleep(_PULSE)
            self._silence += 1
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._end()

    async def _done(self, order: messages.Order) -> None:
        try:
            if self._is_leaving:
                words = "Its worker was leaving the cluster, and did not begin it."
                outcome: messages.Ending = _failed(order, words, errors.NotSent)
            elif isinstance(order, messages.DownloadOrder):
                outcome = await self._saved(order)
            else:
                outcome = await sender.track(self._sender.attempts, self._made(order))
        except errors.ChangeClothesError as error:
            outcome = messages.bare(error)
        except Exception as defect:
            outcome = _failed(order, f"A worker failed at this ({type(defect).__name__}).")
        self._serial += 1
        self._reports.append((self._serial, messages.Report(order.number, outcome)))
        self._news.set()

    async def _made(self, order: messages.AttemptOrder) -> answers.Made:
        pictures = [(name, await self._ready(picture)) for name, picture in order.pictures]
        upload = uploads.Upload(multipart.body(order.texts, pictures))
        if messages.now() > order.begin_by:
            raise errors.NotSent("The order reached its worker too late, and was not begun.")
        try:
            outcome = await self._sender.session.post(order.url, upload, order.timeout)
        except asyncio.CancelledError:
            outcome = sending.interrupted(upload)
            outcome.final = False  # another worker may send it
        if isinstance(outcome, answers.Made):
            return outcome
        raise outcome

    async def _ready(self, picture: images.Link | bytes) -> images.Link | multipart.Part:
        if isinstance(picture, images.Link):
            return picture
        path = self._pictures[picture]
        ready = await self._reader.ready(images.File(path))
        if await self._reader.digest(ready) != picture:
            raise callers.picture_changed(path)
        return ready

    async def _saved(self, order: messages.DownloadOrder) -> places.Saved:
        async with self._downloads:
            return await self._fetcher(
                order.url, lambda chunks: self._place.save(chunks, order.name)
            )


def _digested(path: str) -> bytes | None:
    try:
        return files.digested(path)
    except errors.NotAnImage:
        return None


def _failed(
    order: messages.Order, words: str, attempt: type[errors.ChangeClothesError] = errors.Unsure
) -> errors.ChangeClothesError:
    if isinstance(order, messages.DownloadOrder):
        return errors.DownloadFailed(words, url=order.url)
    return attempt(words)
