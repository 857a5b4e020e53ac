"""A client's senders, one for each event loop it is used in; loops may be in several threads."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from changeclothes_async import errors, settings

if TYPE_CHECKING:  # aiohttp loads with the first call, not with the package
    from changeclothes_async.transport.downloads import Downloads
    from changeclothes_async.transport.sender import Sender


@dataclass(frozen=True, slots=True)
class Stats:
    """A client's calls at this moment: under way, waiting for a slot, and ended so far.

    `failed` counts attempts that ended in any error, `unsure` those of them that may have been
    paid without an answer; `limit` is below `max_concurrency` after the service asked for less.
    """

    in_flight: int = 0
    waiting: int = 0
    limit: int = 0
    sent: int = 0
    retried: int = 0
    paid: int = 0
    failed: int = 0
    unsure: int = 0


class Senders:
    """Gives each loop its own sender, and counts over all of them."""

    def __init__(self, options: settings.Settings, given: Any = None) -> None:
        self._options = options
        self._given = given
        self._by_loop: dict[asyncio.AbstractEventLoop, Sender] = {}
        self._ended: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = False

    async def here(self) -> Sender:
        """Return the running loop's sender, made at its first call. Raises ClientClosed."""
        if self._closed:
            raise errors.ClientClosed("This client was closed.")
        loop = asyncio.get_running_loop()
        return self._by_loop.get(loop) or await self._made(loop)

    def downloads(self) -> Downloads | None:
        """Return the running loop's downloads; None where the client has none here any more."""
        sender = self._known()
        return sender.downloads if sender and not self._closed else None

    def stats(self) -> Stats:
        """Count over all loops the client was used in."""
        senders, counts = list(self._by_loop.values()), Counter(self._ended)
        for sender in senders:
            counts.update(asdict(sender.counts))
        return Stats(
            in_flight=sum(sender.limits.in_flight for sender in senders),
            waiting=sum(sender.limits.waiting for sender in senders),
            limit=sum(sender.limits.allowed for sender in senders) or self._options.max_concurrency,
            **counts,
        )

    @property
    def are_calling(self) -> bool:
        """Whether there are calls on the wire, of any loop that goes on."""
        return any(
            sender.attempts for loop, sender in list(self._by_loop.items()) if loop.is_running()
        )

    def abort(self) -> asyncio.Future[None]:
        """Stop this loop's attempts now; what is returned is done when they have ended."""
        return asyncio.ensure_future(self._by_loop[asyncio.get_running_loop()].abort())

    def adopt(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Do `work` when the attempts under way in this loop have ended.

        Returns the task where there are none, so that it is worth waiting for.
        """
        sender = self._by_loop[asyncio.get_running_loop()]
        idle = not sender.attempts
        task = sender.adopt(work)
        return task if idle else None

    async def close(self) -> None:
        """Let the calls under way in this loop arrive; no attempt begins in any loop after."""
        self._closed = True
        for each in list(self._by_loop.values()):
            each.shut()
        if sender := self._known():
            await sender.close()

    def _known(self) -> Sender | None:
        return self._by_loop.get(asyncio.get_running_loop())

    async def _made(self, loop: asyncio.AbstractEventLoop) -> Sender:
        from changeclothes_async.transport.sender import Sender

        with self._lock:  # loops of several threads may tidy up at once
            for old in [known for known in list(self._by_loop) if known.is_closed()]:
                self._ended.update(asdict(self._by_loop.pop(old).counts))
        sender = self._by_loop[loop] = Sender(self._options, self._given)
        if self._closed:  # by another thread, since it was asked for
            sender.shut()
        await sender.open()
        return sender
