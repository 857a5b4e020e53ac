"""One client's calls with a ledger of their own: equal ones are paid once, lost ones are held."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import (
    AsyncChangeClothes,
    BatchStopped,
    ClientClosed,
    Damaged,
    InsufficientCredits,
    InvalidInput,
    LedgerBusy,
    LedgerError,
    Look,
    NotSent,
    TooManyWaiting,
    TryOn,
    TryOnException,
    Unsure,
)
from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.ledger.states import State
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import FAILED, G0, NO_CREDITS, PICS, Reply, Service, cut, failing, states

Quick = Callable[..., AsyncChangeClothes]

HOLLOW = peers.http(200, '{"code": 200, "data": {}}')


def job(number: int = 0) -> TryOn:
    return TryOn(model=f"{PICS}m{number}.jpg", garment=G0, category="dresses")


@pytest.fixture
def book(out: Path) -> Path:
    return out / "ledger.db"


class Gate:
    """A reply that waits until it is opened; `answer` is what it says then, None for a look."""

    def __init__(self, service: Service) -> None:
        self.answer: bytes | None = None
        self.arrived, self.open = asyncio.Event(), asyncio.Event()
        service.reply = self._wait

    async def _wait(self, _: str) -> bytes | None:
        self.arrived.set()
        await self.open.wait()
        return self.answer


async def leave(client: AsyncChangeClothes, gate: Gate) -> None:
    """Ask for a look, and go away when the request has arrived."""
    asking = asyncio.create_task(client.run(job()))
    await gate.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_equal_calls_in_flight_are_one_call(
    service: Service, quick: Quick, book: Path
) -> None:
    """Fifty who ask for the same at once: one request, one result for all."""
    client = quick(ledger=book)
    looks = await asyncio.gather(*(client.run(job()) for _ in range(50)))
    assert len({look.result_img_url for look in looks}) == 1
    assert service.charges == ["m0__g0"]


async def test_a_later_call_comes_from_the_ledger(
    service: Service, quick: Quick, book: Path
) -> None:
    """What was paid is given again, also by another client, and its picture can be saved."""
    async with quick(ledger=book) as client:
        first = await client.run(job())
    service.charges.clear()
    again = await quick(ledger=book).run(job())
    assert again.result_img_url == first.result_img_url
    assert await again.bytes() == await first.bytes()
    assert not service.charges


async def test_an_answer_from_the_ledger_is_no_start_of_the_minute_s(
    service: Service, quick: Quick, book: Path
) -> None:
    """With a pace of one call a minute, a new job need not wait a minute for a known one."""
    async with quick(ledger=book) as client:
        await client.run(job())
    client = quick(ledger=book, max_per_minute=1)
    async with asyncio.timeout(20):
        await client.run(job())
        await client.run(job(1))
    assert service.charges == ["m0__g0", "m1__g0"]


@pytest.mark.parametrize("size", [100, 3 * 2**20], ids=["small", "large"])
async def test_a_photograph_that_was_changed_is_another_job(
    service: Service, quick: Quick, book: Path, tmp_path: Path, size: int
) -> None:
    """What was paid for the old one under its name is not given for the new one."""
    client, photograph = quick(ledger=book), tmp_path / "model.png"

    async def worn() -> str:
        look = await client.try_on(model=photograph, garment=samples.JPEG, category="dresses")
        return look.result_img_url

    photograph.write_bytes(samples.png(size))
    old = await worn()
    photograph.write_bytes(samples.png(size + 1))
    new = await worn()
    assert old != new == await worn()
    assert len(service.charges) == 2


@pytest.mark.parametrize("pace", [None, 600], ids=["a slot is free", "a slot is waited for"])
async def test_a_lost_answer_stays_unsure(
    service: Service, quick: Quick, book: Path, pace: int | None
) -> None:
    """Asked again it is Unsure again, without a request; another job is not touched by it."""
    client = quick(ledger=book, max_per_minute=pace)
    service.reply = cut
    for _ in range(3):
        with pytest.raises(Unsure):
            await client.run(job())
    service.reply = failing({})
    assert await client.run(job(1))
    assert service.calls == ["m0__g0", "m1__g0"]


@pytest.mark.parametrize("answer", [cut, failing({}, HOLLOW)], ids=["unsure", "damaged"])
async def test_what_is_held_is_sent_again_where_a_person_says_so(
    service: Service, quick: Quick, book: Path, answer: Reply
) -> None:
    """The error says how, the first time and each later one; then it is known as any other."""
    client = quick(ledger=book)
    service.reply = answer
    for _ in range(2):
        with pytest.raises(
            (Unsure, Damaged),
            match=r"resend_unsure=True \(in the shell --resend-unsure\) sends it again",
        ):
            await client.run(job())
    service.reply = failing({})
    with pytest.raises(InvalidInput, match="True or False"):
        client.with_options(resend_unsure="no")  # type: ignore[arg-type]
    look = await client.with_options(resend_unsure=True).run(job())
    assert (await client.run(job())).result_img_url == look.result_img_url
    assert service.calls == ["m0__g0"] * 2


async def test_a_failed_call_may_be_made_again(service: Service, quick: Quick, book: Path) -> None:
    """Whoever calls again after a failure wants it to be sent again."""
    client = quick(ledger=book, retries=0)
    service.reply = failing({"m0__g0": [FAILED]})
    with pytest.raises(TryOnException):
        await client.run(job())
    assert await client.run(job())
    assert len(service.calls) == 2


async def test_a_cancelled_callers_result_is_there_for_the_next_one(
    service: Service, quick: Quick, book: Path
) -> None:
    """A web client that went away wastes no credit."""
    gate, client = Gate(service), quick(ledger=book)
    await leave(client, gate)
    gate.open.set()
    await client.aclose()
    assert await quick(ledger=book).run(job())
    assert service.charges == ["m0__g0"]


async def test_the_next_one_who_asks_joins_a_call_whose_caller_left(
    service: Service, quick: Quick, book: Path
) -> None:
    """A page that is loaded again while the first call is on its way gets that call's result."""
    gate, client = Gate(service), quick(ledger=book)
    await leave(client, gate)
    again = [asyncio.create_task(client.run(job())) for _ in range(2)]
    await asyncio.sleep(0)
    gate.open.set()
    first, second = await asyncio.gather(*again)
    assert first.made is second.made
    assert service.charges == ["m0__g0"]


async def test_no_further_attempt_is_made_for_nobody(
    service: Service, quick: Quick, book: Path
) -> None:
    """When the last one who waits has left, a failure is not followed by another attempt."""
    gate, client = Gate(service), quick(ledger=book)
    asking = [asyncio.create_task(client.run(job())) for _ in range(2)]
    await gate.arrived.wait()

    async def fails(cell: str) -> bytes:
        return FAILED

    service.reply = fails
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    gate.open.set()
    await client.aclose()
    assert len(service.calls) == 1


async def test_the_next_one_who_asks_is_not_told_an_old_error(
    service: Service, quick: Quick, book: Path
) -> None:
    """A call that failed after its callers had left is over: whoever asks now makes a new one."""
    gate, client = Gate(service), quick(ledger=book)
    await leave(client, gate)
    gate.answer = FAILED
    gate.open.set()
    while client.stats.failed < 1:  # noqa: ASYNC110 - nobody is left to be told
        await asyncio.sleep(0.001)
    service.reply = failing({})
    assert await client.run(job())
    assert len(service.calls) == 2


async def test_a_call_left_before_its_claim_is_received_is_not_sent(
    service: Service, quick: Quick, book: Path
) -> None:
    """The claim is given back: nothing is paid for nobody, and the next one who asks is served."""
    client = quick(ledger=book)
    await client.run(job(1))
    asking = asyncio.create_task(client.run(job()))
    while not client.stats.in_flight:  # noqa: ASYNC110 - it has its slot, and asks for its claim
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await client.aclose()
    assert service.calls == ["m1__g0"]
    assert await quick(ledger=book).run(job())
    assert service.calls == ["m1__g0", "m0__g0"]


async def test_clients_of_one_process_share_a_ledger(
    service: Service, quick: Quick, book: Path
) -> None:
    """As where a notebook's cell makes one anew: equal calls are one, and the last closes it."""
    first, second = quick(ledger=book), quick(ledger=str(book))
    gate = Gate(service)
    calls = [asyncio.create_task(each.run(job())) for each in (first, second)]
    await gate.arrived.wait()
    gate.open.set()
    assert len({look.url for look in await asyncio.gather(*calls)}) == 1
    await first.aclose()
    assert await second.run(job(1))
    with pytest.raises(LedgerBusy, match="already working on the ledger"):
        await Ledger.open(book)
    await second.aclose()
    await (await Ledger.open(book)).close()
    assert len(service.charges) == 2


async def test_a_client_that_is_closed_ends_no_call_of_another(
    service: Service, quick: Quick, book: Path
) -> None:
    """Who joined a call that was not sent makes it; the closed client's own caller is told."""
    gate, first, second = Gate(service), quick(ledger=book, max_concurrency=1), quick(ledger=book)
    sent = asyncio.create_task(first.run(job()))
    await gate.arrived.wait()
    queued = asyncio.create_task(first.run(job(1)))
    while not first.stats.waiting:  # noqa: ASYNC110 - a number, which nobody tells of
        await asyncio.sleep(0)
    joined = asyncio.create_task(second.run(job(1)))
    ledger = second._caller._ledger
    assert ledger
    while not ledger.payments:  # noqa: ASYNC110 - in a thread
        await asyncio.sleep(0)
    closing = asyncio.create_task(first.aclose())
    await asyncio.sleep(0)
    gate.open.set()
    assert await joined
    with pytest.raises(ClientClosed):
        await queued
    assert await sent
    await closing
    assert sorted(service.charges) == ["m0__g0", "m1__g0"]


async def test_who_comes_as_the_last_client_leaves_waits_for_the_ledger(
    service: Service, quick: Quick, book: Path
) -> None:
    """It is being closed, and is opened again."""
    first, second = quick(ledger=book), quick(ledger=book)
    await first.run(job())
    left = first._caller._ledger
    assert left
    assert left.shared
    assert left.payments
    with left.payments.book._closing:
        closing = asyncio.create_task(first.aclose())
        while left.shared.users:  # noqa: ASYNC110 - a set, of which nobody tells
            await asyncio.sleep(0)
        coming = asyncio.create_task(second.run(job(1)))
        await asyncio.wait([coming], timeout=0.2)
        assert not coming.done()
    assert await coming
    await closing
    assert len(service.charges) == 2


async def test_a_client_that_is_gone_holds_no_shared_ledger(
    service: Service, quick: Quick, book: Path
) -> None:
    """Nobody closed it, and the last one that is there closes for it."""
    first, second = AsyncChangeClothes("key", service.url, ledger=book), quick(ledger=book)
    await first.run(job())
    await second.run(job())
    del first
    gc.collect()
    await second.aclose()
    free = await Ledger.open(book)  # it would be refused
    assert (await free.counts())[State.PAID] == 1
    await free.close()


async def test_a_shared_ledger_holds_calls_of_one_kind_of_service(
    service: Service, quick: Quick, book: Path
) -> None:
    """Whoever comes second is refused too, though the ledger is open."""
    await quick(ledger=book).run(job())
    elsewhere = AsyncChangeClothes("key", "https://service.example", ledger=book)
    with pytest.raises(LedgerError, match="holds calls of"):
        await elsewhere.run(job(1))
    assert len(service.charges) == 1


async def test_a_ledger_that_cannot_be_opened_sends_nothing(
    service: Service, quick: Quick, tmp_path: Path
) -> None:
    """No ledger, no call; once it can be opened, the same client works."""
    place = tmp_path / "file" / "ledger.db"
    place.parent.write_text("no folder")
    client = quick(ledger=place)
    for _ in range(2):
        with pytest.raises(LedgerError):
            await client.run(job())
    assert not service.calls
    place.parent.unlink()
    assert await client.run(job())


def test_loops_of_several_threads_may_be_the_first(out: Path) -> None:
    """Whichever asks first opens the ledger, for all of them."""
    together = threading.Barrier(4)

    async def ask(number: int) -> str:
        return (await client.run(job(number))).result_img_url

    def elsewhere(number: int) -> str:
        together.wait(10)
        return asyncio.run(ask(number))

    async def serve() -> list[str]:
        async with Service() as service:
            client._caller = client._caller.changed(base_url=service.url)
            asking = [asyncio.to_thread(elsewhere, number) for number in range(4)]
            urls = await asyncio.gather(*asking)
            assert sorted(service.charges) == [f"m{number}__g0" for number in range(4)]
        await client.aclose()
        return urls

    client = AsyncChangeClothes("key-of-tests", "http://127.0.0.1:9", ledger=out / "l.db")
    assert len(set(asyncio.run(serve()))) == 4
    assert client.stats.paid == 4


def test_one_client_serves_several_loops(out: Path) -> None:
    """Two runs of asyncio one after another use the same ledger."""
    client = AsyncChangeClothes("key-of-tests", "http://127.0.0.1:9", ledger=out / "l.db")
    urls, charges = [], []

    async def call(last: bool) -> None:
        async with Service() as service:
            client._caller = client._caller.changed(base_url=service.url)
            urls.append((await client.run(job())).result_img_url)
            charges.append(len(service.charges))
            if last:
                await client.aclose()

    asyncio.run(call(last=False))
    asyncio.run(call(last=True))
    assert urls[0] == urls[1]
    assert charges == [1, 0]
    assert client.stats.paid == 1  # in a loop that has ended


async def test_other_options_share_the_ledger(service: Service, quick: Quick, book: Path) -> None:
    """`with_options` is the same client: what it paid is known to both."""
    client = quick(ledger=book)
    await client.run(job())
    await client.with_options(timeout=5, retries=0).run(job())
    assert len(service.charges) == 1


async def test_many_jobs_go_through_the_ledger_too(
    service: Service, quick: Quick, book: Path
) -> None:
    """`gather` and `as_completed` pay equal jobs once, now and later."""
    client = quick(ledger=book, max_concurrency=4)
    outcomes = await client.gather([job(n % 5) for n in range(20)])
    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.ok async for outcome in client.as_completed([job(1), job(2)])] == [True] * 2
    assert sorted(service.charges) == [f"m{n}__g0" for n in range(5)]


async def test_an_account_error_stops_many_jobs(service: Service, quick: Quick) -> None:
    """10003 ends the reading: at most the calls in flight follow it, the rest is named."""

    async def reply(cell: str) -> bytes | None:
        return None if len(service.charges) < 10 else NO_CREDITS

    service.reply = reply
    outcomes = await quick(max_concurrency=4).gather(job(n) for n in range(100))
    kinds = [type(outcome.error) for outcome in outcomes]
    assert len(service.calls) <= 10 + 4
    assert kinds.count(type(None)) == 10
    assert kinds.count(InsufficientCredits) == len(service.calls) - 10
    assert kinds.count(BatchStopped) == 100 - len(service.calls)


async def test_a_full_queue_is_said_at_once(service: Service, quick: Quick, book: Path) -> None:
    """`max_waiting` holds with a ledger as without: nobody waits for a full queue."""
    gate, client = Gate(service), quick(ledger=book, max_concurrency=1, max_waiting=1)
    first = [asyncio.create_task(client.run(job(n))) for n in range(2)]
    await gate.arrived.wait()
    while client.stats.waiting < 1:  # noqa: ASYNC110 - the second one is on its way there
        await asyncio.sleep(0.001)
    with pytest.raises(TooManyWaiting):
        await client.run(job(2))
    gate.open.set()
    await asyncio.gather(*first)
    assert len(service.calls) == 2


class Slow:
    """An open photograph that takes its time; `most` were read at once."""

    read_at_once = most = 0

    def __init__(self, number: int) -> None:
        self._pieces = [samples.png(1000 + number), b""]

    async def read(self, _: int) -> bytes:
        """Give all of it, and then its end."""
        Slow.read_at_once += 1
        Slow.most = max(Slow.most, Slow.read_at_once)
        await asyncio.sleep(0.01)
        Slow.read_at_once -= 1
        return self._pieces.pop(0)


@pytest.mark.parametrize("has_ledger", [True, False])
async def test_who_reads_a_photograph_waits_too(
    service: Service, quick: Quick, book: Path, has_ledger: bool
) -> None:
    """Of a hundred who come at once, as many read as may wait or have a slot; none has all read."""
    Slow.most = 0
    client = quick(ledger=book if has_ledger else None, max_concurrency=2, max_waiting=3)
    jobs = [TryOn(model=Slow(number), garment=G0, category="dresses") for number in range(100)]
    ends = await asyncio.gather(*map(client.run, jobs), return_exceptions=True)
    assert Slow.most == 5
    assert sum(isinstance(end, Look) for end in ends) == len(service.charges) == 5
    assert sum(isinstance(end, TooManyWaiting) for end in ends) == 95


@pytest.mark.parametrize("path", ["~\0/calls.db", "~\ud800/calls.db"])
async def test_a_home_that_no_system_takes_is_no_place_for_a_ledger(
    service: Service, quick: Quick, path: str
) -> None:
    """It is told as for any other path that cannot be."""
    with pytest.raises(LedgerError, match="cannot be used"):
        await quick(ledger=path).run(job())
    assert not service.calls


async def test_who_comes_as_the_ledger_was_opened_does_not_open_it_again(
    service: Service, quick: Quick, book: Path
) -> None:
    """Not even before the first one has heard of it: this client's own would be in the way."""
    client = quick(ledger=book)
    first = asyncio.create_task(client.run(job()))
    ledger = client._caller._ledger
    assert ledger
    while not (ledger.shared and ledger.shared.opening.done()):  # noqa: ASYNC110 - in a thread
        await asyncio.sleep(0)
    assert await client.run(job(1))
    assert await first


class Endless:
    """An open photograph that nobody sends the rest of."""

    async def read(self, _: int) -> bytes:
        """Wait."""
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("has_ledger", [True, False])
async def test_a_deadline_covers_the_reading_of_photographs(
    service: Service, quick: Quick, book: Path, has_ledger: bool
) -> None:
    """A call that cannot be told from others yet is given up in time too."""
    client = quick(ledger=book if has_ledger else None, deadline=0.05)
    passed = r"deadline of 0\.05 s passed before its pictures were read"
    with pytest.raises(NotSent, match=passed) as caught:
        await client.run(TryOn(model=Endless(), garment=G0, category="dresses"))
    assert caught.value.elapsed >= 0.05
    assert not client.stats.waiting
    assert not service.calls


async def test_who_was_let_in_is_not_turned_away_for_who_came_later(
    service: Service, quick: Quick, book: Path
) -> None:
    """A place in the queue is kept while a photograph is read and looked up in the ledger."""
    gate, client = Gate(service), quick(ledger=book, max_concurrency=1, max_waiting=1)
    calls = [asyncio.create_task(client.run(job(0)))]
    await gate.arrived.wait()
    calls.append(asyncio.create_task(client.run(job(1))))
    for number in range(498):
        late = TryOn(model=Slow(number), garment=G0, category="dresses")
        calls.append(asyncio.create_task(client.run(late)))
        await asyncio.sleep(0)
    gate.open.set()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(end, Look) for end in ends] == [True, True, *[False] * 498]
    assert all(isinstance(end, TooManyWaiting) for end in ends[2:])
    assert client.stats.waiting == 0


async def test_who_joins_a_call_takes_no_place_in_the_queue(
    service: Service, quick: Quick, book: Path
) -> None:
    """Equal calls wait for one answer and need no slot: others are let in beside them."""
    gate, client = Gate(service), quick(ledger=book, max_concurrency=1, max_waiting=1)
    calls = [asyncio.create_task(client.run(job(0)))]
    await gate.arrived.wait()
    for number in [0, 0, 0, 1]:
        calls.append(asyncio.create_task(client.run(job(number))))
        await asyncio.sleep(0)
        while number == 0 and client.stats.waiting:  # noqa: ASYNC110 - it reads its photograph
            await asyncio.sleep(0.001)
    gate.open.set()
    assert len({look.url for look in await asyncio.gather(*calls)}) == len(service.calls) == 2


async def test_closing_leaves_the_ledger_to_another_loop(
    service: Service, quick: Quick, out: Path, book: Path
) -> None:
    """What another loop has on the wire may be paid, and is written down when it arrives."""
    gate, client = Gate(service), quick(ledger=book)
    elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, client.run(job())))
    await gate.arrived.wait()
    await client.aclose()
    gate.open.set()
    assert (await elsewhere).attempts == 1
    assert await states(out) == {"paid": 1}
    await client.aclose()
    async with quick(ledger=book) as another:
        assert (await another.run(job())).attempts == 1
    assert len(service.charges) == 1


@pytest.mark.parametrize("written", [True, False], ids=["ledger", "no ledger"])
async def test_closing_ends_the_queue_of_another_loop(
    service: Service, quick: Quick, book: Path, written: bool
) -> None:
    """What is on the wire there arrives; what waits for a slot is not sent, and says why."""
    gate, client = Gate(service), quick(ledger=book if written else None, max_concurrency=1)

    async def three() -> list[object]:
        return await asyncio.gather(*(client.run(job(n)) for n in range(3)), return_exceptions=True)

    elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, three()))
    await gate.arrived.wait()
    await client.aclose()
    gate.open.set()
    kinds = [type(end) for end in await elsewhere]
    assert kinds == [Look, ClientClosed, ClientClosed]
    assert len(service.calls) == 1


async def test_stats_tell_what_is_under_way(service: Service, quick: Quick, book: Path) -> None:
    """They count attempts: on the wire, waiting, and ended so far."""
    gate, client = Gate(service), quick(ledger=book, max_concurrency=2)
    assert client.stats.limit == 2
    asking = [asyncio.create_task(client.run(job(n))) for n in range(5)]
    await gate.arrived.wait()
    while client.stats.waiting < 3 or client.stats.sent < 2:  # noqa: ASYNC110 - they are on their way
        await asyncio.sleep(0.001)
    assert (client.stats.in_flight, client.stats.sent) == (2, 2)
    gate.open.set()
    await asyncio.gather(*asking)
    assert (client.stats.in_flight, client.stats.waiting, client.stats.paid) == (0, 0, 5)
    assert await states(book.parent) == {"paid": 5}
    assert services.twice(service.charges) == []


async def test_a_long_chain_of_equal_calls_stays_one(
    service: Service, quick: Quick, book: Path
) -> None:
    """However they overlap, the same job is paid once."""
    client = quick(ledger=book)
    asking = []
    for _ in range(200):
        asking.append(asyncio.create_task(client.run(job())))
        await asyncio.sleep(0)
    await asyncio.gather(*asking)
    assert service.charges == ["m0__g0"]
