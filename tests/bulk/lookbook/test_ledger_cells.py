"""A run's cells as its ledger tells them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from changeclothes_async import AsyncChangeClothes, ChangeClothesError, Event, Grid
from changeclothes_async.bulk.ledger.states import State
from tests import peers
from tests.bulk import service as services
from tests.bulk.service import FAILED, G0, GONE, NO_CREDITS, PICS, Service, failing, grid, states

Quick = Callable[..., AsyncChangeClothes]


async def test_cells_that_the_account_refused_are_open_not_failed(
    service: Service, quick: Quick, out: Path
) -> None:
    """A cell that cost nothing and will be sent by the next run did not fail."""
    service.reply = failing({}, NO_CREDITS)
    lookbook = await quick(max_concurrency=2).run_grid(grid(1, 5), out)
    assert lookbook.failed == []
    assert {cell.state for cell in lookbook} == {State.OPEN}


async def test_a_picture_that_is_gone_for_good_is_not_called_saved(
    service: Service, quick: Quick, out: Path
) -> None:
    """A saved picture that went missing and cannot be fetched makes its cell paid, not saved."""
    first = await quick().run_grid(grid(1, 1), out)
    path = first["m0", "g0"].path
    assert path
    path.unlink()
    service.picture = lambda _: GONE
    again = await quick().run_grid(grid(1, 1), out)
    assert not again.ok
    assert again["m0", "g0"].state is State.PAID
    assert await states(out) == {"paid": 1}


async def test_each_cell_is_told_as_the_ledger_knows_it(
    service: Service, quick: Quick, out: Path
) -> None:
    """Saved, failed, unsure, damaged and open cells, each with its reason, money and attempts."""

    async def reply(cell: str) -> bytes | None:
        if cell == "m0__g2":
            raise services.Cut
        answers = {"m0__g1": FAILED, "m0__g3": peers.http(200, "not json")}
        return answers.get(cell)

    service.reply = reply
    lookbook = await quick(max_concurrency=1, retries=0).run_grid(grid(1, 5), out, max_calls=4)
    told = [(cell.state.value, type(cell.error).__name__, cell.money) for cell in lookbook]
    assert told == [
        ("saved", "NoneType", "spent"),
        ("failed", "TryOnException", "maybe spent"),
        ("unsure", "Unsure", "maybe spent"),
        ("damaged", "Damaged", "spent"),
        ("open", "NoneType", "not spent"),
    ]
    assert [cell.attempts for cell in lookbook] == [1, 1, 1, 1, 0]
    saved = lookbook["m0", "g0"]
    assert saved.path == out / "m0__g0.png"
    assert saved.result_img_url == f"{service.url}/m0__g0.png"
    assert [cell.name for cell in lookbook.failed] == ["m0__g1", "m0__g3"]
    assert [cell.name for cell in lookbook.unsure] == ["m0__g2"]
    assert not lookbook.ok


async def test_each_cell_says_what_to_do_next(service: Service, quick: Quick, out: Path) -> None:
    """As its call said it: the ledger understands the kept answer anew."""
    answers = {
        "m0__g0": peers.http(413, "large", kind="text/plain"),
        "m0__g1": peers.http(404, "nowhere", kind="text/plain"),
        "m0__g2": peers.http(301, headers={"Location": "/"}),
        "m0__g3": peers.envelope(10004),
    }
    service.reply = failing({cell: [answer] for cell, answer in answers.items()})
    told: dict[str, ChangeClothesError] = {}

    def listen(event: Event) -> None:
        if event.error:
            told[event.cell] = event.error

    lookbook = await quick(max_concurrency=1).run_grid(grid(1, 5), out, on_event=listen)
    errors = {cell.name: cell.error for cell in lookbook.failed}
    assert errors.keys() == told.keys() == answers.keys()
    for name, error in errors.items():
        assert error
        assert error.next_step == told[name].next_step
        assert error.final == told[name].final
        assert 0 < error.elapsed <= told[name].elapsed
    assert len({error.next_step for error in told.values()}) == 4


async def test_a_lookbook_is_read_when_it_is_looked_at(
    service: Service, quick: Quick, out: Path
) -> None:
    """What a later run brings is seen in a lookbook that was there before."""
    before = await quick().run_grid(grid(1, 2), out, max_calls=1)
    await quick().run_grid(grid(1, 2), out)
    assert [cell.state for cell in before] == [State.SAVED, State.SAVED]


async def test_a_call_under_way_may_cost(service: Service, quick: Quick, out: Path) -> None:
    """A cell that another run has claimed is not one that cost nothing."""
    before = await quick().run_grid(grid(1, 1), out, max_calls=0)
    told: list[tuple[State, str]] = []

    def listen(event: Event) -> None:
        if event.kind == "sent":
            cell = before["m0", "g0"]
            told.append((cell.state, cell.money))

    await quick().run_grid(grid(1, 1), out, on_event=listen)
    assert told == [(State.CLAIMED, "maybe spent")]


async def test_equal_cells_have_a_picture_each(service: Service, quick: Quick, out: Path) -> None:
    """One call, two cells, two files: none points to the other's."""
    twins = Grid({"a": f"{PICS}m0.jpg", "b": f"{PICS}m0.jpg"}, G0, "dresses")
    lookbook = await quick().run_grid(twins, out)
    assert {cell.path for cell in lookbook} == {out / "a__g0.png", out / "b__g0.png"}
    (out / "b__g0.png").unlink()
    await quick().run_grid(twins, out)
    assert (out / "b__g0.png").exists()
    assert len(service.charges) == 1


async def test_a_cell_of_another_content_is_not_shown(
    service: Service, quick: Quick, out: Path
) -> None:
    """A picture that is there under the same name but for another job is not this cell's."""
    await quick().run_grid(Grid({"a": f"{PICS}m0.jpg"}, G0, "dresses"), out)
    lookbook = await quick().run_grid(Grid({"a": f"{PICS}m1.jpg"}, G0, "dresses"), out, max_calls=0)
    assert lookbook["a", "g0"].state is State.OPEN
    assert lookbook["a", "g0"].path is None
    await quick().run_grid(Grid({"a": f"{PICS}m1.jpg"}, G0, "dresses"), out)
    assert (out / "a__g0.png").read_bytes().endswith(b"/m1__g0.png")
