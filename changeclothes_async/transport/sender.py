"""What all calls of one event loop share: session, limits, and the attempts under way.

An attempt belongs to the sender, not to its caller: one that was begun is let arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from changeclothes_async import settings
from changeclothes_async.transport import downloads, limits, session

T = TypeVar("T")


@dataclass(slots=True)
class Counts:
    """What a sender has done so far."""

    sent: int = 0
    retried: int = 0
    paid: int = 0
    failed: int = 0
    unsure: int = 0


class Sender:
    """One event loop's session, limits, counts, and attempts under way."""

    def __init__(
        self, options: settings.Settings, given: aiohttp.ClientSession | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.session = session.Session(options, given)
        self.downloads = downloads.Downloads(options.fetching)
        self.limits = limits.Limits(options)
        self.counts = Counts()
        self.attempts: set[asyncio.Task[Any]] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self.aborting = False
        self.closing = False
        self._shutting = asyncio.Lock()
        self._keeper = _kept(self.session, self.downloads)

    async def open(self) -> None:
        """Tie the session's life to the loop's."""
        await anext(self._keeper)

    def shut(self) -> None:
        """Start no further attempt, and tell those who wait for one; from any thread."""
        self.closing = True
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(self.limits.close)

    async def close(self) -> None:
        """Wait for the attempts under way, then close the session; no further one is started."""
        self.shut()
        while under_way := self.attempts | self._chores:
            await asyncio.wait(under_way)
        async with self._shutting:  # a generator cannot be closed twice at once
            await self._keeper.aclose()

    async def abort(self) -> None:
        """Stop the attempts under way now; each ends as Unsure, or NotSent where that is known."""
        self.aborting = True
        while self.attempts:  # a slot that is given back may let one more begin
            for attempt in self.attempts:
                attempt.cancel()
            await asyncio.wait(self.attempts)
        self.aborting = False

    def adopt(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` when the attempts now under way have ended; `close` waits for it too."""
        under_way = set(self.attempts)

        async def afterwards() -> None:
            if under_way:
                await asyncio.wait(under_way)
            await work

        return track(self._chores, afterwards())


def track(tasks: set[asyncio.Task[T]], work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Do `work` in a task that is among the `tasks` until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def _kept(*sessions: session.Session | downloads.Downloads) -> AsyncGenerator[None]:
    """Close sessions with the loop: one that ends closes its asynchronous generators.

    That is the one sign of it that a library can get, and so no session is left unclosed where
    nobody called `aclose()`. No method, since a cycle would be collected in any order.
    """
    try:
        yield
    finally:
        for each in sessions:
            await each.close()
