"""A call under way, in a task of its own that those who wait for it may leave.

Rules of this file:

* What is on the wire arrives, whoever leaves: it may be paid for already. (A shield would not do:
  it does not stop a native `task.cancel()` of the task that the request itself runs in.)
* A call that is not on the wire is given up when the last one who waits for it leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Self, TypeVar

from changeclothes_async import errors

T = TypeVar("T")


class Flight(Generic[T]):
    """One call under way; `on_wire` is set by whoever makes it.

    `left` is called with its task when the last one who waits leaves it on the wire, or leaves
    without its result.
    """

    def __init__(self, left: Callable[[asyncio.Task[T]], object] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.on_wire = False
        self._left = left
        self._waiters: list[asyncio.Future[None]] = []

    def begin(self, work: Coroutine[Any, Any, T]) -> Self:
        """Do the work of the call."""
        # Not by way of the loop's own factory, which may start it before anybody waits for it.
        self.task = asyncio.Task(work, loop=self.loop)
        self.task.add_done_callback(self._landed)
        return self

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._waiters)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to join any more."""
        return self.task.done() or not (self._waiters or self.on_wire)

    async def joined(self) -> T:
        """Wait for the call, together with all who do; may be cancelled without breaking it off."""
        if not self.task.done():
            await self._waited()
        if self.task.cancelled():  # by a stranger; a report of its own error would show the key
            raise asyncio.CancelledError
        if isinstance(error := self.task.exception(), errors.ChangeClothesError):
            # The message says it all; the traceback adds nothing, and grows with every waiter.
            raise error.with_traceback(None)
        return self.task.result()

    async def _waited(self) -> None:
        waiter = self.loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if self._waiters == [waiter]:
                self._leave()
            raise
        finally:
            self._waiters.remove(waiter)

    def _leave(self) -> None:
        if not (self.on_wire or self.task.done()):
            self.task.cancel()
        elif self._left:  # also when it has just ended, and whoever waited did not get its result
            self._left(self.task)

    def _landed(self, task: asyncio.Task[T]) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        look_at(task)


def look_at(future: asyncio.Future[Any]) -> None:
    """Look at an error that perhaps nobody waits for: asyncio complains of one that nobody saw."""
    if not future.cancelled():
        future.exception()
