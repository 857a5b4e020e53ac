"""The ledger: a durable record of every call, written before it is sent and once it is understood.

*Never paid twice by this program; a call whose answer was lost is shown, not repeated; nothing
paid is lost.* Around each call stand three writes: `claim` before the first byte leaves,
`settle` the moment the answer is understood, `save` when the picture is in place. Each is on
the disk when it returns.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import opening, tables
from changeclothes_async.bulk.ledger.records import Attempt, Claim, Entry, Facts, SavedPicture
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.bulk.ledger.writing import Order, Worker
from changeclothes_async.transport import flights, places

__all__ = ["Attempt", "Claim", "Entry", "Facts", "Ledger", "SavedPicture"]

T = TypeVar("T")
With = TypeVarTuple("With")


class Ledger:
    """A ledger's file, held by one run at a time and readable beside it; made by `open`.

    It belongs to no loop: it may be used from several, at once and one after another. Every
    method raises `LedgerError` when the file cannot be used, and then nothing was changed.
    A waiter that is cancelled changes nothing about what it asked for, except that a claim
    which nobody received is given back.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        reader: Worker,
        writer: Worker | None,
        watch: opening.Watch,
        workers: ExitStack,
    ) -> None:
        self.path = path
        self._clock = clock
        self._reader = reader
        self._writer = writer
        self._watch = watch
        # Runs when the ledger is closed, collected or, at the latest, when Python exits.
        self._shut = weakref.finalize(self, workers.close)
        self._closing = threading.Lock()

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> Ledger:
        """Open the ledger at `path`, made with its folders if it is new.

        Opened for writing it is held until `close` or death, and the calls that a dead run had
        claimed become unsure. Raises `LedgerBusy` when it is held already, `LedgerTooNew` and
        `LedgerError`. Opened `read_only` it takes no lock and changes nothing.
        """
        return await asyncio.to_thread(cls.open_here, Path(path), read_only, clock)

    @classmethod
    def open_here(
        cls, path: Path, read_only: bool = False, clock: Callable[[], float] = time.time
    ) -> Ledger:
        """Open it as `open` does, in the calling thread, which waits for the disk."""
        blame = partial(opening.blame, path)
        writer = None
        with ExitStack() as workers:  # the writer, which clears the log away, is stopped last
            try:
                path = path.resolve()  # one ledger by two names is held once
                watch = opening.Watch(path)
                if not read_only:
                    writer = Worker(opening.for_writing(path, clock()), watch.begin, blame)
                    workers.callback(writer.stop)
                reader = Worker(opening.for_reading(path), opening.begin, blame)
                workers.callback(reader.stop)
                watch.start()
                return cls(path, clock, reader, writer, watch, workers.pop_all())
            except errors.LedgerError:
                raise
            except Exception as error:
                raise blame(error) from error

    async def close(self) -> None:
        """Wait until everything that was asked for is written, and let go of the file.

        It may be called again, and then waits for the same.
        """
        await asyncio.to_thread(self.close_here)

    def close_here(self) -> None:
        """Close it as `close` does, in the calling thread, which waits for the disk."""
        with self._closing:
            self._shut()

    async def claim(
        self, identity: bytes, *, endpoint: str, name: str = "", event: JobEvent = JobEvent.CLAIM
    ) -> Claim | Entry:
        """Ask to pay for a job: the permission, or the entry that stands against it.

        A claim is settled by whoever receives it. `event` is `JobEvent.RESEND` where a person
        accepted that an unsure or damaged job may be paid twice.
        """
        now = self._clock()
        order = self._write(_claim, self._watch, identity, endpoint, name, event, now)
        try:
            return await order
        except asyncio.CancelledError:
            with suppress(errors.LedgerError):  # closed meanwhile: it is found unsure later
                self._write(_give_back, order, now).future.add_done_callback(flights.look_at)
            raise

    async def settle(self, claim: Claim, event: JobEvent, facts: Facts) -> State:
        """Record that the attempt of `claim` ended with `event`; return the job's state now.

        It may come late, and more than once: it is recorded always, and takes back nothing
        that was paid.
        """
        now = self._clock()
        return await self._write(tables.settle, claim, event, facts, now)

    async def release(self, entry: Entry) -> State:
        """Make an unsure job open again, since a person accepted that it may be paid twice."""
        claim = Claim(entry.identity, entry.attempts, State.OPEN, entry.claimed_at)
        accepted = Facts(
            message="A person accepted that it may be paid twice.", money="maybe spent"
        )
        return await self.settle(claim, JobEvent.GIVE_BACK, accepted)

    async def save(self, name: str, identity: bytes, saved: places.Saved) -> None:
        """Record that the picture of the cell `name` is in place, and its file as it is now."""
        picture = SavedPicture(identity, saved)
        await self._write(tables.save, name, picture)

    async def miss(self, name: str, identity: bytes) -> None:
        """Record that the picture of the cell `name` is gone or broken, and its job just paid."""
        await self._write(tables.miss, name, identity)

    async def entries(self, identities: Sequence[bytes]) -> dict[bytes, Entry]:
        """Look up the entries of those of `identities` that were ever claimed."""
        return await self._read(tables.entries, identities)

    async def pictures(self, names: Sequence[str]) -> dict[str, SavedPicture]:
        """Look up the pictures of those of `names` that were put in place."""
        return await self._read(tables.pictures, names)

    async def copies(self, identity: bytes) -> dict[str, SavedPicture]:
        """Look up the pictures of a job by all the names that they were put in place under."""
        return await self._read(tables.copies, identity)

    async def counts(self) -> dict[State, int]:
        """Count the jobs at each state; every state is there."""
        return await self._read(tables.counts)

    async def scan(self, *wanted: State) -> AsyncIterator[Entry]:
        """Walk over the entries that stand at one of the states (or at any), oldest first.

        They are read a page at a time, in constant memory and while writing goes on: each is
        as it stood when its page was read, and none comes twice.
        """
        last = 0
        while page := await self._read(tables.page, wanted, last):
            for _, entry in page:
                yield entry
            last = page[-1][0]

    async def attempts(self, identity: bytes) -> list[Attempt]:
        """List how each attempt at a job ended, in the order of the reports, late ones too."""
        return await self._read(tables.attempts, identity)

    async def remember(self, key: str, value: str) -> None:
        """Keep a small text about the run itself."""
        await self._write(tables.remember, key, value)

    async def recall(self, key: str) -> str | None:
        """Return what was kept under `key`, None if nothing was."""
        return await self._read(tables.recall, key)

    def _read(self, work: Callable[[sqlite3.Connection, *With], T], *given: *With) -> Order[T]:
        return self._reader.submit(work, *given)

    def _write(self, work: Callable[[sqlite3.Connection, *With], T], *given: *With) -> Order[T]:
        if self._writer is None:
            raise errors.LedgerError(
                f"The ledger {self.path} was opened read-only.",
                next_step="Open it without read_only to change it.",
            )
        return self._writer.submit(work, *given)


def _claim(
    db: sqlite3.Connection, watch: opening.Watch, *job: *tuple[bytes, str, str, JobEvent, float]
) -> Claim | Entry:
    watch.check()
    return tables.claim(db, *job)


def _give_back(db: sqlite3.Connection, order: Order[Claim | Entry], now: float) -> None:
    # Orders keep their order: when this one is obeyed, what the other one got is there.
    if isinstance(order.result, Claim):
        facts = Facts(message="Cancelled before it was sent.")
        tables.settle(db, order.result, JobEvent.GIVE_BACK, facts, now)
