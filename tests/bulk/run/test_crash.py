"""Death at any instant: nothing is charged twice, and every charge is settled or named unsure.

The charges are counted by a third process, in its own file, as each request becomes whole.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.ledger.states import State
from tests.bulk import crashing, service

KILLS = 50
SEED = int(os.environ.get("CHANGECLOTHES_SEED") or random.randrange(2**32))


@dataclass
class Counter:
    """The third process: where it listens, and what it charged."""

    url: str
    file: Path

    @property
    def charges(self) -> list[str]:
        return self.file.read_text().split()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    file = tmp_path / "charges"
    process = crashing.start("tests.bulk.service", str(file), "0.06")
    assert process.stdout
    yield Counter(process.stdout.readline().strip(), file)
    crashing.stop(process)


@pytest.fixture(scope="module")
def rounds() -> Iterator[crashing.Rounds]:
    with crashing.Rounds() as forking:
        yield forking


async def ledger(out: Path) -> dict[str, State]:
    """Read the cells that were ever claimed."""
    book = await Ledger.open(out / "ledger.db", read_only=True)
    states = {entry.name: entry.state async for entry in book.scan()}
    await book.close()
    return states


@pytest.mark.parametrize(
    ("die_at", "charged", "state"),
    [
        ("claimed", {0}, State.UNSURE),
        ("sent", {0, 1}, State.UNSURE),
        ("answered", {1}, State.UNSURE),
        ("paid", {1}, State.SAVED),
        ("placed", {1}, State.SAVED),
        ("saved", {1}, State.SAVED),
    ],
)
async def test_death_at_each_step(
    counter: Counter,
    rounds: crashing.Rounds,
    out: Path,
    die_at: str,
    charged: set[int],
    state: State,
) -> None:
    """Whatever was charged is settled or named unsure, and the next run does not charge it."""
    assert rounds.run(counter.url, out, (1, 1), die_at=die_at) == -signal.SIGKILL
    assert rounds.run(counter.url, out, (1, 1)) == 0
    assert (len(counter.charges) in charged, await ledger(out)) == (True, {"m0__g0": state})


async def test_fifty_kills_at_random_instants(
    counter: Counter, rounds: crashing.Rounds, out: Path
) -> None:
    """Killed and resumed over thousands of cells: each charged once, none of them unaccounted."""
    size, dice, kills = (60, 50), random.Random(SEED), 0
    for number in range(2 * KILLS):
        kill = (dice.uniform(0, 0.15), signal.SIGKILL)
        ended = rounds.run(counter.url, out, size, signals=[kill], at_once=number % 5 == 0)
        kills += ended == -signal.SIGKILL
        if kills == KILLS:
            break
    killed_at = len(counter.charges)
    assert rounds.run(counter.url, out, size) == 0
    states = await ledger(out)
    unsure = {name for name, state in states.items() if state is State.UNSURE}
    print(f"seed {SEED}: {kills} kills, {killed_at} charged by then, {len(unsure)} unsure")
    assert kills == KILLS
    assert not service.twice(counter.charges)
    assert {states[cell] for cell in counter.charges} <= {State.SAVED, State.UNSURE}
    assert set(states.values()) <= {State.SAVED, State.UNSURE}
    assert len(states) == 60 * 50
    assert set(states) - set(counter.charges) <= unsure


async def test_drained_runs_leave_nothing_unsure(
    counter: Counter, rounds: crashing.Rounds, out: Path
) -> None:
    """The first Ctrl-C lets what is paid for arrive: resumed again and again, nothing is unsure."""
    size, dice = (30, 30), random.Random(SEED)
    for _ in range(10):
        stop = (dice.uniform(0, 0.2), signal.SIGINT)
        assert rounds.run(counter.url, out, size, signals=[stop]) == 0
        states = await ledger(out)
        assert set(states.values()) == {State.SAVED}
        assert set(states) == set(counter.charges)
    assert rounds.run(counter.url, out, size) == 0
    assert len(counter.charges) == 30 * 30
    assert not service.twice(counter.charges)


async def test_the_second_signal_names_what_it_broke_off(
    counter: Counter, rounds: crashing.Rounds, out: Path
) -> None:
    """Ctrl-C twice: every charged cell is saved or named, and none that was not sent is."""
    dice = random.Random(SEED)
    for _ in range(10):
        twice = [(dice.uniform(0, 0.1), signal.SIGINT), (dice.uniform(0, 0.03), signal.SIGINT)]
        assert rounds.run(counter.url, out, (30, 30), signals=twice) == 0
    states = await ledger(out)
    assert {states[cell] for cell in counter.charges} <= {State.SAVED, State.PAID, State.UNSURE}
    assert {cell for cell, state in states.items() if state is not State.OPEN} == set(
        counter.charges
    )
    assert not service.twice(counter.charges)
