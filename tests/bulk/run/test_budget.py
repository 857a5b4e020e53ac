"""The budget of a run: spent to the last call, and never exceeded by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import (
    AsyncChangeClothes,
    BatchStopped,
    BudgetSpent,
    ChangeClothesError,
    Grid,
    InsufficientCredits,
    Interrupted,
    LedgerBusy,
    State,
)
from changeclothes_async.bulk.calls import paying
from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.progress import tally
from changeclothes_async.bulk.run import permits
from changeclothes_async.transport import flights
from tests.bulk import service as services
from tests.bulk.service import BUSY, FAILED, GONE, NO_CREDITS, PICS, Service, failing, grid

Quick = Callable[..., AsyncChangeClothes]

JOB, OTHER = b"j" * 32, b"o" * 32


@pytest.mark.parametrize("limit", [1, 8])
async def test_the_budget_is_spent_exactly(
    service: Service, quick: Quick, out: Path, limit: int
) -> None:
    """`max_calls` counts claims: as many requests, not one more, and the next run goes on."""
    client = quick(max_concurrency=limit)
    lookbook = await client.run_grid(grid(4, 5), out, max_calls=7)
    assert isinstance(lookbook.stopped, BudgetSpent)
    assert str(lookbook.stopped) == "the budget of 7 calls is spent"
    assert len(service.calls) == len(lookbook.saved) == 7
    assert not lookbook.failed
    await client.run_grid(grid(4, 5), out, max_calls=20)
    assert len(service.charges) == 20


async def test_a_budget_of_nothing_sends_nothing(
    service: Service, quick: Quick, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`max_calls=0` only fetches what is paid; that it stopped was asked for, and no warning."""
    lookbook = await quick().run_grid(grid(2, 2), out, max_calls=0)
    assert not service.calls
    assert len(lookbook) == 4
    assert not caplog.records


@pytest.mark.parametrize("state", [State.PAID, State.SAVED], ids=["not saved", "lost"])
@pytest.mark.parametrize("wishes", [{"max_calls": 0}, {}], ids=["no budget", "no credits"])
async def test_what_is_paid_is_fetched_by_a_run_that_may_buy_nothing(
    service: Service, quick: Quick, out: Path, wishes: dict[str, int], state: State
) -> None:
    """Behind however many open cells it stands: nobody knows how long a result can be fetched."""
    service.picture = services.picture if state is State.SAVED else lambda _: GONE
    late = Grid([f"{PICS}m{n}.jpg" for n in (28, 29)], f"{PICS}g0.jpg", "dresses")
    paid = await quick().run_grid(late, out)
    assert [cell.state for cell in paid] == [state] * 2
    for picture in out.glob("m*__g0.*"):
        picture.unlink()
    service.picture = services.picture

    async def reply(cell: str) -> bytes:
        return NO_CREDITS

    service.reply = reply
    lookbook = await quick(max_concurrency=1).run_grid(grid(30, 1), out, **wishes)
    assert isinstance(lookbook.stopped, BudgetSpent | InsufficientCredits)
    assert [cell.model for cell in lookbook.saved] == ["m28", "m29"]
    assert all(cell.path and cell.path.exists() for cell in lookbook.saved)
    assert len(service.charges) == 2
    assert len(service.calls) <= 4


async def test_retries_are_calls_of_the_budget(service: Service, quick: Quick, out: Path) -> None:
    """Each attempt may cost: three of one cell leave the others less."""
    service.reply = failing({}, FAILED)
    await quick(max_concurrency=2).run_grid(grid(4, 5), out, max_calls=7)
    assert len(service.calls) == 7


async def test_a_budget_that_ended_a_run_says_so_however_it_ended(
    service: Service, quick: Quick, out: Path
) -> None:
    """Also where a call that cost nothing was put back after the others had been let go."""
    service.reply = failing({"m0__g0": [BUSY], "m0__g1": [BUSY]})
    lookbook = await quick(max_concurrency=4).run_grid(grid(2, 2), out, max_calls=2)
    assert len(lookbook.saved) == len(service.charges) == 2
    assert isinstance(lookbook.stopped, BudgetSpent)


async def test_a_claim_that_is_refused_takes_nothing_from_the_budget(tmp_path: Path) -> None:
    """Where the ledger has something against it there is no call, and another cell may have it."""
    book = await Ledger.open(tmp_path / "ledger.db")
    count = tally.Tally(2)
    leave = permits.Permits(1, None, count)
    pages = [paying.Page(book, flights.Flight(), job, "/e", "cell") for job in (JOB, OTHER)]
    held, free = (permits.Permitted(page, leave, permits.Turn()) for page in pages)
    await book.claim(JOB, endpoint="/e")  # as by another loop
    with pytest.raises(LedgerBusy):
        await held.claim(1)
    await free.claim(1)
    assert (count.calls, count.in_flight) == (1, 1)
    await book.close()


@pytest.mark.parametrize(
    "reason", [Interrupted("interrupted"), InsufficientCredits("none", code=10003)]
)
def test_an_empty_budget_hides_no_other_reason_to_stop(reason: ChangeClothesError) -> None:
    """Nor does a call that is put back take the other reason away."""
    leave = permits.Permits(1, None, tally.Tally(2))
    leave.take()
    with pytest.raises(BatchStopped):
        leave.take()
    leave.stop(reason)
    leave.put_back()
    assert leave.stopped is leave.ended_by is reason
    leave.stop(BudgetSpent("spent"))
    assert leave.stopped is reason
    with pytest.raises(BatchStopped):
        leave.take()


def test_what_may_not_be_sent_is_not_waited_for() -> None:
    """Whatever forbids it; and it is waited for again where a call that is put back allows it."""
    times = iter((0.0, *[10.0] * 9))
    count = tally.Tally(100, lambda: next(times), max_calls=3)
    leave = permits.Permits(3, None, count)
    for _ in range(3):
        leave.take()
    for _ in range(2):
        leave.answered()
        count.enters(State.SAVED)
    with pytest.raises(BatchStopped):
        leave.take()
    assert count.snapshot().seconds_left == pytest.approx(5)  # of the call in flight
    leave.put_back()
    assert count.snapshot().seconds_left == pytest.approx(10)
    leave.stop(InsufficientCredits("none", code=10003))
    assert count.snapshot().seconds_left == pytest.approx(5)


@pytest.mark.parametrize("limit", [1, 4])
async def test_refusals_are_put_back_into_the_budget(
    service: Service, quick: Quick, out: Path, limit: int
) -> None:
    """A 429 costs nothing: it takes nothing from what may be spent, wherever it comes."""
    refused = {f"m{row}__g{column}": [BUSY] for row in range(4) for column in range(5)}
    service.reply = failing(refused)
    lookbook = await quick(max_concurrency=limit).run_grid(grid(4, 5), out, max_calls=7)
    assert len(service.charges) == 7
    assert len(lookbook.saved) == 7
