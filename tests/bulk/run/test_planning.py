"""What is to be done for each cell: found out lazily, and before anything is sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, Category, Grid, NotAnImage, TryOn
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.run import planning
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import G0, HARMFUL, NO_CREDITS, PICS, Service, grid

Quick = Callable[..., AsyncChangeClothes]


async def test_planning_is_lazy(service: Service, quick: Quick, out: Path) -> None:
    """A million cells cost no memory: when the first is sent only the nearest ones were made."""
    made_at_first: list[int] = []

    class Counted(Grid):
        made = 0

        def job(self, row: int, column: int) -> TryOn:
            Counted.made += 1
            return TryOn(
                model=self.rows[row].image,
                garment=self.columns[column].image,
                category=Category.DRESSES,
            )

    async def reply(cell: str) -> bytes:
        made_at_first.append(Counted.made)
        return NO_CREDITS

    service.reply = reply
    million = Counted(services.named("m", 1000), services.named("g", 1000), category="dresses")
    await quick(max_concurrency=2).run_grid(million, out, gallery=False)
    assert made_at_first[0] < 2000
    assert len(service.calls) <= 2


async def test_a_picture_that_changes_in_the_run_fails_its_cells(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """What is sent is what was planned: a cell whose picture changed is not sent."""
    garment = tmp_path / "dress.png"
    garment.write_bytes(samples.PNG)

    async def reply(cell: str) -> None:
        garment.write_bytes(samples.png(500))

    service.reply = reply
    work = Grid(services.named("m", 10), [garment], "dresses")
    lookbook = await quick(max_concurrency=1).run_grid(work, out)
    assert lookbook.stopped is None
    assert len(service.calls) < 10
    assert all(isinstance(cell.error, NotAnImage) for cell in lookbook.failed)
    assert len(lookbook.failed) + len(service.calls) == 10


@pytest.mark.parametrize("size", [100, 3 * 2**20], ids=["small", "large"])
async def test_a_picture_that_changed_between_two_runs_of_a_client_is_another_job(
    service: Service, quick: Quick, out: Path, tmp_path: Path, size: int
) -> None:
    """What a client knows of a file is looked up again by each of its runs and plans."""
    client, model = quick(), tmp_path / "model.png"
    for run in range(2):
        model.write_bytes(samples.png(size + run))
        assert (await client.plan_grid(Grid(model, G0, "dresses"), out)).to_send == 1
        assert (await client.run_grid(Grid(model, G0, "dresses"), out)).ok
    assert len(service.charges) == 2


async def test_a_picture_that_vanishes_in_the_run_fails_its_cells_alone(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """No cell's picture ends the run for the others, however late it goes missing."""
    garment = tmp_path / "dress.png"
    garment.write_bytes(samples.PNG)

    async def reply(cell: str) -> None:
        garment.unlink(missing_ok=True)

    service.reply = reply
    work = Grid(services.named("m", 300), [garment, PICS + "g1.jpg"], "dresses")
    lookbook = await quick(max_concurrency=4).run_grid(work, out, gallery=False)
    assert len(lookbook.saved) >= 300
    assert all(isinstance(cell.error, NotAnImage) for cell in lookbook.failed)
    assert len(lookbook.saved) + len(lookbook.failed) == 600


async def test_a_missing_picture_is_found_before_anything_is_sent(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """What cannot be sent is known before anything is."""
    with pytest.raises(NotAnImage, match="does not exist"):
        await quick().run_grid(_dresses(PICS + "g0.jpg", tmp_path / "none.png"), out)
    assert not service.calls


def _dresses(*garments: object) -> Grid:
    what = garments[0] if len(garments) == 1 else list(garments)
    return Grid(PICS + "m0.jpg", what, "dresses")


@pytest.mark.parametrize(
    ("state", "plain", "retry", "resend"),
    [
        (None, "SEND", "SEND", "SEND"),
        (State.OPEN, "SEND", "SEND", "SEND"),
        (State.CLAIMED, "LEAVE", "LEAVE", "LEAVE"),
        (State.PAID, "FETCH", "FETCH", "FETCH"),
        (State.SAVED, "FETCH", "FETCH", "FETCH"),
        (State.FAILED, "LEAVE", "SEND", "LEAVE"),
        (State.UNSURE, "LEAVE", "LEAVE", "SEND"),
        (State.DAMAGED, "LEAVE", "LEAVE", "SEND"),
    ],
)
def test_what_is_done_for_each_state(
    state: State | None, plain: str, retry: str, resend: str
) -> None:
    """Nothing that may be paid is sent unasked; what is paid is only fetched."""
    wishes = (
        planning.Wishes(),
        planning.Wishes(retry_failed=True),
        planning.Wishes(resend_unsure=True),
    )
    steps = [wish.step(state, in_place=False).name for wish in wishes]
    assert steps == [plain, retry, resend]
    in_place = planning.Wishes(retry_failed=True, resend_unsure=True).step(state, in_place=True)
    assert (in_place is planning.Step.NOTHING) == (state in {State.SAVED, State.PAID})


async def test_a_plan_counts_every_cell_once(service: Service, quick: Quick, out: Path) -> None:
    """Its numbers add up to the cells, before, in the middle of and after a run."""

    async def reply(cell: str) -> bytes | None:
        if cell == "m0__g2":
            raise services.Cut
        return HARMFUL if cell == "m0__g1" else None

    service.reply = reply
    client = quick(max_concurrency=1)
    await client.run_grid(grid(2, 3), out, max_calls=4)
    (out / "m0__g0.png").unlink()
    plan = await client.plan_grid(grid(2, 3), out)
    assert plan == planning.Plan(
        cells=6,
        to_send=2,
        saved=1,
        to_fetch=1,
        failed=1,
        unsure=1,
        damaged=0,
        duplicates=0,
        upload_bytes=0,
    )
    assert str(plan) == (
        "6 cells: 2 to send (0.0 MB to upload), 1 to fetch, 1 saved, 1 failed, 1 unsure; "
        "nothing was sent"
    )
    assert plan._repr_html_() == f"<div>{plan}</div>"
    asked = await client.plan_grid(grid(2, 3), out, retry_failed=True, resend_unsure=True)
    assert (asked.to_send, asked.failed, asked.unsure) == (4, 0, 0)
    assert len(service.calls) == 4


async def test_a_plan_tells_damaged_answers_apart(
    service: Service, quick: Quick, out: Path
) -> None:
    """They are paid, and neither failed nor unsure; only `resend_unsure` sends them again."""

    async def reply(cell: str) -> bytes:
        return peers.envelope(200)

    service.reply = reply
    await quick().run_grid(grid(1, 2), out)
    plan = await quick().plan_grid(grid(1, 2), out, retry_failed=True)
    assert (plan.damaged, plan.failed, plan.unsure, plan.to_send) == (2, 0, 0, 0)
    plan = await quick().plan_grid(grid(1, 2), out, resend_unsure=True)
    assert (plan.damaged, plan.to_send) == (0, 2)


async def test_a_plan_tells_the_bytes_that_will_be_uploaded(
    quick: Quick, out: Path, tmp_path: Path
) -> None:
    """Each request carries its pictures: files and bytes count, addresses do not."""
    (tmp_path / "model.png").write_bytes(samples.png(1000))
    work = Grid([tmp_path / "model.png", samples.png(500)], [G0, samples.png(200)], "dresses")
    plan = await quick().plan_grid(work, out)
    assert plan.upload_bytes == 2 * 1000 + 2 * 500 + 2 * 200


async def test_what_is_planned_of_an_open_file_can_be_run(
    service: Service, quick: Quick, out: Path
) -> None:
    """However big it is, and by any client: the work keeps its copy."""
    work = Grid(io.BytesIO(samples.png(3 * 2**20)), [G0], "dresses")
    assert (await quick().plan_grid(work, out)).upload_bytes == 3 * 2**20
    assert (await quick().run_grid(work, out)).ok
    assert len(service.charges) == 1


async def test_a_plan_sends_equal_cells_once(service: Service, quick: Quick, out: Path) -> None:
    """What a plan says it would send is what the run then sends."""
    models = {f"twin{n}": f"{PICS}m{n % 2}.jpg" for n in range(6)}
    garments = {f"same{n}": G0 for n in range(3)}
    work = Grid(models, garments, "dresses")
    plan = await quick().plan_grid(work, out)
    assert (plan.to_send, plan.duplicates) == (2, 16)
    await quick().run_grid(work, out)
    assert len(service.calls) == 2
