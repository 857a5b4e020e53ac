"""A run whose calls are not answered by the API stops, before it has gone through all its cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, Grid, errors
from changeclothes_async.bulk.run import trust as trusts
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import GONE, Service, cut, grid, states

Quick = Callable[..., AsyncChangeClothes]

PAGE = peers.http(200, "<html>Welcome to this hotel", kind="text/html")
NOWHERE = peers.http(404, "not found", kind="text/plain")
MOVED = peers.http(301, headers={"Location": "https://elsewhere.example/"})
BROKEN = peers.http(500, "<html>Internal server error", kind="text/html")


JOBS = [number.to_bytes(32) for number in range(102)]


def answering(answer: bytes) -> Callable[[str], object]:
    async def reply(_: str) -> bytes:
        return answer

    return reply


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answering(PAGE), errors.Damaged),
        (answering(NOWHERE), errors.JobError),
        (answering(MOVED), errors.Refused),
        (answering(BROKEN), errors.ServerError),
        (cut, errors.Unsure),
    ],
    ids=["a page", "404", "a redirect", "a page of 500", "no answer"],
)
async def test_a_wrong_origin_does_not_use_up_a_grid(
    service: Service, quick: Quick, out: Path, reply: Callable[[str], object], kind: type
) -> None:
    """A few cells are sent, and the rest stays open for the next run, at the right address."""
    service.reply = reply
    lookbook = await quick(max_concurrency=2).run_grid(grid(10, 10), out)
    assert isinstance(lookbook.stopped, kind)
    assert "base_url" in str(lookbook.stopped)
    assert 3 <= len(set(service.calls)) <= 8


async def test_equal_cells_are_one_call_in_vain(service: Service, quick: Quick, out: Path) -> None:
    """One answer that was lost, heard of by ten cells, says nothing of the address."""

    async def reply(cell: str) -> bytes | None:
        return await cut(cell) if cell == "m0__g0" else None

    service.reply = reply
    twins = {f"twin{n}": f"{services.PICS}m0.jpg" for n in range(10)}
    models = {**twins, "m1": f"{services.PICS}m1.jpg"}
    lookbook = await quick(max_concurrency=1).run_grid(Grid(models, services.G0, "dresses"), out)
    assert lookbook.stopped is None
    assert (len(lookbook.unsure), len(lookbook.saved)) == (10, 1)


@pytest.mark.parametrize(
    "picture",
    [GONE, peers.http(200, samples.png(10_000), kind="image/png")],
    ids=["gone", "too large"],
)
async def test_results_that_cannot_be_fetched_do_not_use_up_a_grid(
    service: Service, quick: Quick, out: Path, picture: bytes
) -> None:
    """The run stops in words, and the next one fetches what was paid, and goes on."""
    service.picture = lambda _: picture
    one = quick(max_concurrency=2, max_result_bytes=9_000)
    stopped = (await one.run_grid(grid(10, 10), out, gallery=False)).stopped
    assert isinstance(stopped, errors.DownloadFailed)
    assert "The last 3 results could not be fetched. The result at http" in str(stopped)
    assert "What was paid is kept" in str(stopped)
    assert 3 <= len(service.charges) <= 12
    assert await states(out) == {"paid": len(service.charges)}
    service.picture = services.picture
    assert (await quick().run_grid(grid(10, 10), out, gallery=False)).ok
    assert len(service.charges) == 100


async def test_old_results_that_are_gone_keep_no_run_from_going_on(
    service: Service, quick: Quick, out: Path
) -> None:
    """Those paid in an earlier run are asked for again, and count for nothing."""
    old = {"m0__g0", "m0__g1", "m0__g2", "m0__g3"}
    service.picture = lambda path: GONE if Path(path).stem in old else services.picture(path)
    await quick().run_grid(grid(1, 4), out, gallery=False)
    lookbook = await quick(max_concurrency=1).run_grid(grid(4, 4), out, gallery=False)
    assert lookbook.stopped is None
    assert len(lookbook.saved) == 12


def test_some_results_that_are_gone_are_no_reason_to_stop() -> None:
    """A picture that was fetched begins a new and longer row; what may pass does not count."""
    trust = trusts.in_results(at_once=2)
    gone, away = errors.DownloadFailed("410", final=True), errors.DownloadFailed("503")
    assert not any(trust.lost(*end) for end in zip((gone, gone, *[away] * 100), JOBS, strict=True))
    trust.heard()
    assert not any(trust.lost(gone, job) for job in JOBS[:10])


def test_what_was_heard_before_is_trusted_longer() -> None:
    """A network that goes away takes all calls in flight with it, and is no wrong address."""
    trust = trusts.in_answers(at_once=32)
    trust.heard()
    assert not any(trust.lost(errors.Unsure("lost"), job) for job in JOBS[:32])
    trust.heard()
    ends = [trust.lost(errors.Unsure("lost"), job) for job in JOBS]
    assert [bool(end) for end in ends].index(True) > 2 * 32


@pytest.mark.parametrize(
    "error",
    [
        errors.TryOnException("failed", code=20001),
        errors.InvalidParam("wrong", code=10004),
        errors.NotSent("no network"),
        errors.Refused("busy", http_status=429),
        errors.Refused("large", http_status=413, final=True),
        errors.ServerError("failed", code=500),
        errors.NotAnImage("gone"),
        errors.BatchStopped("stopping"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_tells_nothing_of_the_address(error: errors.ChangeClothesError) -> None:
    """The API's own answers, and what never reached anybody, cost no trust."""
    trust = trusts.in_answers(at_once=2)
    assert not any(trust.lost(error, job) for job in JOBS)


def test_an_answer_of_the_api_ends_a_row() -> None:
    """Also one that is an error: whoever speaks of codes is the API."""
    trust = trusts.in_answers(at_once=1)
    for job in JOBS:
        assert trust.lost(errors.Damaged("a page"), job) is None
        assert trust.lost(errors.HarmfulContent("no", code=10005), job) is None
