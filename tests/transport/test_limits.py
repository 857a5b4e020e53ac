"""Slots, pace and the common pause, on loop time and with every caller held in hand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from pydantic import SecretStr

from changeclothes_async import errors, settings
from changeclothes_async.transport import limits

pytestmark = pytest.mark.swift


def limited(**options):
    """Limits of a client that was told so."""
    return limits.Limits(
        settings.Settings(api_key=SecretStr("k"), base_url="https://api.example", **options)
    )


async def settled():
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def queueing(shared, count):
    """Start callers that want a slot each; their slots are in their tasks' results."""
    tasks = [asyncio.create_task(shared.slot()) for _ in range(count)]
    await settled()
    return tasks


def through(tasks):
    """Those who have a slot."""
    return [task for task in tasks if task.done()]


async def finish(tasks):
    """Send everyone who still waits away."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_no_more_than_the_limit_have_a_slot():
    """Three slots for five callers; a slot given back goes to the one who waits longest."""
    shared = limited(max_concurrency=3)
    tasks = await queueing(shared, 5)
    assert [task.done() for task in tasks] == [True] * 3 + [False] * 2
    shared.give_back(tasks[1].result())
    await settled()
    assert [task.done() for task in tasks] == [True] * 4 + [False]
    assert shared.in_flight == 3
    await finish(tasks)


async def test_a_slot_given_back_is_promised_to_who_waits():
    """A caller who asks in the very turn in which a slot is given back does not get it too."""
    shared = limited(max_concurrency=1)
    first, second = await queueing(shared, 2)
    shared.give_back(first.result())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await shared.slot()
    assert (second.done(), shared.in_flight) == (True, 1)


async def test_a_slot_is_not_lost_with_the_caller_who_gets_it():
    """A caller cancelled at the moment its slot is free leaves the slot to the next one."""
    shared = limited(max_concurrency=1)
    first, second, third = await queueing(shared, 3)
    shared.give_back(first.result())
    second.cancel()
    await settled()
    assert (second.cancelled(), third.done(), shared.in_flight) == (True, True, 1)


async def test_ten_thousand_waiters_all_get_through():
    """A queue of ten thousand is served to its end, in order, never above the limit."""
    shared, order = limited(max_concurrency=7), []

    async def caller(number):
        slot = await shared.slot()
        order.append(number)
        assert shared.in_flight <= 7
        await asyncio.sleep(0)
        shared.give_back(slot)

    await asyncio.gather(*[caller(number) for number in range(10_000)])
    assert order == list(range(10_000))
    assert shared.in_flight == 0


async def test_one_more_than_max_waiting_is_turned_away():
    """With two slots taken and three waiting, max_waiting=3 admits nobody else."""
    shared = limited(max_concurrency=2)
    with contextlib.ExitStack() as queue:
        tasks = await queueing(shared, 2)
        for _ in range(3):
            shared.admit(3)
            queue.enter_context(shared.queued())
        with pytest.raises(errors.TooManyWaiting) as caught:
            shared.admit(3)
        assert caught.value.money == "not spent"
    shared.admit(3)
    await finish(tasks)


async def test_nobody_waiting_allowed_still_fills_the_slots():
    """max_waiting=0 admits as many as there are free slots."""
    shared = limited(max_concurrency=2)
    await queueing(shared, 1)
    shared.admit(0)
    await queueing(shared, 1)
    with pytest.raises(errors.TooManyWaiting):
        shared.admit(0)


async def test_those_who_still_read_their_pictures_do_not_fill_the_queue_for_free_slots():
    """With two slots free and max_waiting=3, five are admitted, however long they take to read."""
    shared = limited(max_concurrency=2)
    with contextlib.ExitStack() as queue:
        for _ in range(5):
            shared.admit(3)
            queue.enter_context(shared.queued())
        with pytest.raises(errors.TooManyWaiting):
            shared.admit(3)


async def test_a_free_slot_is_one_that_nothing_holds_back():
    """Neither another caller, nor a common pause; where starts are counted, none is free."""
    shared = limited(max_concurrency=1)
    assert shared.is_free()
    slot = await shared.slot()
    assert not shared.is_free()
    shared.give_back(slot)
    with shared.queued():
        assert not shared.is_free()
    shared.refused(slot, 60)
    assert not shared.is_free()
    assert not limited(max_per_minute=1).is_free()


def now():
    return asyncio.get_running_loop().time()


async def test_max_per_minute_spaces_the_starts():
    """Thirty a minute: one every two seconds."""
    shared, starts = limited(max_concurrency=100, max_per_minute=30), []

    async def caller():
        await shared.slot()
        starts.append(now())

    await asyncio.gather(*[caller() for _ in range(5)])
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(1.9 <= gap < 3 for gap in gaps), gaps  # a loop may wake a little late


async def test_the_pace_holds_when_slots_were_busy():
    """Callers held up by a slow attempt do not all start at once after it."""
    shared, starts = limited(max_concurrency=1, max_per_minute=60), []

    async def caller(seconds):
        slot = await shared.slot()
        starts.append(now())
        await asyncio.sleep(seconds)
        shared.give_back(slot)

    await asyncio.gather(caller(300), *[caller(0) for _ in range(10)])
    late = [start for start in starts if start >= starts[0] + 300]
    assert len(late) == 10
    assert late[-1] - late[0] >= 8.9


async def test_who_gives_up_waiting_leaves_the_pace_as_it_was():
    """Callers who go away while they wait take no start with them."""
    shared = limited(max_concurrency=8, max_per_minute=60)
    shared.give_back(await shared.slot())
    begun = now()
    await finish(await queueing(shared, 100))
    await shared.slot()
    assert now() - begun < 1.5


async def test_who_waits_for_the_pace_holds_no_slot():
    """A slot is for the wire, and what is free counts as room for those who wait."""
    shared = limited(max_concurrency=8, max_per_minute=60)
    with contextlib.ExitStack() as queue:
        tasks = []
        for _ in range(7):
            shared.admit(0)
            queue.enter_context(shared.queued())
            tasks += await queueing(shared, 1)
        assert (len(through(tasks)), shared.in_flight) == (1, 1)
        await finish(tasks)


async def test_a_refusal_halves_the_slots_once_a_wave():
    """All refusals of attempts that began before the pause count as one."""
    shared = limited(max_concurrency=8)
    slots = [task.result() for task in await queueing(shared, 8)]
    for slot in slots:
        shared.refused(slot, 10)
        shared.give_back(slot)
    assert shared.allowed == 4
    tasks = await queueing(shared, 4)
    assert through(tasks) == []
    slots = await asyncio.gather(*tasks)
    shared.refused(slots[0], 10)
    assert shared.allowed == 2


async def test_slots_that_come_back_are_first_those_held_too_many():
    """With eight held and four allowed, a limit that grows by one lets nobody else start."""
    shared = limited(max_concurrency=8)
    slots = [task.result() for task in await queueing(shared, 8)]
    waiting = await queueing(shared, 4)
    shared.refused(slots[0], 0)
    for _ in range(8):
        shared.went_well()
    await settled()
    assert (through(waiting), shared.in_flight) == ([], 8)
    assert 4 < shared.allowed < 8
    await finish(waiting)


async def test_the_slots_never_run_out():
    """However often the service refuses, one slot stays."""
    shared = limited(max_concurrency=2)
    for _ in range(5):
        slot = await shared.slot()
        shared.refused(slot, 1)
        shared.give_back(slot)
    assert shared.allowed == 1


async def test_slots_come_back_one_a_calm_round():
    """After a refusal the limit grows by one for each round that went well, to its old size."""
    shared = limited(max_concurrency=4)
    slot = await shared.slot()
    shared.refused(slot, 0)
    shared.give_back(slot)
    seen = [shared.allowed]
    for _ in range(12):
        shared.went_well()
        seen.append(shared.allowed)
    assert seen == [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]


async def test_a_pause_holds_back_whoever_waited_for_a_slot():
    """A caller who gets a slot in the pause gives it back and waits for the pause's end."""
    shared = limited(max_concurrency=1)
    (first,) = await queueing(shared, 1)
    (second,) = await queueing(shared, 1)
    paused = now()
    shared.refused(first.result(), 60)
    shared.give_back(first.result())
    await second
    assert 60 <= now() - paused < 70


async def test_a_longer_pause_prolongs_the_first():
    """Whoever waits in a pause of 10 s waits on when another refusal says 60."""
    shared = limited(max_concurrency=2)
    first, second = [task.result() for task in await queueing(shared, 2)]
    begun = now()
    shared.refused(first, 10)
    shared.give_back(first)
    (waiter,) = await queueing(shared, 1)
    shared.refused(second, 60)
    shared.give_back(second)
    await waiter
    assert 60 <= now() - begun < 75
