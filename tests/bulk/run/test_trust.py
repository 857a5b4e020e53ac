"""A run whose calls are not answered by the API stops, before it has gone through all its cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, errors
from changeclothes_async.bulk.run.trust import Trust
from tests import peers
from tests.bulk.service import Service, cut, grid

Quick = Callable[..., AsyncChangeClothes]

PAGE = peers.http(200, "<html>Welcome to this hotel", kind="text/html")
NOWHERE = peers.http(404, "not found", kind="text/plain")


def answering(answer: bytes) -> Callable[[str], object]:
    async def reply(_: str) -> bytes:
        return answer

    return reply


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answering(PAGE), errors.Damaged),
        (answering(NOWHERE), errors.JobError),
        (cut, errors.Unsure),
    ],
    ids=["a page", "404", "no answer"],
)
async def test_a_wrong_origin_does_not_use_up_a_grid(
    service: Service, quick: Quick, out: Path, reply: Callable[[str], object], kind: type
) -> None:
    """A few cells are sent, and the rest stays open for the next run, at the right address."""
    service.reply = reply
    lookbook = await quick(max_concurrency=2).run_grid(grid(10, 10), out)
    assert isinstance(lookbook.stopped, kind)
    assert "base_url" in str(lookbook.stopped)
    assert 3 <= len(service.calls) <= 8


def test_what_was_heard_before_is_trusted_longer() -> None:
    """A network that goes away takes all calls in flight with it, and is no wrong address."""
    trust = Trust(at_once=32)
    trust.heard()
    assert not any(trust.lost(errors.Unsure("lost")) for _ in range(32))
    trust.heard()
    ends = [trust.lost(errors.Unsure("lost")) for _ in range(100)]
    assert [bool(end) for end in ends].index(True) > 2 * 32


@pytest.mark.parametrize(
    "error",
    [
        errors.TryOnException("failed", code=20001),
        errors.InvalidParam("wrong", code=10004),
        errors.NotSent("no network"),
        errors.Refused("busy", http_status=429),
        errors.NotAnImage("gone"),
        errors.BatchStopped("stopping"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_tells_nothing_of_the_address(error: errors.ChangeClothesError) -> None:
    """The API's own answers, and what never reached anybody, cost no trust."""
    trust = Trust(at_once=2)
    assert not any(trust.lost(error) for _ in range(100))


def test_an_answer_of_the_api_ends_a_row() -> None:
    """Also one that is an error: whoever speaks of codes is the API."""
    trust = Trust(at_once=1)
    for _ in range(50):
        assert trust.lost(errors.Damaged("a page")) is None
        assert trust.lost(errors.HarmfulContent("no", code=10005)) is None
