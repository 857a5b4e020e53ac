"""What callers do: they leave at any moment, and what they leave behind is counted all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from changeclothes_async import TryOn
from tests import peers, samples
from tests.faults.cases import Row
from tests.faults.rules import Client, healthy

CALL = "tests/test_client.py::"
POOL = "tests/bulk/calls/test_pool.py::"
HERE = "tests/faults/test_user.py::"

ROWS = [
    Row(
        "cancel before the upload",
        "cancelled, never sent",
        "not spent",
        "0",
        f"{CALL}test_a_call_cancelled_in_the_queue_is_never_sent",
    ),
    Row(
        "cancel during the upload",
        "cancelled; the call arrives once, and is logged",
        "spent",
        "1",
        f"{CALL}test_a_call_cancelled_in_its_upload_is_sent_whole",
    ),
    Row(
        "cancel after the upload",
        "cancelled; the result is logged, aclose() waits",
        "spent",
        "1",
        f"{CALL}test_a_cancelled_call_is_made_once_and_awaited_by_aclose",
    ),
    Row(
        "cancel after the upload: with a ledger",
        "the next one who asks gets the result",
        "spent",
        "1",
        "tests/bulk/calls/test_callers.py::test_a_cancelled_callers_result_is_there_for_the_next_one",
    ),
    Row(
        "cancel between two attempts",
        "cancelled, no second request",
        "not spent",
        "1",
        f"{CALL}test_a_call_cancelled_in_a_pause_is_not_sent_again",
    ),
    Row(
        "cancel in the download",
        "cancelled, no part of a file; saving again costs nothing",
        "spent",
        "1",
        f"{HERE}test_cancelled_in_the_download",
    ),
    Row(
        "cancel at any instant",
        "cancelled or a result",
        "spent or not spent",
        "1 at most, each logged",
        f"{HERE}test_cancelled_at_any_instant",
    ),
    Row(
        "cancel a run at any instant",
        "settled before aclose() returns",
        "spent",
        "1 a cell",
        "tests/bulk/run/test_interrupts.py::test_a_cancelled_run_settles_what_is_on_the_wire",
    ),
    Row(
        "wait_for",
        "TimeoutError; the call arrives once, and is logged",
        "spent",
        "1",
        f"{HERE}test_wait_for",
    ),
    Row(
        "a sibling task's crash",
        "cancelled by the group; the call arrives once, and is logged",
        "spent",
        "1",
        f"{HERE}test_a_siblings_crash",
    ),
    Row(
        "leaving as_completed early",
        "those on the wire arrive, the rest is not sent",
        "spent",
        "those in flight",
        f"{HERE}test_leaving_as_completed_early",
    ),
    Row(
        "leaving as_completed early: results that nobody took",
        "logged, as those of callers who went",
        "spent",
        "1 each",
        f"{HERE}test_results_that_nobody_took_are_logged",
    ),
    Row(
        "a cancelled gather",
        "results so far are logged",
        "spent",
        "1 each",
        f"{HERE}test_a_cancelled_gather_logs_what_it_had",
    ),
    Row(
        "a slow consumer",
        "no more than the limit is read ahead",
        "spent",
        "1 each",
        f"{POOL}test_jobs_are_read_no_further_than_the_limit",
    ),
    Row(
        "ten thousand waiters",
        "all get through",
        "not spent",
        "0",
        "tests/transport/test_limits.py::test_ten_thousand_waiters_all_get_through",
    ),
    Row(
        "ten thousand waiters: more than max_waiting",
        "TooManyWaiting at once",
        "not spent",
        "0",
        f"{CALL}test_a_full_queue_says_so_at_once",
    ),
]

CREW = "tests/bulk/cluster/test_crew.py::"
DISASTER = "tests/bulk/cluster/test_disaster.py::"

CLUSTER = [
    Row(
        "worker killed",
        "Unsure for what it had in its hands; the others go on",
        "maybe spent",
        "1 at most",
        f"{CREW}test_a_worker_killed_in_a_run",
    ),
    Row(
        "worker killed: before an order left",
        "made by another worker",
        "not spent",
        "0",
        f"{CREW}test_what_a_lost_worker_means_is_told_by_whether_the_order_left",
    ),
    Row(
        "scheduler killed",
        "the run stops; what was under way is unsure, the rest made by the next run",
        "maybe spent",
        "1 at most",
        f"{CREW}test_a_scheduler_killed_in_a_run",
    ),
    Row(
        "worker and scheduler killed, and a worker frozen: as processes",
        "each charge saved or named unsure; the limit is kept",
        "spent or maybe spent",
        "1 at most",
        f"{DISASTER}test_workers_and_scheduler_die_in_a_run",
    ),
    Row(
        "driver killed",
        "each charge saved or named unsure",
        "spent or maybe spent",
        "1 at most",
        f"{DISASTER}test_the_driver_dies_in_a_run",
    ),
    Row(
        "worker cut off and back",
        "unsure, and paid and saved when it is heard again",
        "spent",
        "1",
        f"{CREW}test_a_worker_cut_off_and_back",
    ),
    Row(
        "worker cut off and back: with an order that it had not read",
        "not begun any more; sent by the next run",
        "not spent",
        "0",
        f"{CREW}test_a_worker_frozen_before_it_read_its_order",
    ),
    Row(
        "a batch run twice: orders that come twice",
        "each is obeyed once",
        "spent",
        "1",
        "tests/bulk/cluster/test_agent.py::test_an_order_that_comes_twice_is_one_request",
    ),
    Row(
        "a batch run twice: by a second driver",
        "LedgerBusy, nothing leaves",
        "not spent",
        "0",
        f"{CREW}test_a_second_driver_is_refused",
    ),
]


@pytest.mark.swift
async def test_cancelled_in_the_download(client: Client, tmp_path: Path) -> None:
    """A save that is left leaves nothing; the next one fetches, and nothing is paid again."""
    halves, begun = peers.http(200, samples.png(900), kind="image/png"), asyncio.Event()

    async def halting(line: peers.Line) -> None:
        await line.request()
        await line.send(halves[:-100])
        begun.set()
        await line.hold()

    async with peers.serve(halting, healthy) as store:
        made = peers.answering(peers.made(f"{store.url}/1.png"))
        async with peers.serve(made) as peer:
            look = await client(peer).try_on(**samples.LOOK)
            saving = asyncio.create_task(look.save(tmp_path / "look.png"))
            await begun.wait()
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            assert list(tmp_path.iterdir()) == []
            assert (await look.save(tmp_path / "look.png")).read_bytes() == samples.PNG
    assert len(peer.charges) == 1


@pytest.mark.swift
async def test_cancelled_at_any_instant(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """After each number of the loop's steps: charged at most once, and no charge unknown."""
    sent = 0
    for steps in range(40):
        caplog.clear()
        async with peers.serve(peers.answering(peers.MADE)) as peer:
            one = client(peer)
            call = asyncio.create_task(one.try_on(**samples.LOOK))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            (end,) = await asyncio.gather(call, return_exceptions=True)
            await one.aclose()
            known = peers.RESULT in caplog.text or not isinstance(end, BaseException)
            assert len(peer.charges) == known, steps
        sent += known
    assert sent > 0


@pytest.mark.swift
async def test_wait_for(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A timeout of the caller's own is a cancellation: the paid call arrives, and is logged."""
    async with peers.serve(peers.thinking(60, peers.MADE)) as peer:
        one = client(peer)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.try_on(**samples.LOOK), 10)
        await one.aclose()
    assert len(peer.charges) == 1
    assert peers.RESULT in caplog.text


@pytest.mark.swift
async def test_a_siblings_crash(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A group that falls with one of its tasks does not lose what the others had paid for."""

    async def crash() -> None:
        await asyncio.sleep(10)
        raise ZeroDivisionError

    async with peers.serve(peers.thinking(60, peers.MADE)) as peer:
        one = client(peer)

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(one.try_on(**samples.LOOK))
                group.create_task(crash())

        with pytest.raises(ExceptionGroup) as caught:
            await both()
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        await one.aclose()
    assert len(peer.charges) == 1
    assert caplog.text.count(peers.RESULT) == 1


@pytest.mark.swift
async def test_leaving_as_completed_early(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What is on the wire arrives and is logged; what is not yet sent never is."""
    async with peers.serve(peers.thinking(1, peers.MADE), peers.thinking(9, peers.MADE)) as peer:
        one = client(peer, max_concurrency=3)
        outcomes = one.as_completed(TryOn(**samples.LOOK) for _ in range(1000))
        assert (await anext(outcomes)).ok
        await outcomes.aclose()
        await one.aclose()
    assert 3 <= len(peer.charges) <= 4
    assert caplog.text.count(peers.RESULT) == len(peer.charges) - 1


@pytest.mark.swift
async def test_results_that_nobody_took_are_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer that leaves does not lose the results that were ready for it: each is paid."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, max_concurrency=3)
        outcomes = one.as_completed(TryOn(**samples.LOOK) for _ in range(1000))
        assert (await anext(outcomes)).ok
        await asyncio.sleep(10)
        await outcomes.aclose()
        await one.aclose()
    assert caplog.text.count(peers.RESULT) == len(peer.charges) - 1 > 0


@pytest.mark.swift
async def test_a_cancelled_gather_logs_what_it_had(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A gather that is left in the middle does not lose the results that it had collected."""
    async with peers.serve(peers.thinking(1, peers.MADE)) as peer:
        one = client(peer, max_concurrency=1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.gather(TryOn(**samples.LOOK) for _ in range(100)), 10)
        await one.aclose()
    assert caplog.text.count(peers.RESULT) == len(peer.charges) > 3
