"""An event loop whose time jumps to the next timer when nothing else can happen.

A pause of minutes takes no time, a timeout of five minutes neither, and both happen in their order.
Real sockets work as ever; the loop never jumps while a worker thread, or a ledger's, is busy.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

from changeclothes_async.bulk.ledger import writing

_GRACE = 0.02  # what loopback may need to deliver a segment that is on its way


class _Jumping(selectors.DefaultSelector):
    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= _GRACE or self.loop.busy:
            return super().select(timeout)
        events = super().select(_GRACE)
        if not events and not self.loop.busy:
            self.loop.ahead += timeout - _GRACE
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop on real sockets, with a clock that does not wait."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.busy = 0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return super().time() + self.ahead

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        future = super().run_in_executor(executor, function, *args)
        self.wait_for(future)
        return future

    def wait_for(self, work: asyncio.Future[Any]) -> None:
        """Let no time pass until what a thread works at is done."""
        self.busy += 1
        work.add_done_callback(self._idle)

    async def shutdown_default_executor(self, *limit: Any) -> None:
        self.busy += 1
        try:
            await super().shutdown_default_executor(*limit)
        finally:
            self.busy -= 1

    def _idle(self, _: Any) -> None:
        self.busy -= 1


class Worker(writing.Worker):
    """A ledger's thread, for which the time of such a loop stands still while it has orders."""

    def submit(self, work: Any, *arguments: Any) -> writing.Order[Any]:
        order = super().submit(work, *arguments)
        loop = asyncio.get_running_loop()
        if isinstance(loop, JumpingLoop):
            loop.wait_for(order.future)
        return order
