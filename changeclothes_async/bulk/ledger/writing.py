"""A thread that owns one connection: what gathers while it commits goes into the next commit.

* The event loop never waits: it leaves an order and awaits a future of its own.
* A loop rings for the thread when a turn of it has brought no more orders: all of them share a
  commit, and the thread does not fight a busy loop for Python's lock. It waits a moment at most,
  since a loop may be stuck, or closed before it could ring.
* A loop is woken once for a whole commit, however many of its callers it answers.
* Work that refuses (a `LedgerError`) fails alone; any other error undoes the whole commit and
  is reported to all whose work was in it, and the thread goes on to the next.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar, TypeVarTuple

from changeclothes_async import errors

T = TypeVar("T")
With = TypeVarTuple("With")
Begin: TypeAlias = Callable[[sqlite3.Connection], object]
Blame: TypeAlias = Callable[[Exception], errors.LedgerError]

_MANY = 100  # looks without an order, after which a thread sleeps


class Order(Generic[T]):
    """Work for the thread; whoever ordered it awaits its result in the loop of the order.

    `result` is there once the work is done, also where nobody awaits it any more.
    """

    __slots__ = ("_arguments", "_refusal", "_work", "future", "result")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[..., T],
        arguments: tuple[Any, ...],
    ) -> None:
        self._work = work
        self._arguments = arguments
        self._refusal: errors.LedgerError | None = None
        self.result: T | None = None
        self.future: asyncio.Future[Any] = loop.create_future()

    def __await__(self) -> Generator[Any, None, T]:
        return self.future.__await__()

    def do(self, connection: sqlite3.Connection) -> None:
        """Work; a refusal is this order's alone, any other error the whole commit's."""
        try:
            self.result = self._work(connection, *self._arguments)
        except errors.LedgerError as refusal:
            self._refusal = refusal

    def refuse(self, refusal: errors.LedgerError) -> None:
        """Take back what was done."""
        self.result, self._refusal = None, refusal

    def tell(self) -> None:
        """Hand the result or the refusal to whoever awaits it, in its loop."""
        if self.future.done():  # cancelled meanwhile
            return
        if self._refusal is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self._refusal)


class Worker:
    """The thread's handle; it may be used from any loop of any thread, one after another.

    `opened` is entered here and left by the thread at its end; `begin` opens a transaction;
    `blame` puts an exception into words; orders are gathered for a `moment`, in seconds, at most.
    """

    def __init__(
        self,
        opened: AbstractContextManager[sqlite3.Connection],
        begin: Begin,
        blame: Blame,
        moment: float = 0.01,
    ) -> None:
        stack = ExitStack()
        self._clerk = clerk = _Clerk(stack.enter_context(opened), begin, blame, moment)
        self._ringing: Callable[[], asyncio.AbstractEventLoop | None] = _nobody
        self._gate = threading.Lock()  # nothing may follow the order to stop
        self._stopped = False
        self._process = os.getpid()
        # A daemon, since Python joins other threads before anything gets a chance to stop them.
        self._thread = threading.Thread(
            target=clerk.serve, args=(stack,), name="changeclothes-ledger", daemon=True
        )
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection, *With], T], *arguments: *With) -> Order[T]:
        """Leave an order, which is carried out and committed even if nobody awaits its result.

        Raises `LedgerError` when the thread is stopped or belongs to another process.
        """
        if os.getpid() != self._process:
            raise errors.LedgerError(
                "This ledger was opened before a fork; its thread stayed with the parent.",
                next_step="Open a ledger in the process that uses it.",
            )
        loop = asyncio.get_running_loop()
        order = Order(loop, work, arguments)
        with self._gate:
            if self._stopped:
                raise errors.LedgerError(
                    "This ledger is closed.", next_step="Open it again; nothing was changed."
                )
            self._clerk.orders.append(order)
        if self._clerk.asleep:
            self._clerk.bell.put(None)
        if self._ringing() is not loop:  # each of several loops rings for its own orders
            loop.call_soon(self._ring, loop, 0)
            self._ringing = weakref.ref(loop)  # a loop that was dropped holds calls, they a ledger
        return order

    def _ring(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Have the thread begin, unless there are more orders than were `seen` a turn ago."""
        waiting = len(self._clerk.orders)
        if waiting > seen:
            loop.call_soon(self._ring, loop, waiting)
        else:
            self._ringing = _nobody
            self._clerk.bell.put(None)

    def stop(self) -> None:
        """Carry out what was ordered, close the connection and end the thread."""
        if os.getpid() != self._process:
            return
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._clerk.orders.append(None)
                self._clerk.bell.put(None)
        if threading.current_thread() is not self._thread:  # as when it collects garbage
            self._thread.join()


@dataclass
class _Clerk:
    """The thread's side; it knows nothing of its handle, which may be collected meanwhile.

    After an order it looks for others once a `moment`; before the first one, and after many looks
    without any, it sleeps, and the next order itself has to wake it.
    """

    connection: sqlite3.Connection
    begin: Begin
    blame: Blame
    moment: float
    orders: deque[Order[Any] | None] = field(default_factory=deque)
    """What is to be done; None is the order to stop."""
    bell: SimpleQueue[None] = field(default_factory=SimpleQueue)
    asleep: bool = False
    _idle_looks: int = _MANY + 1

    def serve(self, opened: ExitStack) -> None:
        """Work until told to stop."""
        with opened:
            while self._turn():
                pass  # a call a turn, so that no result is kept alive while the thread waits

    def _turn(self) -> bool:
        if self._idle_looks > _MANY:
            self._sleep()
        with suppress(Empty):
            self.bell.get(timeout=self.moment)
        some = [self.orders.popleft() for _ in range(len(self.orders))]
        self._idle_looks = 0 if some else self._idle_looks + 1
        if batch := [order for order in some if order is not None]:
            self._commit(batch)
            _tell(batch)
        return None not in some

    def _sleep(self) -> None:
        self.asleep = True
        if not self.orders:  # what comes from here on rings
            self.bell.get()
        self.asleep = False

    def _commit(self, batch: list[Order[Any]]) -> None:
        try:
            self.begin(self.connection)
            for order in batch:
                order.do(self.connection)
            self.connection.execute("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):  # SQLite has often rolled back by itself
                self.connection.execute("ROLLBACK")
            for order in batch:
                order.refuse(self.blame(error))


def _nobody() -> None:
    """Stand for a loop that rings, where there is none."""


def _tell(batch: list[Order[Any]]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Order[Any]]] = defaultdict(list)
    for order in batch:
        by_loop[order.future.get_loop()].append(order)
    for loop, own in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody is left to be told
            loop.call_soon_threadsafe(_tell_here, own)


def _tell_here(orders: list[Order[Any]]) -> None:
    for order in orders:
        order.tell()
