"""Ctrl-C, SIGTERM and cancellation: what is paid for arrives, or is named."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import AsyncChangeClothes, Event, Grid, Interrupted, TryOnException
from changeclothes_async.bulk.progress.tally import Snapshot
from changeclothes_async.bulk.run import interrupts
from changeclothes_async.protocol import requests
from tests import peers
from tests.bulk import service as services
from tests.bulk.service import FAILED, G0, Service, failing, grid, states

Quick = Callable[..., AsyncChangeClothes]

EVENTS = 24  # of 16 cells' about 120: the instants at which most is under way


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Python's own handler, which a shell's background job comes without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def test_the_first_signal_lets_what_is_paid_for_arrive(
    service: Service, quick: Quick, out: Path
) -> None:
    """Ctrl-C once: no new claims; what is in flight arrives and is saved."""
    listen = _at(50, lambda: signal.raise_signal(signal.SIGINT))
    lookbook = await quick(max_concurrency=4).run_grid(grid(10, 10), out, on_event=listen)
    assert isinstance(lookbook.stopped, Interrupted)
    assert not lookbook.unsure
    assert len(lookbook.saved) == len(service.charges) < 100
    assert (await quick().run_grid(grid(10, 10), out)).ok
    assert len(service.charges) == 100


async def test_a_signal_ends_the_fetching_of_a_run_that_may_buy_nothing(
    service: Service, quick: Quick, out: Path
) -> None:
    """It had stopped buying before, and that is no reason not to hear."""
    client = quick(max_concurrency=1)
    await client.run_grid(grid(20, 20), out, gallery=False)
    for picture in out.glob("*.png"):
        picture.unlink()
    service.downloads.clear()
    models = [f"{services.PICS}m{n}.jpg" for n in (20, *range(20))]
    garments = [f"{services.PICS}g{n}.jpg" for n in range(20)]

    heard = itertools.count()

    def listen(event: Event) -> None:
        if event.kind == "saved" and not next(heard):
            signal.raise_signal(signal.SIGINT)

    more = Grid(models, garments, "dresses")
    lookbook = await client.run_grid(more, out, max_calls=0, on_event=listen, gallery=False)
    assert isinstance(lookbook.stopped, Interrupted)
    assert 0 < len(service.downloads) < 300
    assert len(service.charges) == 400


class Kept:
    """A bar that keeps what it was shown last."""

    def update(self, snapshot: Snapshot) -> None:
        """Show nothing."""

    def close(self, snapshot: Snapshot) -> None:
        """Keep how it ended."""
        self.last = snapshot


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_second_signal_stops_now_and_names(
    service: Service, quick: Quick, out: Path, number: signal.Signals
) -> None:
    """Again: what was in flight is broken off and named unsure; nothing else changes."""
    silence = asyncio.Event()

    async def reply(cell: str) -> None:
        service.charge(cell)
        if len(service.calls) == 3:
            signal.raise_signal(number)
            signal.raise_signal(number)
        await silence.wait()

    service.reply = reply
    bar = Kept()
    lookbook = await quick(max_concurrency=3).run_grid(grid(10, 10), out, progress=bar)
    assert isinstance(lookbook.stopped, Interrupted)
    assert "stopped: interrupted" in repr(lookbook)
    assert (bar.last.unsure, bar.last.open, bar.last.in_flight) == (3, 97, 0)
    assert len(lookbook.unsure) == 3
    assert sorted(cell.name for cell in lookbook.unsure) == sorted(service.charges)
    assert await states(out) == {"unsure": 3}


async def test_a_cell_broken_off_in_a_retry_has_not_failed(
    service: Service, quick: Quick, out: Path
) -> None:
    """Its first failure is not its end: the retry may be paid, and is what its cell ends with."""
    silence = asyncio.Event()

    async def reply(cell: str) -> bytes | None:
        if len(service.calls) == 1:
            return FAILED
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        await silence.wait()
        return None

    service.reply = reply
    heard: list[Event] = []
    lookbook = await quick().run_grid(grid(1, 1), out, on_event=heard.append)
    assert [cell.money for cell in lookbook.unsure] == ["maybe spent"]
    assert [event.kind for event in heard] == ["claimed", "sent", "answered"] * 2


async def test_a_cancelled_run_settles_what_is_on_the_wire(
    service: Service, quick: Quick, out: Path
) -> None:
    """Whoever leaves a run leaves nothing unknown: `aclose` waits for attempts and their ledger."""
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def reply(cell: str) -> None:
        if len(service.calls) == 4:
            arrived.set()
        await gate.wait()

    service.reply = reply
    client = quick(max_concurrency=4)
    run = asyncio.create_task(client.run_grid(grid(10, 10), out))
    await arrived.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    gate.set()
    await client.aclose()
    assert len(service.charges) == 4
    assert await states(out) == {"paid": 4}
    assert (await quick().run_grid(grid(2, 2), out)).ok


async def test_a_run_cancelled_before_anything_was_sent_lets_go_of_its_ledger(
    service: Service, quick: Quick, out: Path
) -> None:
    """The next run must not wait for one that is over."""
    await quick().run_grid(grid(1, 1), out)

    class Cancelling(Grid):
        def job(self, row: int, column: int) -> requests.Job:
            for task in running:
                task.cancel()
            return super().job(row, column)

    running: list[asyncio.Task[Any]] = []
    work = Cancelling(G0, G0, "dresses")
    running.append(asyncio.create_task(quick().run_grid(work, out)))
    with pytest.raises(asyncio.CancelledError):
        await running[0]
    assert (await quick().run_grid(grid(1, 1), out)).ok


@pytest.mark.parametrize("instant", range(2, EVENTS, 2))
async def test_two_signals_at_any_instant(
    service: Service,
    quick: Quick,
    out: Path,
    caplog: pytest.LogCaptureFixture,
    instant: int,
) -> None:
    """Wherever a claim or an answer is on its way, the ledger ends with all of it in order."""
    listen = _at(instant, _interrupt_twice)
    client = quick(max_concurrency=4)
    lookbook = await client.run_grid(grid(4, 4), out, on_event=listen)
    assert lookbook.stopped  # it was interrupted, wherever it was
    assert client.stats.in_flight == 0
    await client.aclose()
    counts = await states(out)
    assert "claimed" not in counts
    assert counts.get("saved", 0) + counts.get("paid", 0) <= len(service.charges)
    assert len(service.charges) <= sum(counts.values()) - counts.get("open", 0)
    assert not any(isinstance(a, AssertionError) for r in caplog.records for a in r.args or ())
    await quick().run_grid(grid(4, 4), out)
    assert not services.twice(service.charges)


@pytest.mark.parametrize("instant", range(2, EVENTS, 2))
async def test_cancelled_at_any_instant(
    service: Service, quick: Quick, out: Path, instant: int
) -> None:
    """Nothing is unsure for a run that was cancelled: its attempts arrive all the same."""
    client = quick(max_concurrency=4)
    leave = _at(instant, lambda: run.cancel())  # noqa: PLW0108 - the run begins after this
    run = asyncio.create_task(client.run_grid(grid(4, 4), out, on_event=leave))
    with pytest.raises(asyncio.CancelledError):
        await run
    await client.aclose()
    counts = await states(out)
    assert not {"claimed", "unsure"} & set(counts)
    assert counts.get("saved", 0) + counts.get("paid", 0) == len(service.charges)
    assert (await quick().run_grid(grid(4, 4), out)).ok
    assert len(service.charges) == 16


async def test_a_drained_run_does_not_wait_for_a_wish_of_the_service(
    service: Service, quick: Quick, out: Path
) -> None:
    """Nothing is in flight while all wait for a Retry-After: the first Ctrl-C ends it at once."""
    service.reply = failing({}, peers.envelope(0, status=429, Retry_After="60"))
    stop = _at(5, lambda: signal.raise_signal(signal.SIGINT))
    async with asyncio.timeout(10):
        lookbook = await quick(max_concurrency=2).run_grid(grid(4, 4), out, on_event=stop)
    assert isinstance(lookbook.stopped, Interrupted)
    assert await states(out) == {"open": len(set(service.calls))}


@pytest.mark.parametrize("models", [1, 2], ids=["its own pause", "another's"])
async def test_a_drained_run_does_not_wait_to_make_a_failure_good(
    service: Service, quick: Quick, out: Path, models: int
) -> None:
    """A pause after a failure is not in flight either: its cell ends as the failure it is."""
    service.reply = failing({"m0__g0": [FAILED]}, peers.envelope(0, status=429, Retry_After="60"))
    told: list[Event] = []

    def listen(event: Event) -> None:
        told.append(event)
        if [each.kind for each in told].count("answered") == 2:
            loop.call_later(0.1, signal.raise_signal, signal.SIGINT)

    loop, client = asyncio.get_running_loop(), quick(max_concurrency=2)
    async with asyncio.timeout(10):
        lookbook = await client.run_grid(grid(models, 1), out, on_event=listen)
    assert isinstance(lookbook.stopped, Interrupted)
    assert [type(event.error) for event in told if event.kind == "failed"] == [TryOnException]
    assert lookbook["m0", "g0"].state == "failed"
    assert len(lookbook.failed) == 1


async def test_signals_are_given_back(quick: Quick, out: Path) -> None:
    """After a run, Ctrl-C is what it was before."""
    heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in heard]
    await quick().run_grid(grid(1, 1), out)
    assert [signal.getsignal(number) for number in heard] == before


async def test_a_servers_own_handlers_are_left_alone() -> None:
    """A web server that handles signals itself keeps them."""

    def own(*_: object) -> None:
        heard.append("own")

    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, own)
    try:
        with interrupts.handled(lambda: heard.append("first"), lambda: heard.append("second")):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["own"]


async def test_a_handler_that_came_meanwhile_is_left_alone() -> None:
    """A run that outlives its notebook cell takes nothing from the cell that runs now."""

    def next_cell(*_: object) -> None:
        """Stands for what a kernel puts in place for its next cell."""

    heard = Heard()
    with interrupts.handled(*heard.both("first", "second")):
        signal.signal(signal.SIGINT, next_cell)
        signal.raise_signal(signal.SIGINT)
        for _ in range(3):  # the loop is told of it too
            await asyncio.sleep(0)
    assert signal.getsignal(signal.SIGINT) is next_cell
    assert not heard.words


async def test_the_first_signal_drains_and_each_further_one_stops() -> None:
    """Three signals: the first callback once, the second one twice, in this order."""
    heard = Heard()
    with interrupts.handled(*heard.both("first", "second")):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        await heard.so_many(3)
    assert heard.words == ["first", "second", "second"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on Windows")
@pytest.mark.skipif(
    hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN,
    reason="a hangup is ignored here, as under nohup, and a run leaves that as it is",
)
async def test_a_hangup_never_stops_what_is_under_way() -> None:
    """Of a terminal that goes away system and shell both tell: the run drains, and no more."""
    heard = Heard()
    with interrupts.handled(*heard.both("first", "second")):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        await heard.so_many(1)
        signal.raise_signal(signal.SIGINT)
        await heard.so_many(2)
    assert heard.words == ["first", "second"]


async def test_a_signal_wakes_a_loop_that_has_nothing_else_to_do() -> None:
    """One that does not interrupt the loop's waiting, as it came just before it, is heard."""

    def elsewhere() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    heard = Heard()
    with interrupts.handled(*heard.both("first", "second")):
        threading.Timer(0.05, elsewhere).start()  # nothing tells that the loop waits by now
        await heard.so_many(1)
    assert heard.words == ["first"]


async def test_runs_side_by_side_all_hear() -> None:
    """Ctrl-C means the program: each run drains, also the one that outlives the first to begin."""
    before = signal.getsignal(signal.SIGINT)
    heard = Heard()
    begun = contextlib.ExitStack()
    begun.enter_context(interrupts.handled(*heard.both("first", "second")))
    with interrupts.handled(*heard.both("other's first", "other's second")):
        signal.raise_signal(signal.SIGINT)
        await heard.so_many(2)
        begun.close()
        signal.raise_signal(signal.SIGINT)
        await heard.so_many(3)
    assert heard.words == ["first", "other's first", "other's second"]
    assert signal.getsignal(signal.SIGINT) is before


async def test_in_another_thread_nothing_is_handled() -> None:
    """Only the main thread gets signals; a run elsewhere goes without."""

    async def elsewhere() -> list[object]:
        with interrupts.handled(lambda: None, lambda: None):
            return [signal.getsignal(signal.SIGINT)]

    inside = await asyncio.to_thread(asyncio.run, elsewhere())
    assert inside == [signal.getsignal(signal.SIGINT)]


class Heard:
    """What was called, in its order."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._more = asyncio.Event()

    def both(self, *words: str) -> Iterator[Callable[[], None]]:
        """Give a callback for each word, which takes note of it."""
        return (functools.partial(self._hear, word) for word in words)

    def _hear(self, word: str) -> None:
        self.words.append(word)
        self._more.set()

    async def so_many(self, count: int) -> None:
        """Wait for this many, without ever waking the loop."""
        while len(self.words) < count:
            self._more.clear()
            await self._more.wait()


def _interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def _at(instant: int, act: Callable[[], object]) -> Callable[[Event], None]:
    """Act at the event of this number."""
    numbers = itertools.count()

    def listen(event: Event) -> None:
        if next(numbers) == instant:
            act()

    return listen
