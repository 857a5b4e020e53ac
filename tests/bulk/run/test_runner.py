"""A run: claim, call, settle, save; each cell paid at most once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import (
    AsyncChangeClothes,
    ChangeClothesError,
    Event,
    Grid,
    HarmfulContent,
    InsufficientCredits,
    LedgerError,
    NotSent,
    Refused,
    SaveFailed,
    Snapshot,
)
from changeclothes_async.bulk.ledger.ledger import Claim, Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.bulk.run import patience
from changeclothes_async.transport import places
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import (
    AWAY,
    BUSY,
    FAILED,
    G0,
    HARMFUL,
    NO_CREDITS,
    PICS,
    Reply,
    Service,
    cut,
    failing,
    grid,
    states,
)

Quick = Callable[..., AsyncChangeClothes]

HOLLOW = peers.http(200, '{"code": 200, "data": {}}')


async def test_ten_runs_of_the_same_grid_are_charged_once(
    service: Service, quick: Quick, out: Path
) -> None:
    """A run is resumed by running it again; what was paid is never paid again."""
    for _ in range(10):
        lookbook = await quick().run_grid(grid(3, 4), out)
        assert lookbook.ok
    assert len(service.charges) == 12
    assert not services.twice(service.charges)
    assert len(service.downloads) == 12


async def test_the_same_picture_under_another_name_is_not_paid_again(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """What is paid for is the content: neither a path nor a name makes it another job."""
    for name in ("red.png", "crimson.png", "rouge.png"):
        (tmp_path / name).write_bytes(samples.PNG)
    first = await quick().run_grid(_dresses(tmp_path / "red.png"), out)
    again = await quick().run_grid(_dresses(tmp_path / "*.png"), out)
    assert first.ok
    assert again.ok
    assert len(service.charges) == 1
    assert sorted(path.name for path in out.glob("*.png")) == [
        "m0__crimson.png",
        "m0__red.png",
        "m0__rouge.png",
    ]


async def test_equal_cells_of_one_run_are_one_call(
    service: Service, quick: Quick, out: Path
) -> None:
    """A model that is there ten times is paid once, and each of its cells has the picture."""
    twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(10)}, G0, "dresses")
    told: list[str] = []
    lookbook = await quick(max_concurrency=2).run_grid(
        twins, out, on_event=lambda event: told.append(event.kind)
    )
    assert lookbook.ok
    assert told.count("paid") == 1
    assert service.charges == ["m0__g0"]


async def test_a_failed_cell_is_not_sent_again_for_its_twin(
    service: Service, quick: Quick, out: Path
) -> None:
    """What failed is sent again only with `retry_failed`, also by another cell of the same run."""
    service.reply = failing({}, HARMFUL)
    twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(10)}, G0, "dresses")
    lookbook = await quick(max_concurrency=1).run_grid(twins, out)
    assert len(lookbook.failed) == 10
    assert service.calls == ["m0__g0"]


@pytest.mark.parametrize("wish", ["retry_failed", "resend_unsure"])
async def test_what_ended_anew_is_not_sent_once_more_for_its_twin(
    service: Service, quick: Quick, out: Path, wish: str
) -> None:
    """A wish to send again is one for what was known before the run: one further call for all."""
    service.reply = cut if wish == "resend_unsure" else failing({}, HARMFUL)
    for wishes in ({}, {wish: True}):
        twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(10)}, G0, "dresses")
        lookbook = await quick(max_concurrency=1).run_grid(twins, out, **wishes)
        assert len((*lookbook.failed, *lookbook.unsure)) == 10
    assert service.calls == ["m0__g0"] * 2


@pytest.mark.parametrize("wish", ["retry_failed", "resend_unsure"])
async def test_what_ends_in_a_run_is_not_sent_once_more_for_a_twin_that_is_planned_later(
    service: Service, quick: Quick, out: Path, wish: str
) -> None:
    """Cells are planned some hundred at a time: the ledger then knows what became of the first."""
    service.reply = cut if wish == "resend_unsure" else failing({}, HARMFUL)
    twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(300)}, G0, "dresses")
    lookbook = await quick(max_concurrency=1).run_grid(twins, out, **{wish: True})
    assert len((*lookbook.failed, *lookbook.unsure)) == 300
    assert service.calls == ["m0__g0"]


@pytest.mark.parametrize("answer", [HARMFUL, FAILED], ids=["harmful", "failed"])
async def test_a_resend_in_vain_is_not_made_once_more_for_its_twin(
    service: Service, quick: Quick, out: Path, answer: bytes
) -> None:
    """Nor where the job stays as unsure as it was, with nothing new in its entry."""
    service.reply = cut
    twins = Grid({f"twin{n}": f"{PICS}m0.jpg" for n in range(10)}, G0, "dresses")
    client = quick(max_concurrency=1, retries=0)
    await client.run_grid(twins, out)
    service.reply = failing({}, answer)
    lookbook = await client.run_grid(twins, out, resend_unsure=True)
    assert len(lookbook.unsure) == 10
    assert service.calls == ["m0__g0"] * 2


async def test_a_resend_that_was_not_sent_is_made_for_its_twin(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """A picture that changed meanwhile says nothing about the same one in another file."""
    models = [f"{PICS}m0.jpg", f"{PICS}m1.jpg", tmp_path / "a.png", tmp_path / "b.png"]
    for file in models[2:]:
        Path(file).write_bytes(samples.png(300))
    service.reply = failing({}, HARMFUL)
    client, refused = quick(max_concurrency=1), asyncio.Event()
    await client.run_grid(Grid(models, G0, "dresses"), out)

    async def reply(cell: str) -> None:
        if cell == "m1__g0":
            await refused.wait()

    def listen(event: Event) -> None:
        if (event.kind, event.cell) == ("claimed", "m0__g0"):
            (tmp_path / "a.png").write_bytes(samples.png(301))
        if (event.kind, event.cell) == ("failed", "a__g0"):
            refused.set()

    service.reply = reply
    lookbook = await client.run_grid(
        Grid(models, G0, "dresses"), out, retry_failed=True, on_event=listen
    )
    assert lookbook["b", "g0"].state == "saved"
    assert len(service.charges) == 3


@pytest.mark.parametrize("first", ["open", "unsure"])
async def test_a_failure_is_made_good_as_often_as_retries_say_and_no_oftener(
    service: Service, quick: Quick, out: Path, first: str
) -> None:
    """A run's patience with a service that is busy pays for no more failures than a call may."""
    client = quick(max_concurrency=1)
    if first == "unsure":
        service.reply = cut
        await client.run_grid(grid(1, 1), out)
    service.calls.clear()
    service.reply = failing({"m0__g0": [FAILED, BUSY, BUSY] * 3})
    lookbook = await client.run_grid(grid(1, 1), out, resend_unsure=True)
    assert lookbook["m0", "g0"].state == ("failed" if first == "open" else "unsure")
    assert len(service.calls) == 3


async def test_a_failed_cell_stays_until_it_is_asked_for(
    service: Service, quick: Quick, out: Path
) -> None:
    """`retry_failed` sends failed cells again; a plain run leaves them."""
    service.reply = failing({"m0__g1": [HARMFUL]})
    first = await quick().run_grid(grid(1, 3), out)
    assert [cell.name for cell in first.failed] == ["m0__g1"]
    assert isinstance(first.failed[0].error, HarmfulContent)
    assert first.stopped is None
    await quick().run_grid(grid(1, 3), out)
    assert service.calls.count("m0__g1") == 1
    third = await quick().run_grid(grid(1, 3), out, retry_failed=True)
    assert third.ok
    assert sorted(service.calls) == ["m0__g0", "m0__g1", "m0__g1", "m0__g2"]


@pytest.mark.parametrize("wish", ["retry_failed", "resend_unsure"])
async def test_a_cell_that_ends_as_before_is_no_reason_to_stop(
    service: Service, quick: Quick, out: Path, wish: str
) -> None:
    """Cells that are sent again, and fail or are lost once more, leave the others their turn."""
    wrong = cut if wish == "resend_unsure" else failing({}, HARMFUL)
    service.reply = wrong
    await quick().run_grid(grid(1, 4), out)
    service.reply = lambda call: wrong(call) if call == "m0__g0" else failing({})(call)
    again = await quick(max_concurrency=1).run_grid(grid(1, 4), out, **{wish: True})
    assert again.stopped is None
    assert [cell.name for cell in (*again.failed, *again.unsure)] == ["m0__g0"]
    assert len(service.calls) == 8


async def test_an_unsure_cell_is_sent_again_only_when_asked(
    service: Service, quick: Quick, out: Path
) -> None:
    """A lost answer may have been paid: no run sends it again unless a person says so."""
    service.reply = cut
    first = await quick().run_grid(grid(1, 1), out)
    assert [cell.name for cell in first.unsure] == ["m0__g0"]
    service.reply = failing({})
    again = await quick().run_grid(grid(1, 1), out, retry_failed=True)
    assert again.unsure
    assert len(service.calls) == 1
    resent = await quick().run_grid(grid(1, 1), out, resend_unsure=True)
    assert resent.ok
    assert len(service.calls) == 2


@pytest.mark.parametrize("first", [cut, failing({}, HOLLOW)], ids=["unsure", "damaged"])
async def test_a_resend_that_fails_leaves_the_cell_to_a_person(
    service: Service, quick: Quick, out: Path, first: Reply
) -> None:
    """The older attempt may be paid as before, and `retry_failed` alone sends nothing."""
    service.reply = first
    before = (await quick(retries=0).run_grid(grid(1, 1), out))["m0", "g0"]
    service.reply = failing({}, FAILED)
    kinds: list[str] = []
    resent = await quick(retries=0).run_grid(
        grid(1, 1), out, resend_unsure=True, on_event=lambda event: kinds.append(event.kind)
    )
    assert resent["m0", "g0"].state is before.state
    assert "unsure" in kinds
    service.reply = failing({})
    again = await quick().run_grid(grid(1, 1), out, retry_failed=True)
    assert again["m0", "g0"].state is before.state
    assert len(service.calls) == 2
    assert (await quick().run_grid(grid(1, 1), out, resend_unsure=True)).ok


@pytest.mark.parametrize(
    ("answer", "retries"),
    [(BUSY, 1), (FAILED, 1), (AWAY, 1), (BUSY, 0), (AWAY, 0)],
    ids=["429", "20001", "503", "429, waited for", "503, waited for"],
)
async def test_a_resent_cell_is_tried_again_like_any_other(
    service: Service, quick: Quick, out: Path, answer: bytes, retries: int
) -> None:
    """A refusal of the resent request costs nothing, and is followed by the next attempt."""
    service.reply = cut
    await quick().run_grid(grid(1, 1), out)
    service.reply = failing({"m0__g0": [answer]})
    lookbook = await quick(retries=retries).run_grid(grid(1, 1), out, resend_unsure=True)
    assert lookbook.stopped is None
    assert lookbook.ok


async def test_an_account_error_stops_the_run_within_the_calls_in_flight(
    service: Service, quick: Quick, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No other job can succeed: what is in flight arrives, the rest stays open for the next run."""
    left = 50

    async def reply(cell: str) -> bytes | None:
        await asyncio.sleep(0.001)
        return None if len(service.charges) < left else NO_CREDITS

    service.reply = reply
    stopped = await quick(max_concurrency=8).run_grid(grid(20, 10), out)
    assert isinstance(stopped.stopped, InsufficientCredits)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [f"The run stopped early: {stopped.stopped}"]
    assert len(service.charges) == left
    assert len(service.calls) <= left + 8
    assert await states(out) == {"saved": 50, "open": len(service.calls) - 50}
    left = 1000
    assert (await quick().run_grid(grid(20, 10), out)).ok
    assert len(service.charges) == 200
    assert not services.twice(service.charges)


async def test_a_wrong_origin_stops_the_run_at_once(client: Quick, out: Path) -> None:
    """Where nobody was ever heard there is nobody to wait for."""
    nobody = services.quick(client(f"http://127.0.0.1:{peers.free_port()}", max_concurrency=2))
    lookbook = await nobody.run_grid(grid(10, 10), out)
    assert isinstance(lookbook.stopped, NotSent)
    assert not lookbook.failed
    assert set(await states(out)) == {"open"}


async def test_a_network_that_comes_back_fails_no_cell(
    service: Service, quick: Quick, out: Path
) -> None:
    """While nobody listens cells wait; once somebody does, all of them arrive, each paid once."""
    waiting = asyncio.Event()

    async def away_and_back() -> None:
        await service.stop()
        await waiting.wait()
        await service.start()

    def watch(event: Event) -> None:
        if event.kind == "waiting":
            waiting.set()

    gone: list[asyncio.Task[None]] = []

    async def reply(cell: str) -> None:
        if len(service.charges) == 9:
            gone.append(asyncio.create_task(away_and_back()))

    service.reply = reply
    lookbook = await quick(max_concurrency=1).run_grid(grid(5, 4), out, on_event=watch)
    await asyncio.gather(*gone)
    assert lookbook.stopped is None
    assert not lookbook.failed
    assert len(lookbook.saved) + len(lookbook.unsure) == 20
    assert not services.twice(service.charges)


@pytest.mark.swift
@pytest.mark.parametrize(
    "error",
    [NotSent("no network"), Refused("busy", http_status=429)],
    ids=lambda error: type(error).__name__,
)
async def test_what_stays_away_is_not_waited_for_for_ever(error: ChangeClothesError) -> None:
    """Ten minutes after the service was heard last: refusals that go on tell nothing new."""
    patient = patience.Patience()
    patient.heard()
    await asyncio.sleep(590)
    assert patient.helps(error)
    await asyncio.sleep(20)
    assert not patient.helps(error)
    patient.heard()
    assert patient.helps(error)


def _dresses(*garments: object) -> Grid:
    what = garments[0] if len(garments) == 1 else list(garments)
    return Grid(PICS + "m0.jpg", what, "dresses")


THOROUGH = bool(os.environ.get("CHANGECLOTHES_THOROUGH"))


async def test_credits_that_end_in_the_middle(service: Service, quick: Quick, out: Path) -> None:
    """10003 in the middle of thousands of cells: only calls in flight follow; a top-up goes on."""
    side = 100 if THOROUGH else 32
    left = side * side // 2

    async def reply(cell: str) -> bytes | None:
        return None if len(service.charges) < left else NO_CREDITS

    service.reply = reply
    stopped = await quick(max_concurrency=16).run_grid(grid(side, side), out, gallery=False)
    assert isinstance(stopped.stopped, InsufficientCredits)
    assert len(service.calls) <= left + 16
    assert await states(out) == {"saved": left, "open": len(service.calls) - left}
    refused = len(service.calls) - left
    left = side * side
    assert (await quick(max_concurrency=16).run_grid(grid(side, side), out, gallery=False)).ok
    assert len(service.calls) == side * side + refused
    assert not services.twice(service.charges)


async def test_a_store_that_cannot_be_looked_at_any_more_stops_the_run(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at page by page: what was begun before arrives, and is in the lookbook."""
    second_page = services.named("g", 300)[256:]
    await quick().run_grid(Grid(f"{PICS}m0.jpg", second_page, "dresses"), out, gallery=False)

    def away(*_: object) -> set[str]:
        raise SaveFailed("The store could not be looked at.", money="not spent")

    monkeypatch.setattr(places.Folder, "in_place", away)
    lookbook = await quick(max_concurrency=4).run_grid(grid(1, 300), out, gallery=False)
    assert isinstance(lookbook.stopped, SaveFailed)
    assert len(lookbook.saved) == len(service.charges) > 44 + 200
    assert not lookbook.unsure
    assert not services.twice(service.charges)


async def test_a_defect_stops_the_run_and_is_raised(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not lost with its cell; what is under way arrives, and nothing more is begun."""

    def broken(*_: object) -> None:
        raise TypeError("a defect")

    monkeypatch.setattr(places.Folder, "save", broken)
    with pytest.raises(TypeError, match="a defect"):
        await quick(max_concurrency=1).run_grid(grid(10, 1), out)
    assert 0 < len(service.charges) < 10


async def test_the_limit_holds_for_a_run(service: Service, quick: Quick, out: Path) -> None:
    """Never more on the wire than `max_concurrency`, however many cells wait."""
    full = asyncio.Event()

    async def reply(cell: str) -> None:
        if service.busy == 5:
            full.set()
        await full.wait()

    service.reply = reply
    await quick(max_concurrency=5).run_grid(grid(10, 10), out)
    assert service.most == 5


class Broken:
    """A bar that cannot show anything."""

    def update(self, snapshot: Snapshot) -> None:
        """Fail."""
        raise ZeroDivisionError(snapshot)

    def close(self, snapshot: Snapshot) -> None:
        """Fail, as where the terminal is gone."""
        raise OSError(snapshot)


async def test_a_bar_that_fails_is_named_in_the_log(
    service: Service, quick: Quick, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on without it, and the log says what was wrong."""
    lookbook = await quick().run_grid(grid(2, 2), out, progress=Broken())
    assert lookbook.ok
    assert (out / "index.html").exists()
    said = [record.message for record in caplog.records if record.exc_info]
    assert ["failed" in said[0], "closed" in said[1]] == [True, True]
    assert len(said) == 2
    assert "ZeroDivisionError" in caplog.text


async def test_results_that_the_ledger_cannot_take_are_all_named(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops, and each cell that was paid is unsure, with its result's address."""
    told: list[str] = []
    settle = Ledger.settle

    async def full(self: Ledger, claim: Claim, event: JobEvent, facts: Facts) -> State:
        if event is JobEvent.PAY:
            raise LedgerError("The disk is full.")
        return await settle(self, claim, event, facts)

    monkeypatch.setattr(Ledger, "settle", full)
    lookbook = await quick(max_concurrency=2).run_grid(
        grid(2, 2), out, on_event=lambda event: told.append(f"{event.kind} {event.cell}")
    )
    assert isinstance(lookbook.stopped, LedgerError)
    assert sorted(cell.name for cell in lookbook.unsure) == sorted(service.charges)
    assert {f"unsure {cell}" for cell in service.charges} <= set(told)
    for cell in lookbook.unsure:
        assert (cell.money, cell.result_img_url) == ("spent", f"{service.url}/{cell.name}.png")
        assert "The paid result is at http" in str(cell.error)


async def test_an_end_that_the_ledger_cannot_take_is_unsure(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request was sent whole and nobody knows more: the cell is not called open."""

    async def full(self: Ledger, claim: Claim, event: JobEvent, facts: Facts) -> State:
        raise LedgerError("The disk is full.")

    monkeypatch.setattr(Ledger, "settle", full)
    service.reply = cut
    lookbook = await quick(max_concurrency=1).run_grid(grid(1, 1), out)
    (cell,) = lookbook.unsure
    assert (cell.money, type(cell.error)) == ("maybe spent", LedgerError)
    assert isinstance(lookbook.stopped, LedgerError)


@pytest.mark.parametrize("answer", [BUSY, AWAY], ids=["429", "503"])
async def test_a_busy_service_is_waited_for(
    service: Service, quick: Quick, out: Path, answer: bytes
) -> None:
    """Refusals cost nothing and fail no cell: the run slows down, and all of it arrives."""
    refusals = iter(range(12))

    async def reply(cell: str) -> bytes | None:
        return answer if next(refusals, None) is not None else None

    service.reply = reply
    lookbook = await quick(max_concurrency=4).run_grid(grid(4, 5), out)
    assert lookbook.ok
    assert len(service.charges) == 20


async def test_a_paid_picture_arrives_while_others_are_made(
    service: Service, quick: Quick, out: Path
) -> None:
    """Results are fetched during the run, not after it."""
    fetched_by_then = []

    async def reply(cell: str) -> None:
        fetched_by_then.append(len(service.downloads))

    service.reply = reply
    await quick(max_concurrency=2).run_grid(grid(5, 10), out)
    assert fetched_by_then[-1] > 0


@pytest.mark.parametrize("options", [{"max_waiting": 0}, {"deadline": 0.1}], ids=str)
async def test_a_run_has_its_own_patience(
    service: Service, quick: Quick, out: Path, options: dict[str, float]
) -> None:
    """What turns away or gives up single calls that queue too long never stops a run."""

    async def reply(cell: str) -> None:
        await asyncio.sleep(0.06)

    service.reply = reply
    lookbook = await quick(max_concurrency=1, **options).run_grid(grid(1, 4), out)
    assert lookbook.stopped is None
    assert lookbook.ok
