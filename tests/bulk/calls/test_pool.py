"""Many jobs through one client: bounded, lazy, one failure never losing the others."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from changeclothes_async import errors, results, settings
from changeclothes_async.bulk.calls import pool
from changeclothes_async.protocol import requests

FETCHING = settings.Fetching()


def job(number: int) -> requests.TryOn:
    return requests.TryOn(
        model=f"https://p.example/{number}.jpg",
        garment="https://p.example/g.jpg",
        category="dresses",
    )


def results_of(outcomes: Iterable[results.Outcome]) -> list[Any]:
    """Give what the calls of these tests return in place of looks: their jobs' numbers."""
    return [outcome.result for outcome in outcomes]


def number(job: requests.Job) -> int:
    return int(job.model.url.rpartition("/")[2].partition(".")[0])


class Calls:
    """Calls that end when the test says so; every future is in its hand."""

    def __init__(self) -> None:
        self.ends: dict[int, asyncio.Future[Any]] = {}
        self.read = 0

    async def run(self, job: requests.Job) -> results.Look:
        future = self.ends[number(job)] = asyncio.get_running_loop().create_future()
        look: results.Look = await future
        return look

    def jobs(self, count: int) -> Iterator[requests.Job]:
        for each in range(count):
            self.read += 1
            yield job(each)

    async def jobs_later(self, count: int) -> AsyncIterator[requests.Job]:
        for each in self.jobs(count):
            await asyncio.sleep(0)
            yield each

    def end(self, number: int, error: errors.ChangeClothesError | None = None) -> None:
        if error:
            self.ends[number].set_exception(error)
        else:
            self.ends[number].set_result(number)


async def settle() -> None:
    """Let everything happen that can happen by itself."""
    for _ in range(20):
        await asyncio.sleep(0)


async def at_once(job: requests.Job) -> Any:
    await asyncio.sleep(0)
    return number(job)


@pytest.mark.parametrize("later", [False, True], ids=["iterable", "async iterable"])
async def test_outcomes_come_as_they_are_done(later: bool) -> None:
    """Each outcome knows its job and its number, whatever the order."""
    calls = Calls()
    jobs = calls.jobs_later(3) if later else calls.jobs(3)
    outcomes = pool.as_completed(calls.run, jobs, 3)
    coming = asyncio.ensure_future(anext(outcomes))
    await settle()
    for ends in (2, 0, 1):
        calls.end(ends)
        outcome = await coming
        assert (outcome.index, number(outcome.job)) == (ends, ends)
        assert results_of([outcome]) == [ends]
        coming = asyncio.ensure_future(anext(outcomes))
    with pytest.raises(StopAsyncIteration):
        await coming


async def test_jobs_are_read_no_further_than_the_limit() -> None:
    """A slow consumer slows the reading: what is read and not handed over is never more."""
    calls = Calls()
    outcomes = pool.as_completed(calls.run, calls.jobs(100), 4)
    coming = asyncio.ensure_future(anext(outcomes))
    await settle()
    assert calls.read == 4
    for ends in range(4):
        calls.end(ends)
    await coming
    await settle()
    assert calls.read == 5  # one was handed over, three wait to be
    await anext(outcomes)
    await settle()
    assert calls.read == 6
    await outcomes.aclose()


async def test_an_endless_iterable_is_fine() -> None:
    """Nobody counts the jobs before they are made."""

    def endless() -> Iterator[requests.Job]:
        while True:
            yield job(1)

    outcomes = pool.as_completed(at_once, endless(), 2)
    assert results_of([await anext(outcomes) for _ in range(10)]) == [1] * 10
    await outcomes.aclose()


async def test_one_failure_never_loses_the_others() -> None:
    """An error is an outcome like any other."""
    calls = Calls()
    gathering = asyncio.ensure_future(pool.gather(calls.run, calls.jobs(3), 3))
    await settle()
    calls.end(1, errors.HarmfulContent("no"))
    calls.end(2)
    calls.end(0)
    outcomes = await gathering
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]
    with pytest.raises(errors.HarmfulContent):
        outcomes[1].unwrap()


async def test_an_outcome_is_a_success_or_a_failure() -> None:
    """Its class, `ok`, `result` and `error` say the same; it goes through copies and pickles."""
    jobs = [job(0), job(1)]

    async def run(made: requests.Job) -> Any:
        if made is jobs[1]:
            raise errors.HarmfulContent("no")
        return "a look"

    good, bad = await pool.gather(run, jobs, 1)
    assert all(isinstance(outcome, results.Outcome) for outcome in (good, bad))
    assert isinstance(good, results.Success)
    assert (good.ok, good.result, good.error, good.unwrap()) == (True, "a look", None, "a look")
    assert isinstance(bad, results.Failure)
    assert (bad.ok, bad.result, type(bad.error)) == (False, None, errors.HarmfulContent)
    assert good == results.Success(0, jobs[0], good.result) != bad
    assert repr(good) == f"Success(index=0, job={jobs[0]!r}, result='a look')"
    assert copy.deepcopy(good) == pickle.loads(pickle.dumps(good)) == good  # noqa: S301 - our own
    assert repr(pickle.loads(pickle.dumps(bad))) == repr(bad)  # noqa: S301 - our own


async def test_an_account_error_ends_the_reading() -> None:
    """No other job can succeed: those in flight arrive, the others are not started."""
    calls = Calls()
    outcomes = pool.as_completed(calls.run, calls.jobs(100), 3)
    coming = asyncio.ensure_future(anext(outcomes))
    await settle()
    calls.end(0, errors.InsufficientCredits("none left"))
    assert isinstance((await coming).error, errors.InsufficientCredits)
    await settle()
    assert calls.read <= 3
    calls.end(1)
    calls.end(2)
    assert sorted([outcome.index async for outcome in outcomes]) == [1, 2]


async def test_a_closed_client_ends_the_reading() -> None:
    """No other job can be made by it: those at hand are told, and the others are not started."""

    async def closed(job: requests.Job) -> Any:
        raise errors.ClientClosed("closed")

    outcomes = await pool.gather(closed, (job(n) for n in range(100)), 3)
    kinds = [type(outcome.error) for outcome in outcomes]
    begun = kinds.count(errors.ClientClosed)
    assert 1 <= begun <= 3
    assert kinds == [errors.ClientClosed] * begun + [errors.BatchStopped] * (100 - begun)
    assert "closed" in str(outcomes[-1].error)


async def test_gathered_jobs_that_were_not_started_say_so() -> None:
    """Every job has an outcome, in the order of the jobs, with the reason."""

    async def run(job: requests.Job) -> Any:
        await asyncio.sleep(0)
        if number(job) >= 2:
            raise errors.InvalidApiKey("30001: wrong key.")
        return number(job)

    outcomes = await pool.gather(run, (job(n) for n in range(10)), 1)
    assert [outcome.index for outcome in outcomes] == list(range(10))
    assert [number(outcome.job) for outcome in outcomes] == list(range(10))
    assert [type(outcome.error).__name__ for outcome in outcomes[:4]] == [
        "NoneType",
        "NoneType",
        "InvalidApiKey",
        "BatchStopped",
    ]
    assert "30001: wrong key." in str(outcomes[-1].error)


@pytest.mark.parametrize("later", [False, True], ids=["iterable", "async iterable"])
async def test_an_iterator_that_raises_raises_at_the_end(later: bool) -> None:
    """What was read before is handed over first, then the iterator's own error comes."""

    def breaking() -> Iterator[requests.Job]:
        yield job(0)
        yield job(1)
        raise ZeroDivisionError

    async def breaking_later() -> AsyncIterator[requests.Job]:
        for each in breaking():
            yield each

    outcomes = pool.as_completed(at_once, breaking_later() if later else breaking(), 4)
    got = [(await anext(outcomes)).index for _ in range(2)]
    with pytest.raises(ZeroDivisionError):
        await anext(outcomes)
    assert sorted(got) == [0, 1]


@pytest.mark.parametrize("account", [False, True], ids=["at work", "after a refusal"])
async def test_what_gather_paid_before_its_iterator_raised_is_in_the_notes(
    account: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is the iterator's own, and names every result that was paid; so does the log."""

    async def run(job: requests.Job) -> Any:
        await asyncio.sleep(0)
        if account and number(job) == 2:
            raise errors.InsufficientCredits("none left")
        return results.Picture(f"https://r.example/{number(job)}.png", results.Fetcher(FETCHING))

    def breaking() -> Iterator[requests.Job]:
        yield from (job(each) for each in range(3))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        await pool.gather(run, breaking(), 1)
    paid = [each for each in range(3) if not (account and each == 2)]
    assert caught.value.__notes__ == [
        f"Paid before this, job {each}: https://r.example/{each}.png" for each in paid
    ]
    assert all(f"https://r.example/{each}.png" in caplog.text for each in paid)


async def test_leaving_early_leaves_no_task() -> None:
    """What is not sent stops; nothing runs on in the background."""
    calls = Calls()
    before = asyncio.all_tasks()
    outcomes = pool.as_completed(calls.run, calls.jobs(100), 4)
    coming = asyncio.ensure_future(anext(outcomes))
    await settle()
    calls.end(0)
    await coming
    await outcomes.aclose()
    await settle()
    assert asyncio.all_tasks() == before
    assert calls.ends[1].cancelled()


async def test_an_end_that_nobody_took_is_logged_in_words_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may have cost, unlike what was not sent; what the service said may be the prompt."""
    calls = Calls()
    outcomes = pool.as_completed(calls.run, calls.jobs(3), 3)
    coming = asyncio.ensure_future(anext(outcomes))
    await settle()
    calls.end(0)
    await coming
    calls.end(1, errors.TryOnException("the prompt", code=20001))
    calls.end(2, errors.NotSent("no connection"))
    await settle()
    await outcomes.aclose()
    assert caplog.messages == [
        "Job 1 ended, and nobody looked: TryOnException (code 20001), maybe spent"
    ]


async def test_no_jobs_are_no_outcomes() -> None:
    """An empty list is done at once."""
    assert [each async for each in pool.as_completed(at_once, [], 4)] == []
    assert await pool.gather(at_once, [], 4) == []


async def test_ten_thousand_jobs_are_all_there() -> None:
    """Every job has exactly one outcome."""
    outcomes = await pool.gather(at_once, (job(n) for n in range(10_000)), 32)
    assert results_of(outcomes) == list(range(10_000))


async def test_a_cancelled_consumer_cancels_the_waiting() -> None:
    """Cancelled while it waits, it ends as cancelled, and so do the calls."""
    calls = Calls()
    gathering = asyncio.ensure_future(pool.gather(calls.run, calls.jobs(3), 3))
    await settle()
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    assert all(end.cancelled() for end in calls.ends.values())


async def test_a_defect_is_not_swallowed() -> None:
    """What is no error of ours, a wrong thing among the jobs say, neither hangs nor vanishes."""

    async def broken(job: requests.Job) -> Any:
        raise TypeError("a defect")

    async def consume() -> None:
        async for _ in pool.as_completed(broken, [job(0), job(1), job(2)], 2):
            pass

    with pytest.raises(TypeError, match="a defect"):
        async with asyncio.timeout(5):
            await consume()
