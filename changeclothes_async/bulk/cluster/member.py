"""The driver's side of one agent: orders on their way to it, and its reports on their way back.

Two exchanges go on at once, one that hands over orders and one that listens; each carries all that
has gathered since the one before. What fails on the way is sent again: by the numbers the agent
knows what it has taken, and this side what it has heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from changeclothes_async import errors
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.bulk.cluster.engine import Engine
from changeclothes_async.bulk.cluster.worker import ask_agent
from changeclothes_async.protocol import answers
from changeclothes_async.transport import flights, places

Late: TypeAlias = Callable[[answers.Ending], None]
Make: TypeAlias = Callable[[int, float], messages.Order]
"""Makes an order out of its number and the latest moment at which it may begin."""

FRESH = 30.0
"""Seconds after which an order that reaches its agent is not begun any more."""

_GATHERED = 0.03
_AGAIN = 0.5
_LEFT = "it left the cluster"
_SILENT = 5.0
_DEAF = 10.0  # longer, since pictures crowd out its signs of life where the way is narrow


def _nothing() -> None: ...


class Lost(Exception):
    """The agent is gone, or silent, with what it was asked for."""


class _Broken:
    """No answer came."""


class Member:
    """One agent as its driver knows it."""

    def __init__(self, engine: Engine, worker: str, name: str, hired: messages.Hired) -> None:
        self.worker = worker
        self.saves = hired.saves
        self._engine, self._name = engine, name
        self._outbox: dict[int, tuple[messages.Order, Callable[[], None]]] = {}
        self._orders = asyncio.Event()
        self._number = self._heard = 0
        self._waiting: dict[int, asyncio.Future[messages.Ending]] = {}
        self._late: dict[int, Late] = {}
        self._pictures: dict[bytes, asyncio.Future[None]] = {}
        self._set_clock(hired.now)
        self.gone: str | None = None
        self._is_listed, self._is_leaving = True, False
        self._loss: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._giving = asyncio.create_task(self._gives())
        self._listening = asyncio.create_task(self._listens())
        for task in (self._giving, self._listening):
            task.add_done_callback(self._ended)

    @property
    def load(self) -> int:
        """How many orders are out."""
        return len(self._waiting)

    def is_heard(self) -> bool:
        """Tell whether it gave a sign of life just now, and is not about to go."""
        return self.gone is None and self._stays and self._silence < _SILENT

    @property
    def _stays(self) -> bool:
        return self._is_listed and not self._is_leaving

    @property
    def _silence(self) -> float:
        return messages.now() - self._heard_at

    async def done(
        self,
        make: Make,
        limit: float,
        leaves: Callable[[], None] = _nothing,
        late: Late | None = None,
    ) -> messages.Ending:
        """Order something and wait for its end; `leaves` is called as the order goes out.

        Raises Lost, also after `limit` seconds; what is reported after that, or after whoever waits
        was cancelled, is told to `late`.
        """
        if self.gone is not None or not self._stays:  # since it was chosen
            raise Lost(self.gone or _LEFT)
        number = self._send(make, leaves)
        answer: asyncio.Future[messages.Ending] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(limit):
                return await answer
        except TimeoutError:
            if answer.done() and not answer.cancelled():
                return answer.result()  # it came in the same turn
            raise Lost("it did not report in time") from None
        except asyncio.CancelledError:
            if late and answer.done() and not (answer.cancelled() or answer.exception()):
                self._late[number] = late
                self._tell(messages.Report(number, answer.result()))
            raise
        finally:
            self._waiting.pop(number, None)
            is_out = self._outbox.pop(number, None) is None
            if late and is_out and answer.cancelled():
                self._late[number] = late

    async def has(self, digest: bytes, provide: Callable[[Member], Any]) -> None:
        """Make sure, once, that the agent has a picture.

        Raises NotAnImage, and Lost also where it falls silent: nothing was ordered yet, so whoever
        waits may go to another.
        """
        if digest not in self._pictures:
            self._pictures[digest] = asyncio.ensure_future(self._brought(provide))
            self._pictures[digest].add_done_callback(flights.look_at)
        bringing = self._pictures[digest]
        try:
            await asyncio.shield(bringing)
        except (errors.ChangeClothesError, Lost):
            if self._pictures.get(digest) is bringing:  # or somebody tries again already
                del self._pictures[digest]
            raise

    async def _brought(self, provide: Callable[[Member], Any]) -> None:
        bringing = asyncio.ensure_future(provide(self))
        try:
            while not (await asyncio.wait({bringing}, timeout=_SILENT))[0]:
                if self._silence > _DEAF:
                    raise Lost("it did not answer")
            await bringing
        finally:
            bringing.cancel()

    async def ask(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Have the agent do something, and again until it is known to be done. Raises Lost."""
        request = messages.Request(method, arguments)
        while self.gone is None:
            answer = await self._answer(request)
            if isinstance(answer, messages.NoAgent):
                self.lose("its process restarted" if self._stays else _LEFT)
            elif isinstance(answer, Exception):
                raise answer
            elif not isinstance(answer, _Broken):
                return answer
        raise Lost(self.gone)

    async def _answer(self, request: messages.Request) -> Any:
        """Return an answer, or `_Broken` where none came, at the latest when the agent is lost."""
        was_listed = self._is_listed  # the scheduler breaks off what it asks as it strikes one off
        asking = asyncio.ensure_future(
            self._engine.run(self.worker, ask_agent, self._name, request)
        )
        try:
            await asyncio.wait({asking, self._loss}, return_when=asyncio.FIRST_COMPLETED)
            if self.gone is None and asking.exception():
                # dask's own, of many kinds: the way there is broken, or the worker.
                await asyncio.wait({self._loss}, timeout=_AGAIN)
                if not was_listed:
                    self.lose(_LEFT)
            return asking.result() if asking.done() and not asking.exception() else _Broken()
        finally:
            asking.cancel()

    def note_listed(self, listed: bool) -> None:
        """Take note of whether the cluster counts it in; to be said again and again.

        One that is not may still answer, as a retired one does until it has ended: it gets no new
        orders, and what it has in its hands is in flight until it cannot be reached.
        """
        self._is_listed = listed
        if not listed and self._silence > _SILENT:
            self.lose(_LEFT)

    def lose(self, reason: str) -> None:
        """Take note that the agent is gone, and tell all who wait for it."""
        if self.gone is None:
            self.gone = reason
            self._loss.set_result(None)
            self._orders.set()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Lost(reason))

    async def dismiss(self) -> None:
        """End the agent, and hear it out."""
        if self.gone is None:
            await self.ask(Agent.close)
            await asyncio.wait({self._listening})

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.lose(f"its agent failed ({type(error).__name__})")

    def _send(self, make: Make, leaves: Callable[[], None]) -> int:
        self._number += 1
        order = make(self._number, messages.now() + self._ahead + FRESH)
        self._outbox[self._number] = order, leaves
        self._orders.set()
        return self._number

    async def _gives(self) -> None:
        while self.gone is None:
            await self._orders.wait()
            self._orders.clear()
            await asyncio.sleep(_GATHERED)
            going, self._outbox = list(self._outbox.values()), {}
            for _, leaves in going:
                leaves()
            if going:
                self._set_clock(await self.ask(Agent.take, [order for order, _ in going]))

    async def _listens(self) -> None:
        while self.gone is None:
            heard: messages.Heard = await self.ask(Agent.hear, self._heard)
            self._set_clock(heard.now)
            self._heard, self._is_leaving = heard.serial, heard.leaving
            for report in heard.reports:
                self._tell(report)

    def _tell(self, report: messages.Report) -> None:
        answer = self._waiting.get(report.number)
        if answer and not answer.done():
            answer.set_result(report.outcome)
        elif late := self._late.pop(report.number, None):
            assert not isinstance(report.outcome, places.Saved)  # noqa: S101 - an attempt's end
            late(report.outcome)

    def _set_clock(self, agents: float) -> None:
        # Its clock is read before the answer travels, so `_ahead` is too small rather than too
        # large, and an order goes stale too soon rather than too late.
        self._heard_at = messages.now()
        self._ahead = agents - self._heard_at
