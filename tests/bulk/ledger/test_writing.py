"""The thread that commits: many callers to a commit, and no caller can break it."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import opening
from changeclothes_async.bulk.ledger.writing import Order, Worker


class Notes:
    """A table of notes behind a worker, with a gate that holds its thread where it is."""

    def __init__(self, path: Path, **terms: float) -> None:
        self.statements: list[str] = []
        self.gate, self.entered = threading.Event(), threading.Event()
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("CREATE TABLE notes (note UNIQUE)")
        db.set_trace_callback(self.statements.append)
        self.worker = Worker(closing(db), opening.begin, self._blame, **terms)

    @staticmethod
    def _blame(error: Exception) -> errors.LedgerError:
        return errors.LedgerError(f"blamed: {error}")

    def add(self, note: object) -> Order[None]:
        return self.worker.submit(_add, note)

    def wait(self) -> Order[bool]:
        def held(_: object) -> bool:
            self.entered.set()
            return self.gate.wait(60)

        return self.worker.submit(held)

    async def all(self) -> list[object]:
        return await self.worker.submit(
            lambda db: [note for (note,) in db.execute("SELECT note FROM notes ORDER BY note")]
        )

    def commits(self) -> int:
        return self.statements.count("COMMIT")


def _add(db: sqlite3.Connection, note: object) -> None:
    if note == "refused":
        raise errors.LedgerError("refused")
    db.execute("INSERT INTO notes VALUES (?)", (note,))


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    made = Notes(tmp_path / "notes.db")
    yield made
    made.gate.set()
    made.worker.stop()


async def test_what_gathers_is_committed_together(notes: Notes) -> None:
    """Sixty-four callers that come while a commit is under way share the next."""
    waiting = notes.wait()
    adding = [notes.add(number) for number in range(64)]
    notes.gate.set()
    await asyncio.gather(waiting, *adding)
    assert notes.commits() <= 3
    assert await notes.all() == list(range(64))


async def test_sixty_four_callers_at_once(notes: Notes) -> None:
    """Nobody has to hold the thread for that: callers of one moment need a few commits."""
    for _ in range(4):
        await asyncio.gather(*(notes.add(None) for _ in range(64)))
    assert notes.commits() <= 32


async def test_who_comes_a_turn_later_shares_the_commit(notes: Notes) -> None:
    """While each turn of a loop brings more, it does not ring; with a turn without, it does."""
    adding, bell = [notes.wait()], notes.worker._clerk.bell
    await asyncio.to_thread(notes.entered.wait, 60)  # the thread is held, and takes nothing
    rung = bell.qsize()
    for _ in range(8):
        adding.append(notes.wait())
        await asyncio.sleep(0)
    assert bell.qsize() == rung
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bell.qsize() == rung + 1
    notes.gate.set()
    await asyncio.gather(*adding)
    assert notes.commits() == 2


async def test_gathering_ends(tmp_path: Path) -> None:
    """A commit begins after a moment, though every turn of the loop brings another order."""
    notes, begun = Notes(tmp_path / "notes.db"), threading.Event()
    await notes.worker.submit(lambda _: None)  # asleep, it would be woken by the first order
    first = notes.worker.submit(lambda _: begun.set())
    adding = []
    while not begun.is_set():  # no longer: a thread beside a loop so busy gets nothing done
        adding.append(notes.add(len(adding)))
        await asyncio.sleep(0)
    await asyncio.gather(first, *adding)
    assert notes.commits() < len(adding)
    notes.worker.stop()


@pytest.mark.parametrize("asleep", ["from the start", "after a while", "not"])
async def test_a_loop_that_is_stuck(tmp_path: Path, asleep: str) -> None:
    """What was ordered is carried out while the loop that ordered it can ring for nobody."""
    notes = Notes(tmp_path / "notes.db", moment=1e-6 if asleep == "after a while" else 0.01)
    clerk, done = notes.worker._clerk, threading.Event()
    if asleep != "from the start":
        await notes.worker.submit(lambda _: None)
    while clerk.asleep is (asleep == "not"):  # noqa: ASYNC110 - a thread that sets no event
        await asyncio.sleep(0)
    order = notes.worker.submit(lambda _: done.set())
    assert done.wait(60)  # and this is what it is stuck in
    await order
    notes.worker.stop()


def test_a_loop_that_is_closed_at_once(notes: Notes) -> None:
    """What was ordered in a loop's last turn is carried out, though nobody orders after it."""
    done = threading.Event()
    loop = asyncio.new_event_loop()

    async def leave() -> None:
        notes.worker.submit(lambda _: done.set())

    loop.run_until_complete(leave())
    loop.close()
    assert done.wait(60)


def test_a_worker_holds_no_loop(notes: Notes) -> None:
    """A loop holds calls and they a ledger, which could then never be collected."""
    loop = asyncio.new_event_loop()

    async def leave() -> None:
        notes.worker.submit(lambda _: None)

    loop.run_until_complete(leave())
    loop.close()
    notes.worker.stop()
    held = weakref.ref(loop)
    del loop
    gc.collect()
    assert held() is None


async def test_a_refusal_is_its_own(notes: Notes) -> None:
    """Who is refused is told so, and the others in the commit are served."""
    waiting = notes.wait()
    adding = [notes.add(note) for note in (1, "refused", 2)]
    notes.gate.set()
    told = await asyncio.gather(waiting, *adding, return_exceptions=True)
    assert [isinstance(answer, errors.LedgerError) for answer in told] == [
        False,
        False,
        True,
        False,
    ]
    assert await notes.all() == [1, 2]


@pytest.mark.parametrize("strange", [1, {"no": "such type"}, 2**70, "\ud800"])
async def test_an_error_undoes_its_commit_alone(notes: Notes, strange: object) -> None:
    """Whatever fails, nothing of its commit is written, all of it hear of it, and work goes on."""
    await notes.add(1)
    waiting = notes.wait()
    adding = [waiting, *(notes.add(note) for note in (2, strange, 3))]
    notes.gate.set()
    told = await asyncio.gather(*adding, return_exceptions=True)
    assert [str(answer)[:8] for answer in told] == ["blamed: "] * 4
    assert waiting.result is None  # though it was True before the commit failed
    await notes.add(4)
    assert await notes.all() == [1, 4]


async def test_a_cancelled_caller_breaks_nothing(notes: Notes) -> None:
    """What a cancelled caller asked for is done, and its neighbours are answered."""
    waiting = notes.wait()
    first, second, third = (notes.add(number) for number in range(3))
    second.future.cancel()
    notes.gate.set()
    await asyncio.gather(waiting, first, third)
    assert await notes.all() == [0, 1, 2]


def test_a_closed_loop_breaks_nothing(notes: Notes) -> None:
    """The thread outlives a loop that was closed with its callers unanswered."""

    async def leave() -> None:
        notes.wait()
        notes.add(1)

    asyncio.run(leave())
    notes.gate.set()
    assert asyncio.run(notes.all()) == [1]


def test_callers_of_several_loops(notes: Notes) -> None:
    """Each caller of a commit is answered in the loop it waits in."""
    together = threading.Barrier(2)

    def call(number: int) -> None:
        async def add() -> None:
            await asyncio.gather(*(notes.add(100 * number + each) for each in range(50)))

        together.wait(60)
        asyncio.run(add())

    threads = [threading.Thread(target=call, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asyncio.run(notes.all())) == 100


async def test_stopping_finishes_what_was_asked(notes: Notes) -> None:
    """What was submitted before the stop is done; what comes after it is refused at once."""
    notes.wait()
    adding = [notes.add(number) for number in range(9)]
    notes.gate.set()
    notes.worker.stop()
    notes.worker.stop()
    await asyncio.gather(*adding)
    with pytest.raises(errors.LedgerError, match="closed"):
        notes.add(10)
