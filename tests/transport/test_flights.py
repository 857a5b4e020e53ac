"""A call in a task of its own: joined, left, and never broken off while it may be paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from changeclothes_async import errors
from changeclothes_async.transport import flights


class Work:
    """A call that ends when its gate is opened."""

    def __init__(self, *, on_wire: bool = True) -> None:
        self.left: list[asyncio.Task[str]] = []
        self.gate = asyncio.Event()
        self.flight: flights.Flight[str] = flights.Flight(self.left.append)
        self.flight.on_wire = on_wire
        self.flight.begin(self._made())

    async def _made(self) -> str:
        await self.gate.wait()
        self.flight.on_wire = False
        return "made"


async def turns(count: int) -> None:
    """Let the loop take some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_all_who_wait_get_the_result() -> None:
    """However many there are, and also who comes when it has ended."""
    work = Work()
    waiting = [asyncio.create_task(work.flight.joined()) for _ in range(3)]
    await turns(1)
    work.gate.set()
    assert await asyncio.gather(*waiting) == ["made"] * 3
    assert await work.flight.joined() == "made"
    assert work.flight.is_over
    assert not work.left


async def test_what_is_on_the_wire_arrives() -> None:
    """The last one who leaves is told of, the one before is not, and neither breaks it off."""
    work = Work()
    waiting = [asyncio.create_task(work.flight.joined()) for _ in range(2)]
    await turns(1)
    for leaving, told in zip(waiting, (0, 1), strict=True):
        leaving.cancel()
        await asyncio.wait([leaving])
        assert len(work.left) == told
    assert (work.flight.is_wanted, work.flight.is_over) == (False, False)
    work.gate.set()
    assert await work.left[0] == "made"


async def test_what_is_not_on_the_wire_is_given_up() -> None:
    """When the last one who waits leaves, and not before."""
    work = Work(on_wire=False)
    waiting = [asyncio.create_task(work.flight.joined()) for _ in range(2)]
    await turns(1)
    for leaving, given_up in zip(waiting, (False, True), strict=True):
        leaving.cancel()
        await asyncio.wait([leaving])
        assert work.flight.is_over is given_up
    await asyncio.wait([work.flight.task])
    assert work.flight.task.cancelled()
    assert not work.left


@pytest.mark.parametrize("late", range(5))
async def test_who_leaves_as_it_lands_is_told_of_or_gets_it(late: int) -> None:
    """A cancellation that comes together with the result does not make it vanish."""
    work = Work()
    leaving = asyncio.create_task(work.flight.joined())
    await turns(1)
    work.gate.set()
    await turns(late)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled() is bool(work.left)
    assert await work.flight.task == "made"


@pytest.mark.parametrize("late", range(3))
async def test_who_leaves_as_it_lands_takes_nobody_along(late: int) -> None:
    """The others get the result, also where a cancellation comes just before it."""
    work = Work()
    leaving, staying = [asyncio.create_task(work.flight.joined()) for _ in range(2)]
    await turns(1)
    work.gate.set()
    await turns(late)
    leaving.cancel()
    await asyncio.wait([staying], timeout=10)
    assert (staying.done(), leaving.cancelled()) == (True, True)


async def test_an_error_comes_without_the_frames_of_others() -> None:
    """It is one error for all who wait, and would gather what each of them was doing."""

    async def fails() -> str:
        raise errors.Unsure("lost")

    flight = flights.Flight[str]().begin(fails())
    for _ in range(2):
        with pytest.raises(errors.Unsure) as caught:
            await flight.joined()
        assert [entry.name for entry in caught.traceback][1:] == ["joined"]


@pytest.mark.parametrize("end", [errors.Unsure("lost"), asyncio.CancelledError()])
async def test_an_error_that_nobody_waits_for_is_no_complaint(end: BaseException) -> None:
    """It was told to whoever `left` told; asyncio has nothing to add."""

    async def fails() -> str:
        await asyncio.sleep(0)
        raise end

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    flight: flights.Flight[str] = flights.Flight()
    flight.on_wire = True
    flight.begin(fails())
    await asyncio.wait([flight.task])
    del flight
    await turns(3)
    assert not complaints


@pytest.mark.parametrize("end", [asyncio.Task.cancel, lambda _: None])
async def test_a_flight_of_an_ending_loop_ends_those_who_wait(
    end: Callable[[asyncio.Task[str]], object],
) -> None:
    """Whoever waits for a call that is cancelled from outside is cancelled with it."""
    work = Work()
    waiting = asyncio.create_task(work.flight.joined())
    await turns(1)
    end(work.flight.task)
    work.gate.set()
    await asyncio.wait([waiting])
    assert waiting.cancelled() is work.flight.task.cancelled()


async def test_a_call_is_begun_when_it_is_waited_for() -> None:
    """Also where the loop starts tasks at once, or a first failure would not be made good."""
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
    flight: flights.Flight[tuple[bool, bool]] = flights.Flight()

    async def work() -> tuple[bool, bool]:
        return flight.is_wanted, flight.task is asyncio.current_task()

    assert await flight.begin(work()).joined() == (True, True)
