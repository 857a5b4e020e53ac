"""Events as they happen, and counts that are right at every moment."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, Event, Grid, Snapshot
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.progress.tally import Tally
from tests.bulk import service as services
from tests.bulk.service import G0, HARMFUL, PICS, Service, failing, grid, states

Quick = Callable[..., AsyncChangeClothes]


async def test_events_come_in_their_order(service: Service, quick: Quick, out: Path) -> None:
    """Each cell tells its story from the claim to the picture, in this order."""
    heard: dict[str, list[str]] = {}

    def listen(event: Event) -> None:
        if event.kind != "sending":
            heard.setdefault(event.cell, []).append(event.kind)

    await quick().run_grid(grid(2, 3), out, on_event=listen)
    story = ["claimed", "sent", "answered", "paid", "placed", "saved"]
    assert heard == {f"m{row}__g{column}": story for row in range(2) for column in range(3)}


async def test_events_name_what_went_wrong(service: Service, quick: Quick, out: Path) -> None:
    """A cell's last event says how it ended, with the error where there is one."""
    ends: dict[str, tuple[str, str]] = {}

    async def reply(cell: str) -> bytes | None:
        if cell == "m0__g2":
            raise services.Cut
        return HARMFUL if cell == "m0__g1" else None

    service.reply = reply

    def listen(event: Event) -> None:
        ends[event.cell] = (event.kind, type(event.error).__name__)

    await quick().run_grid(grid(1, 3), out, on_event=listen)
    assert ends == {
        "m0__g0": ("saved", "NoneType"),
        "m0__g1": ("failed", "HarmfulContent"),
        "m0__g2": ("unsure", "Unsure"),
    }


@pytest.mark.parametrize(
    "kind", ["claimed", "sending", "sent", "answered", "paid", "placed", "saved"]
)
async def test_a_listener_that_fails_loses_nothing(
    service: Service, quick: Quick, out: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A user's own error may end the run, but what was charged is settled all the same."""
    caplog.set_level(logging.CRITICAL, "asyncio")

    def listen(event: Event) -> None:
        if event.kind == kind:
            raise ZeroDivisionError

    client = quick(max_concurrency=1)
    with contextlib.suppress(ZeroDivisionError):
        await client.run_grid(grid(1, 2), out, on_event=listen)
    await client.aclose()
    assert not {"claimed", "unsure"} & set(await states(out))
    assert (await quick().run_grid(grid(1, 2), out)).ok
    assert sorted(service.charges) == ["m0__g0", "m0__g1"]


async def test_snapshots_count_from_the_ledger(service: Service, quick: Quick, out: Path) -> None:
    """Right after a resume they show what was there before; at the end, all of it."""
    shown: list[Snapshot] = []

    class Bar:
        def update(self, snapshot: Snapshot) -> None:
            shown.append(snapshot)

        def close(self, snapshot: Snapshot) -> None:
            shown.append(snapshot)

    service.reply = failing({"m0__g1": [HARMFUL]})
    await quick().run_grid(grid(2, 3), out, max_calls=4, progress=Bar())
    first = shown[-1]
    assert (first.total, first.saved, first.failed, first.open) == (6, 3, 1, 2)
    assert (first.calls, first.in_flight) == (4, 0)
    shown.clear()
    await quick().run_grid(grid(2, 3), out, progress=Bar())
    assert (shown[0].saved, shown[0].failed, shown[0].open) == (3, 1, 2)
    assert (shown[-1].saved, shown[-1].failed, shown[-1].calls) == (5, 1, 2)


async def test_equal_cells_are_all_counted(service: Service, quick: Quick, out: Path) -> None:
    """Ten cells that are one job are ten cells of the bar, at the end and after a resume."""
    ends: list[Snapshot] = []

    class Bar:
        def update(self, snapshot: Snapshot) -> None:
            """Only the end is looked at."""

        def close(self, snapshot: Snapshot) -> None:
            ends.append(snapshot)

    twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(10)}, G0, "dresses")
    for _ in range(2):
        await quick().run_grid(twins, out, progress=Bar())
    assert [(end.saved, end.open) for end in ends] == [(10, 0), (10, 0)]


def _tally(total: int, **known: int) -> Tally:
    tally = Tally(total, lambda: clock[0])
    tally.recount({State(name): count for name, count in known.items()})
    return tally


clock = [0.0]


def test_a_new_tally_is_what_the_ledger_knows() -> None:
    """Saved, paid, failed, unsure and damaged ones are known; the rest is open."""
    snapshot = _tally(20, saved=3, paid=2, failed=1, unsure=4, damaged=1).snapshot()
    assert (snapshot.saved, snapshot.paid, snapshot.failed, snapshot.unsure) == (3, 2, 1, 4)
    assert snapshot.damaged == 1
    assert snapshot.open == 9


def test_a_ledger_of_more_than_this_grid_is_cut() -> None:
    """A folder may hold other cells too; no count exceeds what this run works on."""
    snapshot = _tally(5, saved=100).snapshot()
    assert (snapshot.saved, snapshot.open) == (5, 0)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (State.FAILED, "failed"),
        (State.UNSURE, "unsure"),
        (State.DAMAGED, "damaged"),
        (State.PAID, "paid"),
        (State.SAVED, "saved"),
        (State.OPEN, "open"),
    ],
)
def test_a_cell_under_way_has_left_its_state(state: State, name: str) -> None:
    """A cell that is sent again counts once, as in flight, and then as what it came to."""
    tally = _tally(1, **{state.value: 1})
    assert getattr(tally.snapshot(), name) == 1
    tally.leaves(state)
    tally.in_flight += 1
    assert (getattr(tally.snapshot(), name), tally.snapshot().in_flight) == (0, 1)
    tally.in_flight -= 1
    tally.enters(state)
    assert (getattr(tally.snapshot(), name), tally.snapshot().in_flight) == (1, 0)


def test_a_picture_moves_its_cell_from_paid_to_saved() -> None:
    """Paid, then in place: one cell all the while."""
    tally = _tally(2)
    tally.enters(State.PAID)
    assert (tally.snapshot().paid, tally.snapshot().saved, tally.snapshot().open) == (1, 0, 1)
    tally.moves(State.PAID, State.SAVED)
    assert (tally.snapshot().paid, tally.snapshot().saved, tally.snapshot().open) == (0, 1, 1)


def test_cells_that_share_a_job_are_counted_as_they_are_met() -> None:
    """The ledger has one job for ten cells; when the walk has met them all, all are counted."""
    tally = _tally(10, saved=1)
    for _ in range(10):
        tally.stays(State.SAVED)
    assert (tally.snapshot().saved, tally.snapshot().open) == (10, 0)


def test_the_rate_is_that_of_the_last_cells() -> None:
    """Ten seconds a cell: a tenth a second, and what is left takes ten seconds each."""
    clock[0] = 0.0
    tally = _tally(13)
    assert tally.snapshot().seconds_left is None
    for _ in range(3):
        clock[0] += 10
        tally.enters(State.PAID)
        tally.moves(State.PAID, State.SAVED)
    snapshot = tally.snapshot()
    assert snapshot.rate == pytest.approx(0.1)
    assert snapshot.seconds_left == pytest.approx(100)
    assert snapshot.elapsed == 30


def test_what_is_not_sent_is_not_waited_for() -> None:
    """Neither what lies beyond the budget, nor what a run that is stopping leaves."""
    clock[0] = 0.0
    tally = Tally(100, lambda: clock[0], max_calls=10)
    clock[0] = 20.0
    for _ in range(2):
        tally.enters(State.SAVED)
    tally.calls, tally.in_flight = 6, 4
    assert tally.snapshot().seconds_left == pytest.approx(80)
    tally.may_send = False
    assert tally.snapshot().seconds_left == pytest.approx(40)


def test_a_cell_that_is_let_go_is_no_part_of_the_rate() -> None:
    """A run that drains lets many cells go at once; none of them is a picture."""
    clock[0] = 0.0
    tally = _tally(13)
    clock[0] = 10.0
    for _ in range(8):
        tally.enters(State.OPEN)
    clock[0] = 12.0
    assert tally.snapshot().rate == 0


def test_a_rate_is_said_when_there_has_been_time_for_one() -> None:
    """Two answers in the first millisecond are no thousand a second."""
    clock[0] = 0.0
    tally = _tally(3)
    for _ in range(2):
        clock[0] += 0.001
        tally.enters(State.FAILED)
    assert tally.snapshot().rate == 0
    clock[0] = 1.001
    assert tally.snapshot().rate == pytest.approx(2, rel=0.01)


def test_cells_that_end_together_were_made_since_the_start() -> None:
    """Eight at once that take half a minute each are eight in half a minute, not in a moment."""
    clock[0] = 0.0
    tally = _tally(24)
    clock[0] = 30.0
    for _ in range(8):
        clock[0] += 0.01
        tally.enters(State.SAVED)
    snapshot = tally.snapshot()
    assert snapshot.rate == pytest.approx(8 / 30, rel=0.01)
    assert snapshot.seconds_left == pytest.approx(60, rel=0.01)
