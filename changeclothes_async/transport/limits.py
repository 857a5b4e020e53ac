"""How many attempts are on the wire at once, how many a minute, and when all of them pause.

One `Limits` serves one event loop. A slot is held only while on the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

import anyio

from changeclothes_async import errors, settings


@dataclass(slots=True, eq=False)
class Slot:
    """The right to one attempt on the wire; `pauses` counts the common pauses before it."""

    pauses: int = 0


class Place:
    """A caller's place in the queue, which it leaves once: at the end of a `with` at the latest."""

    __slots__ = ("_is_kept", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_kept = True
        limits.waiting += 1

    def leave(self) -> None:
        """Count no longer."""
        self._limits.waiting -= self._is_kept
        self._is_kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Limits:
    """Slots, pace and the common pause of a client in one loop."""

    def __init__(self, options: settings.Settings) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = options.max_concurrency
        self._slots = anyio.CapacityLimiter(self._most)
        self._spacing = 60.0 / options.max_per_minute if options.max_per_minute else 0.0
        # With a pace, one caller at a time waits for it and for a slot, the others behind.
        self._turn = asyncio.Lock() if self._spacing else contextlib.nullcontext()
        self._next_start = 0.0
        self._open_at = 0.0
        self._pauses = 0
        self._calm = 0
        self._closed = asyncio.Event()
        self.waiting = 0

    @property
    def in_flight(self) -> int:
        """How many slots are held now."""
        return self._slots.borrowed_tokens

    @property
    def allowed(self) -> int:
        """How many slots there are now; fewer than asked for after the service refused."""
        return int(self._slots.total_tokens)

    @property
    def pause_left(self) -> float:
        """How many seconds the common pause still takes."""
        return max(0.0, self._open_at - self._loop.time())

    def admit(self, max_waiting: int) -> None:
        """Raise TooManyWaiting where one more caller would have to queue beyond `max_waiting`."""
        # Those who read their pictures wait too, also where a slot is free for them.
        if self.waiting >= max_waiting + max(0, self._slots.available_tokens):
            raise errors.TooManyWaiting(
                "The queue is full: as many callers as "
                f"max_waiting={max_waiting} allows are already waiting."
            )

    def is_free(self) -> bool:
        """Tell whether a slot costs nothing: neither a wait, nor one of a minute's starts."""
        return (
            not self._spacing
            and self._slots.available_tokens > self.waiting
            and self._loop.time() >= self._open_at
        )

    def queued(self) -> Place:
        """Count a caller as waiting, from its admission until it has a slot or leaves its place."""
        return Place(self)

    async def slot(self) -> Slot:
        """Wait for the pause to end, for the pace, and for a free slot; in that order.

        Once closed, only for a free slot, with which nothing will be sent.
        """
        slot = Slot()
        while True:
            await self._opened()
            async with self._turn:
                await self._until(self._next_start)
                await self._taken(slot)
                now = self._loop.time()
                if now >= self._open_at or self._closed.is_set():
                    # Only who starts moves the pace on; who gives up waiting leaves it as it is.
                    self._next_start = now + self._spacing
                    slot.pauses = self._pauses
                    return slot
                self.give_back(slot)

    def give_back(self, slot: Slot) -> None:
        """Free a slot."""
        self._slots.release_on_behalf_of(slot)

    def close(self) -> None:
        """End all waits for a pause or the pace; called in the loop itself."""
        self._closed.set()

    async def rest(self, seconds: float) -> None:
        """Wait, as between two attempts of one call; once closed, no longer."""
        await self._until(self._loop.time() + seconds)

    def refused(self, slot: Slot, seconds: float) -> None:
        """Pause everyone together, and halve the slots: once for all attempts of one wave."""
        self._open_at = max(self._open_at, self._loop.time() + seconds)
        self._calm = 0
        if slot.pauses == self._pauses:
            self._pauses += 1
            self._slots.total_tokens = max(1, self.allowed // 2)

    def went_well(self) -> None:
        """Give some slots back to the limit after each round of attempts without a refusal."""
        if self.allowed == self._most:
            return
        self._calm += 1
        if self._calm >= self.allowed:
            self._calm = 0
            self._slots.total_tokens = min(self._most, self.allowed + max(1, self._most // 16))

    async def _opened(self) -> None:
        # It may be put off meanwhile.
        while self._loop.time() < self._open_at and not self._closed.is_set():
            await self._until(self._open_at)

    async def _taken(self, slot: Slot) -> None:
        try:
            self._slots.acquire_on_behalf_of_nowait(slot)
        except anyio.WouldBlock:
            await self._slots.acquire_on_behalf_of(slot)

    async def _until(self, moment: float) -> None:
        if moment > self._loop.time():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(moment):
                    await self._closed.wait()
