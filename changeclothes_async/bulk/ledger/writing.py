"""A thread that owns one connection: what gathers while it commits goes into the next commit.

* The event loop never waits: it puts work into a queue and awaits a future of its own.
* A moment is waited for more work before a commit, where the disk is worth more than the moment.
* A loop is woken once for a whole commit, however many of its callers it answers.
* Work that refuses (a `LedgerError`) fails alone; any other error undoes the whole commit and
  is told to all whose work was in it, and the thread goes on to the next.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from changeclothes_async import errors

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]
Begin: TypeAlias = Callable[[sqlite3.Connection], object]
Blame: TypeAlias = Callable[[Exception], errors.LedgerError]
_Order: TypeAlias = tuple[Work[Any], "asyncio.Future[Any]"]
_Answer: TypeAlias = tuple["asyncio.Future[Any]", Any, errors.LedgerError | None]
_Queue: TypeAlias = "SimpleQueue[_Order | None]"


class Worker:
    """The thread's handle; it may be used from any loop of any thread, one after another.

    `opened` is entered here and left by the thread at its end; `begin` opens a transaction;
    `blame` puts an exception into words; `moment` is how many seconds are waited for more work.
    """

    def __init__(
        self,
        opened: AbstractContextManager[sqlite3.Connection],
        begin: Begin,
        blame: Blame,
        moment: float = 0.0,
    ) -> None:
        stack = ExitStack()
        connection = stack.enter_context(opened)
        self._queue: _Queue = SimpleQueue()
        self._gate = threading.Lock()  # nothing may follow the order to stop into the queue
        self._stopped = False
        self._process = os.getpid()
        # Not the handle itself, or it could never be collected; a daemon, since Python joins
        # other threads before anything gets a chance to stop them.
        self._thread = threading.Thread(
            target=_serve,
            args=(stack, connection, self._queue, begin, blame, moment),
            name="changeclothes-ledger",
            daemon=True,
        )
        self._thread.start()

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue `work`, which is done and committed even if nobody awaits its result.

        Raises `LedgerError` when the thread is stopped or belongs to another process.
        """
        if os.getpid() != self._process:
            raise errors.LedgerError(
                "This ledger was opened before a fork; its thread stayed with the parent.",
                next_step="Open a ledger in the process that uses it.",
            )
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._gate:
            if self._stopped:
                raise errors.LedgerError(
                    "This ledger is closed.", next_step="Open it again; nothing was changed."
                )
            self._queue.put((work, answer))
        return answer

    def stop(self) -> None:
        """Finish what was submitted, close the connection and end the thread."""
        if os.getpid() != self._process:
            return
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:  # as when it collects garbage
            self._thread.join()


def _serve(
    opened: ExitStack,
    connection: sqlite3.Connection,
    queue: _Queue,
    begin: Begin,
    blame: Blame,
    moment: float,
) -> None:
    with opened:
        while _turn(connection, queue, begin, blame, moment):
            pass  # a call a turn, so that no result is kept alive while the thread waits


def _turn(
    connection: sqlite3.Connection, queue: _Queue, begin: Begin, blame: Blame, moment: float
) -> bool:
    orders = [queue.get()]
    time.sleep(moment)
    orders += [queue.get() for _ in range(queue.qsize())]
    batch = [order for order in orders if order is not None]
    if batch:
        _tell(_commit(connection, batch, begin, blame))
    return orders[-1] is not None


def _commit(
    connection: sqlite3.Connection, batch: list[_Order], begin: Begin, blame: Blame
) -> list[_Answer]:
    try:
        begin(connection)
        answers = [_do(connection, work, future) for work, future in batch]
        connection.execute("COMMIT")
    except Exception as error:
        with suppress(sqlite3.Error):  # SQLite has often rolled back by itself
            connection.execute("ROLLBACK")
        return [(future, None, blame(error)) for _, future in batch]
    return answers


def _do(connection: sqlite3.Connection, work: Work[Any], future: asyncio.Future[Any]) -> _Answer:
    try:
        return future, work(connection), None
    except errors.LedgerError as refusal:
        return future, None, refusal


def _tell(answers: list[_Answer]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Answer]] = defaultdict(list)
    for answer in answers:
        by_loop[answer[0].get_loop()].append(answer)
    for loop, own in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody is left to be told
            loop.call_soon_threadsafe(_resolve, own)


def _resolve(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():  # cancelled meanwhile
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
