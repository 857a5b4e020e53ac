"""One body, as many attempts as are safe: what the caller sees, and what the peer could charge."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import socket
from collections import Counter

import aiohttp
import pytest

from changeclothes_async import errors, settings
from changeclothes_async.protocol import answers, formats, images, multipart, retries
from changeclothes_async.transport import flights, sending
from changeclothes_async.transport import sender as senders
from tests import peers
from tests.samples import LOOK, png

pytestmark = pytest.mark.swift

OK = peers.MADE
FAILED = peers.envelope(20001)
LIMITED = peers.http(429, "slow down", kind="text/plain")


async def refused(client, peer, **options):
    """Make the small call, which must fail, and give its error."""
    with pytest.raises(errors.ChangeClothesError) as caught:
        await client(peer, **options).try_on(**LOOK)
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind", "requests"),
    [
        (500, errors.ServerError, 3),
        (20001, errors.TryOnException, 3),
        (10001, errors.NotLogin, 1),
        (10002, errors.UserNotExist, 1),
        (10003, errors.InsufficientCredits, 1),
        (10004, errors.InvalidParam, 1),
        (10005, errors.HarmfulContent, 1),
        (10006, errors.InsufficientTrailCount, 1),
        (30001, errors.InvalidApiKey, 1),
        (30002, errors.InvalidSignature, 1),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500, 503])
async def test_each_code_has_its_class_and_is_retried_only_where_that_is_safe(
    client, code, kind, requests, status
):
    """A documented code decides at any HTTP status; 500 and 20001 alone are sent again."""
    async with peers.serve(peers.answering(peers.envelope(code, status=status))) as peer:
        error = await refused(client, peer)
    assert (type(error), len(peer.charges), error.attempts) == (kind, requests, requests)
    assert (error.code, error.msg, error.http_status) == (code, "said", status)


STATUSES = [
    *[(status, errors.Refused, "not spent", 3) for status in (408, 425, 429, 503, 521, 523)],
    *[(status, errors.Refused, "not spent", 1) for status in (413, 415, 431)],
    *[(status, errors.Refused, "not spent", 1) for status in (301, 302, 303, 307, 308)],
    *[(status, errors.AccountError, "not spent", 1) for status in (401, 402, 403)],
    *[(status, errors.JobError, "not spent", 1) for status in (400, 404, 405, 422)],
    (500, errors.ServerError, "maybe spent", 3),
    *[(status, errors.Unsure, "maybe spent", 1) for status in (502, 504, 520, 522, 524)],
    *[(status, errors.Damaged, "spent", 1) for status in (200, 201, 299)],
]


@pytest.mark.parametrize(("status", "kind", "money", "requests"), STATUSES)
async def test_a_page_of_html_is_judged_by_its_status(client, status, kind, money, requests):
    """Without an envelope the HTTP status tells what it cost and whether it is sent again."""
    answer = peers.http(
        status, "<html>", kind="text/html", headers={"Location": "https://elsewhere.example/"}
    )
    async with peers.serve(peers.answering(answer)) as peer:
        error = await refused(client, peer)
    assert (type(error), error.money, len(peer.charges)) == (kind, money, requests)


LOST = {
    "silence": peers.silent,
    "close": peers.closing,
    "reset": peers.resetting,
    "one byte a second": peers.trickling(OK),
    "garbage status line": peers.answering_once(b"MUMBLE\r\n\r\n"),
    "half a status line": peers.answering_once(b"HTTP/1.1 2"),
    "half a header": peers.answering_once(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "10,000 headers": peers.answering_once(
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n"
    ),
    "a refusal cut off": peers.answering_once(peers.envelope(10003, status=402)[:-3]),
    "a failure cut off": peers.answering_once(peers.envelope(500, status=500)[:-3]),
    "chunks of garbage": peers.answering_once(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod\r\nzz\r\n'
    ),
    "switching protocols": peers.answering_once(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
}


@pytest.mark.parametrize("script", LOST.values(), ids=LOST)
async def test_a_lost_answer_is_unsure_and_never_sent_again(client, script):
    """Sent whole without a readable answer: one request, Unsure, money maybe spent."""
    async with peers.serve(script) as peer:
        error = await refused(client, peer, retries=5, timeout=30)
    assert (type(error), error.money, len(peer.charges)) == (errors.Unsure, "maybe spent", 1)
    assert error.attempts == 1


async def halting(line):
    """Answer half, and say nothing more."""
    await line.request()
    await line.send(OK[:-5])
    await line.hold()


async def test_what_has_come_when_the_time_is_up_is_kept(client):
    """An answer that stops in the middle is paid, and may hold the result."""
    async with peers.serve(halting) as peer:
        error = await refused(client, peer, timeout=30)
    assert (type(error), error.money) == (errors.Damaged, "spent")
    assert peers.RESULT.encode() in error.raw.body


async def test_an_answer_that_came_while_the_loop_was_blocked_is_taken(client):
    """The time is up before it can be read, as by a notebook's long cell: it came in time."""

    async def blocking(line):
        await line.request()
        await line.send(OK)
        asyncio.get_running_loop().ahead += 1000  # in the very turn that the answer has come

    async with peers.serve(blocking) as peer:
        assert (await client(peer).try_on(**LOOK)).url == peers.RESULT


DAMAGED = {
    "no body": peers.http(200),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not JSON": peers.http(200, "ready!"),
    "too short": OK[:-5],
    "chunked without an end": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod',
    "unknown code": peers.envelope(777),
    "no URL": peers.http(200, '{"code": 200, "data": {}}'),
    "unknown encoding": peers.http(200, b"\x01\x02", headers={"Content-Encoding": "zstd-2"}),
}


@pytest.mark.parametrize("answer", DAMAGED.values(), ids=DAMAGED)
async def test_a_paid_answer_that_is_damaged_is_kept(client, answer):
    """HTTP 200 without a usable result was paid: one request, and the bytes stay readable."""
    async with peers.serve(peers.answering_once(answer)) as peer:
        error = await refused(client, peer)
    assert (type(error), error.money, len(peer.charges)) == (errors.Damaged, "spent", 1)
    assert error.raw.body == answer.partition(b"\r\n\r\n")[2].removeprefix(b"5\r\n")


UNSENT = {
    "reset on accept": peers.slamming,
    "reset in the upload": peers.cutting(1000),
    "never read": peers.deaf,
}


@pytest.mark.parametrize("script", UNSENT.values(), ids=UNSENT)
async def test_what_was_not_sent_whole_is_sent_again(client, script):
    """No peer had a whole request: retried with a pause, and nothing was spent."""
    big = {**LOOK, "model": png(8 * 2**20)}
    async with peers.serve(script) as peer:
        with pytest.raises(errors.NotSent) as caught:
            await client(peer).try_on(**big)
    assert (caught.value.money, caught.value.attempts) == ("not spent", 3)
    assert (peer.charges, peer.connections) == ([], 3)


async def test_a_broken_upload_is_made_good(client):
    """After an upload that broke off, the next attempt sends the whole body."""
    big = {**LOOK, "model": png(8 * 2**20)}
    async with peers.serve(peers.cutting(5000), peers.answering(OK)) as peer:
        look = await client(peer).try_on(**big)
    assert look.attempts == 2
    assert len(peer.charges) == 1
    assert peer.charges[0].fields["modelImg"] == big["model"]


async def test_nobody_listening_is_not_sent(client):
    """A refused connection costs nothing, is tried again, and tells the next step."""
    error = await refused(client, f"http://127.0.0.1:{peers.free_port()}")
    assert (type(error), error.money, error.attempts) == (errors.NotSent, "not spent", 3)
    assert "base_url" in str(error)


async def test_a_connection_that_never_opens_is_not_sent(client):
    """A black hole ends at connect_timeout: nothing was spent, and it is tried again."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):  # what fills its queue: the system drops whoever comes next
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        error = await refused(client, origin, connect_timeout=5)
    assert (type(error), error.money, error.attempts) == (errors.NotSent, "not spent", 3)


class NoNames(aiohttp.abc.AbstractResolver):
    """A resolver that knows no name."""

    async def resolve(self, *_, **__):
        raise OSError(socket.EAI_NONAME, "Name or service not known")

    async def close(self):
        pass


async def test_an_unknown_host_is_not_sent(client):
    """A name that does not resolve costs nothing and is tried again."""
    connector = aiohttp.TCPConnector(resolver=NoNames())
    async with aiohttp.ClientSession(connector=connector) as session:
        error = await refused(client, "https://api.example", session=session)
    assert (type(error), error.money, error.attempts) == (errors.NotSent, "not spent", 3)
    assert "(Cannot connect to api.example:443: Name or service not known)" in str(error)


def _small_sockets(address):
    """Make sockets that hold little, so that a cut in the upload is seen while uploading."""
    sock = socket.socket(*address[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return sock


@pytest.mark.parametrize("breaking", [peers.cutting, peers.stalling])
async def test_not_spent_is_never_said_of_a_request_that_the_peer_has_whole(client, breaking):
    """Wherever a connection breaks or stalls, the flag is up before a peer can have it all."""
    places = random.Random(7)
    model = {**LOOK, "model": png(300_000)}
    whole = 300_800
    told = Counter()
    connector = aiohttp.TCPConnector(socket_factory=_small_sockets, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(60):
            after = places.choice([places.randrange(1, whole), whole - places.randrange(900)])
            async with peers.serve(breaking(after), buffer=4096) as peer:
                with pytest.raises(errors.ChangeClothesError) as caught:
                    await client(peer, session=session, retries=0, timeout=30).try_on(**model)
            told[caught.value.money] += 1
            assert not (peer.charges and caught.value.money == "not spent"), after
    assert min(told["not spent"], told["maybe spent"]) > 5


async def early_and_deaf(line):
    """Refuse as soon as the first bytes come, and read nothing more."""
    await line.read(2**10)
    await line.send(peers.http(413))
    await line.ignore()


@pytest.mark.parametrize(
    "script",
    [peers.deaf, early_and_deaf, peers.stalling(280_000)],
    ids=["deaf", "early answer", "all but the last is taken"],
)
async def test_a_peer_that_does_not_read_keeps_no_socket(client, script):
    """What it has not taken is dropped with the call, and not held ready for it."""
    sockets = []

    def noted(address):
        sockets.append(_small_sockets(address))
        return sockets[-1]

    connector = aiohttp.TCPConnector(socket_factory=noted, limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        peers.serve(script, buffer=4096) as peer,
    ):
        one = client(peer, session=session, retries=0, timeout=30)
        with pytest.raises(errors.ChangeClothesError):
            await one.try_on(**{**LOOK, "model": png(300_000)})
        await asyncio.sleep(1)
        assert [sock.fileno() for sock in sockets] == [-1]


SECONDS = [
    (peers.answering_once(peers.http(503, headers={"Connection": "close"})), "maybe spent"),
    (peers.answering_once(peers.envelope(10005)), "maybe spent"),
    (peers.answering_once(peers.envelope(10003)), "maybe spent"),
    (peers.slamming, "maybe spent"),
    (peers.silent, "maybe spent"),
    (peers.answering_once(peers.http(200)), "spent"),
]


@pytest.mark.parametrize(
    ("second", "money"), SECONDS, ids=["503", "10005", "10003", "reset", "silence", "damaged"]
)
async def test_money_is_the_worst_of_all_attempts(client, second, money):
    """An attempt that failed at the service may have cost, however the next one ends."""
    first = peers.answering_once(peers.envelope(20001, Connection="close"))
    async with peers.serve(first, second) as peer:
        error = await refused(client, peer, retries=1)
    assert (error.attempts, error.money) == (2, money)
    assert "nothing was spent" not in str(error)


async def test_a_deadline_after_a_failure_is_not_called_not_spent(client):
    """The deadline ends a call in its second wait: the first attempt may have cost."""
    answer = peers.answering(FAILED, LIMITED)
    async with peers.serve(answer) as peer:
        error = await refused(client, peer, retries=1000, deadline=100)
    assert (error.money, len(peer.charges)) == ("maybe spent", error.attempts)


async def test_a_deadline_in_a_pause_gives_the_last_answer(client):
    """A Retry-After beyond the deadline is not waited for; what was answered is what is raised."""
    async with peers.serve(peers.answering(peers.http(429, headers={"Retry-After": "60"}))) as peer:
        error = await refused(client, peer, deadline=5)
    assert (type(error), error.http_status, len(peer.charges)) == (errors.Refused, 429, 1)


async def test_each_further_attempt_comes_after_a_pause(client, monkeypatch):
    """Not the first of them alone."""
    monkeypatch.setattr(retries, "pause", lambda *_: 60.0)
    async with peers.serve(peers.answering(FAILED)) as peer:
        await refused(client, peer, retries=3)
    starts = [request.at for request in peer.charges]
    assert len(starts) == 4
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(starts))


async def test_a_refusals_pause_is_drawn_once(client, monkeypatch):
    """What is held against the deadline is the pause that is waited for, and not another one."""
    drawn = itertools.chain([0.1], itertools.repeat(60.0))
    monkeypatch.setattr(retries, "pause", lambda *_: next(drawn))
    async with peers.serve(peers.answering(LIMITED)) as peer:
        error = await refused(client, peer, retries=1, deadline=10)
    assert (type(error), error.final, error.attempts) == (errors.Refused, False, 2)


async def test_a_pause_begun_by_another_counts_against_the_deadline(client):
    """Its end is the same for all: who has less time left than it takes does not wait for it."""
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def patient(line):
        await line.request()
        arrived.set()
        await gate.wait()
        await line.send(peers.http(429, headers={"Retry-After": "60"}))

    async def hasty(line):
        await line.request()
        gate.set()
        await asyncio.sleep(1)
        await line.send(peers.http(429, headers={"Retry-After": "0"}))

    async with peers.serve(patient, hasty, peers.answering(OK)) as peer:
        one = client(peer)
        first = asyncio.create_task(one.try_on(**LOOK))
        await arrived.wait()
        with pytest.raises(errors.Refused) as caught:
            await one.with_options(deadline=30).try_on(**LOOK)
        assert (caught.value.final, caught.value.elapsed < 20) == (False, True)
        await first


async def test_no_attempt_follows_the_deadline(client):
    """No attempt is started, and none pretended, after the deadline has passed."""
    async with peers.serve(peers.answering(FAILED)) as peer:
        started = asyncio.get_running_loop().time()
        error = await refused(client, peer, deadline=8, retries=1000)
    assert type(error) is errors.TryOnException
    assert max(request.at for request in peer.charges) - started <= 8
    assert error.attempts == len(peer.charges)
    assert error.elapsed <= 9


async def test_a_deadline_before_the_first_slot_is_final(client):
    """Nothing was sent, and a further attempt would be as late."""
    async with peers.serve(peers.thinking(60, OK)) as peer:
        one = client(peer, max_concurrency=1)
        first = asyncio.create_task(one.try_on(**LOOK))
        await asyncio.sleep(1)
        with pytest.raises(errors.NotSent) as caught:
            await one.with_options(deadline=5).try_on(**LOOK)
        await first
    assert (caught.value.final, caught.value.attempts, len(peer.charges)) == (True, 0, 1)


async def test_the_deadline_cuts_an_attempt_short(client):
    """A deadline before the timeout ends the attempt: it was sent whole, so it is Unsure."""
    async with peers.serve(peers.silent) as peer:
        error = await refused(client, peer, deadline=7)
    assert (type(error), len(peer.charges)) == (errors.Unsure, 1)
    assert 7 <= error.elapsed < 60
    assert re.search(r"within [67][.\d]* s \(timeout=…, or what deadline=… had left\)", str(error))


@pytest.mark.parametrize(
    ("script", "words"), [(peers.silent, "no answer came"), (peers.deaf, "was not sent")]
)
async def test_a_timeout_says_how_long_was_waited(client, script, words):
    """And which arguments set it."""
    async with peers.serve(script) as peer:
        one = client(peer, timeout=20, retries=0)
        with pytest.raises(errors.ChangeClothesError) as caught:
            await one.try_on(**{**LOOK, "model": png(8 * 2**20)})
    assert f"{words} within 20 s (timeout=…, or " in str(caught.value)


async def test_the_timeout_holds_within_a_longer_deadline(client):
    """Whichever of timeout and deadline is shorter ends an attempt."""
    async with peers.serve(peers.silent) as peer:
        error = await refused(client, peer, timeout=7, deadline=1000)
    assert type(error) is errors.Unsure
    assert 7 <= error.elapsed < 60


async def test_a_timeout_ends_with_its_attempt(client):
    """When it would be due, nothing is left that could complain of it."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with peers.serve(peers.answering(OK)) as peer:
        await client(peer, timeout=20).try_on(**LOOK)
        await asyncio.sleep(30)
    assert not complaints


async def test_timeout_does_not_count_the_wait_for_a_slot(client):
    """Five calls of 8 s one after another all arrive within a timeout of 10 s each."""
    async with peers.serve(peers.thinking(8, OK)) as peer:
        one = client(peer, max_concurrency=1, timeout=10)
        looks = await asyncio.gather(*[one.try_on(**LOOK) for _ in range(5)])
    assert [look.attempts for look in looks] == [1] * 5
    assert peer.charges[-1].at - peer.charges[0].at >= 4 * 8


def gaps(peer):
    """Give the seconds of loop time between one request and the next."""
    times = [request.at for request in peer.charges]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


NOW = "Wed, 21 Oct 2026 07:28:00 GMT"
WISHES = {
    "seconds": ({"Retry-After": "7"}, 7, 8),
    "a date": ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": NOW}, 30, 31),
    "a date gone by": ({"Retry-After": "Wed, 21 Oct 2025 07:28:00 GMT", "Date": NOW}, 0, 0.5),
    "ten years": ({"Retry-After": "315360000"}, 120, 121),
    "negative": ({"Retry-After": "-5"}, 0, 1.5),
    "garbage": ({"Retry-After": "soon"}, 0, 1.5),
    "none": ({}, 0, 1.5),
}


@pytest.mark.parametrize(("headers", "least", "most"), WISHES.values(), ids=WISHES)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_followed_within_reason(client, status, headers, least, most):
    """Seconds and dates are waited for, at most 120 s; anything else is a backoff of ours."""
    async with peers.serve(peers.answering(peers.http(status, headers=headers), OK)) as peer:
        look = await client(peer).try_on(**LOOK)
    assert look.attempts == 2
    (gap,) = gaps(peer)
    assert least <= gap < most + 0.5


async def test_a_refusal_pauses_every_caller_once(client):
    """Two of six calls are refused for 60 s: nobody sends in that minute, all go on after it."""
    limited = peers.http(429, headers={"Retry-After": "60"})
    async with peers.serve(peers.answering(limited, limited, OK)) as peer:
        one = client(peer, max_concurrency=2)
        looks = await asyncio.gather(*[one.try_on(**LOOK) for _ in range(6)])
    assert sum(look.attempts for look in looks) == len(peer.charges) == 8
    first, pause, *others = gaps(peer)
    assert 59 <= pause < 100
    assert max([first, *others]) < 20


@pytest.mark.parametrize("status", [307, 413])
async def test_a_refusal_for_good_slows_nobody_down(client, status):
    """It is about this one request: the others keep their slots, and wait for nothing."""
    answer = peers.http(status, headers={"Location": "/elsewhere"})
    async with peers.serve(peers.answering(answer)) as peer:
        one = client(peer, max_concurrency=4)
        with pytest.raises(errors.Refused):
            await one.try_on(**LOOK)
        assert one.stats.limit == 4


async def test_a_pause_after_a_failure_is_the_callers_own(client):
    """A failed caller's pause holds no slot: another call goes out on the only one meanwhile."""
    async with peers.serve(peers.answering(FAILED, OK)) as peer:
        one = client(peer, max_concurrency=1)
        first = asyncio.create_task(one.try_on(**LOOK))
        second = asyncio.create_task(one.try_on(**{**LOOK, "category": "upper_body"}))
        assert [(await first).attempts, (await second).attempts] == [2, 1]
    categories = [request.fields["category"] for request in peer.charges]
    assert categories == [b"dresses", b"upper_body", b"dresses"]


async def test_retries_are_counted(client):
    """Stats tells what was sent, repeated, paid, failed and left unsure, and the limit now."""
    answer = peers.answering(FAILED, LIMITED, OK)
    async with peers.serve(answer) as peer:
        one = client(peer)
        await one.try_on(**LOOK)
        stats = one.stats
    assert (stats.sent, stats.retried, stats.paid, stats.failed, stats.unsure) == (3, 2, 1, 2, 0)
    assert (stats.in_flight, stats.waiting, stats.limit) == (0, 0, 4)


async def test_a_retry_sends_the_same_bytes(client):
    """The body of each attempt is the same, byte for byte."""
    async with peers.serve(peers.answering(FAILED, LIMITED, OK)) as peer:
        await client(peer).try_on(**LOOK)
    assert len({request.digest for request in peer.charges}) == 1
    assert len(peer.charges) == 3


async def test_an_early_refusal_ends_the_upload(client):
    """A 413 that comes before the upload is done is final, and nothing was spent."""
    big = {**LOOK, "model": png(8 * 2**20)}
    async with peers.serve(peers.early(peers.http(413, headers={"Connection": "close"}))) as peer:
        with pytest.raises(errors.Refused) as caught:
            await client(peer).try_on(**big)
    assert (caught.value.money, caught.value.http_status, peer.connections) == ("not spent", 413, 1)


PARTLY = [peers.http(200), peers.http(500), peers.http(502), peers.envelope(40404, status=400)]


@pytest.mark.parametrize("answer", PARTLY)
async def test_an_early_answer_to_a_part_of_a_request_costs_nothing(client, answer):
    """Whatever answers before the closing boundary has left, it had no request to work on."""
    big = {**LOOK, "model": png(8 * 2**20)}
    async with peers.serve(peers.early(answer)) as peer:
        with pytest.raises(errors.NotSent) as caught:
            await client(peer, retries=1).try_on(**big)
    assert (caught.value.money, caught.value.attempts) == ("not spent", 2)


class Book:
    """A journal that writes down what it is told, and may forbid a claim."""

    def __init__(self, forbidden=None, seconds=0):
        self.lines = []
        self._seconds = seconds
        self.sent_whole = 0
        self.bytes = 0
        self._forbidden = forbidden

    async def claim(self, attempt):
        if attempt == self._forbidden:
            raise errors.LedgerError("The disk is full.")
        await asyncio.sleep(self._seconds)
        self.lines.append(f"claim {attempt}")

    def sent(self, size, whole):
        self.bytes += size
        self.sent_whole += whole

    async def settle(self, outcome):
        self.lines.append(f"settle {type(outcome).__name__}")


async def framed():
    return multipart.body([("category", "dresses")], [])


@contextlib.asynccontextmanager
async def sending_to(peer, book, prepare=framed, began=None, **options):
    """Open a sender to a peer, and a call to it that is written down."""
    chosen = settings.from_arguments(peers.KEY, peer.url, 2, **options)
    sender, flight = senders.Sender(chosen), flights.Flight()
    await sender.open()
    call = sending.Call(sender, flight, "/x", prepare, chosen, journal=book, began=began)
    flight.begin(call.paid())
    yield sender, flight
    await sender.close()


async def test_every_attempt_is_claimed_and_settled():
    """A claim before each request, a settlement after each answer, and the bytes in between."""
    book = Book()
    async with (
        peers.serve(peers.answering(FAILED, LIMITED, OK)) as peer,
        sending_to(peer, book) as (_, flight),
    ):
        await flight.joined()
    assert book.lines == [
        *("claim 1", "settle TryOnException"),
        *("claim 2", "settle Refused"),
        *("claim 3", "settle Made"),
    ]
    assert book.sent_whole == 3
    assert book.bytes == sum(request.size for request in peer.charges)


async def test_what_cannot_be_written_down_keeps_its_cost():
    """An error that knows of a paid result is not made cheaper by the attempts before it."""

    class Full(Book):
        async def settle(self, _):
            raise errors.LedgerError("The disk is full.", money="spent", next_step="Note it.")

    async with (
        peers.serve(peers.answering(OK)) as peer,
        sending_to(peer, Full()) as (_, flight),
    ):
        with pytest.raises(errors.LedgerError) as caught:
            await flight.joined()
    assert (caught.value.money, caught.value.next_step) == ("spent", "Note it.")


async def test_a_deadline_counts_from_when_the_call_began():
    """Its pictures were read before it, and the time they took is not given a second time."""
    began = asyncio.get_running_loop().time() - 60
    async with (
        peers.serve(peers.answering(OK)) as peer,
        sending_to(peer, Book(), began=began, deadline=50) as (_, flight),
    ):
        with pytest.raises(errors.NotSent, match="deadline of 50 s passed") as caught:
            await flight.joined()
    assert caught.value.elapsed >= 60
    assert not peer.charges


@pytest.mark.swift
@pytest.mark.parametrize("forbidden", [1, 2])
async def test_without_a_claim_nothing_is_sent(forbidden):
    """A ledger that cannot write forbids the attempt, which is none; its slot is free again."""
    async with (
        peers.serve(peers.answering(peers.envelope(20001))) as peer,
        sending_to(peer, Book(forbidden)) as (sender, flight),
    ):
        with pytest.raises(errors.LedgerError) as caught:
            await flight.joined()
        assert sender.limits.in_flight == 0
        assert sender.counts.retried == 0
    assert caught.value.attempts == len(peer.charges) == forbidden - 1


class Gate:
    """A script that says when a request is there, and answers it once it is opened."""

    def __init__(self, *answers):
        self.arrived, self.open = asyncio.Event(), asyncio.Event()
        self._answers = list(answers)

    async def __call__(self, line):
        while True:
            await line.request()
            self.arrived.set()
            await self.open.wait()
            await line.send(self._answers.pop(0))


async def test_a_failure_that_nobody_waits_for_is_not_tried_again():
    """A caller who left while it was on the wire pays for no further attempt."""
    book, gate = Book(), Gate(FAILED, OK)
    async with peers.serve(gate) as peer, sending_to(peer, book) as (_, flight):
        asking = asyncio.create_task(flight.joined())
        await gate.arrived.wait()
        asking.cancel()
        await asyncio.wait([asking])
        gate.open.set()
        await asyncio.wait([flight.task])
    assert type(flight.task.exception()) is errors.TryOnException
    assert book.lines == ["claim 1", "settle TryOnException"]
    assert len(peer.charges) == 1


async def test_a_further_attempt_is_never_turned_away():
    """Who was let in once waits for each slot, however full the queue has become meanwhile."""
    gate, options = Gate(FAILED, OK), {"max_concurrency": 1}
    async with peers.serve(gate) as peer, sending_to(peer, Book(), **options) as (sender, flight):
        await gate.arrived.wait()
        with sender.limits.queued(), sender.limits.queued():
            with pytest.raises(errors.TooManyWaiting):
                sender.limits.admit(1)
            gate.open.set()
            made, _ = await flight.joined()
            assert isinstance(made, answers.Made)
    assert len(peer.charges) == 2


async def test_a_deadline_before_a_further_slot_is_final():
    """What was answered is what is raised, and a further attempt would be as late."""
    gate, options = Gate(FAILED), {"max_concurrency": 1, "deadline": 5}
    async with peers.serve(gate) as peer, sending_to(peer, Book(), **options) as (sender, flight):
        await gate.arrived.wait()
        other = asyncio.create_task(sender.limits.slot())
        await asyncio.sleep(0)
        gate.open.set()
        with pytest.raises(errors.TryOnException) as caught:
            await flight.joined()
        await other
    assert (caught.value.final, caught.value.attempts) == (True, 1)


async def test_a_deadline_that_passes_as_pictures_are_read_says_so():
    """There was a slot: more of them would not have helped."""

    async def slowly():
        await asyncio.sleep(8)
        return await framed()

    async with (
        peers.serve(peers.answering(OK)) as peer,
        sending_to(peer, Book(), slowly, deadline=5) as (_, flight),
    ):
        with pytest.raises(errors.NotSent, match="passed before its pictures were read") as caught:
            await flight.joined()
    assert "max_concurrency" not in caught.value.next_step
    assert peer.connections == 0


async def test_nothing_is_sent_when_the_deadline_passes_during_the_claim():
    """A ledger that waits for its disk longer than the call may take: the claim is given back."""
    book = Book(seconds=8)
    async with (
        peers.serve(peers.answering(OK)) as peer,
        sending_to(peer, book, deadline=5) as (sender, flight),
    ):
        with pytest.raises(errors.NotSent) as caught:
            await flight.joined()
    assert caught.value.money == "not spent"
    assert (sender.counts.sent, sender.counts.failed) == (0, 1)
    assert book.lines == ["claim 1", "settle NotSent"]
    assert peer.connections == 0


@pytest.mark.parametrize("how", ["aborted", "cancelled"])
@pytest.mark.parametrize(
    ("script", "kind"),
    [(peers.silent, errors.Unsure), (halting, errors.Unsure), (peers.deaf, errors.NotSent)],
)
async def test_a_stopped_attempt_is_settled(script, kind, how):
    """With its request whole or not: named so, and written down before the call ends."""
    book, begun = Book(), asyncio.Event()

    async def watched(line):
        begun.set()
        await script(line)

    async def large():
        picture = multipart.Part(images.Bytes(png(16 * 2**20)), formats.of(png()))
        return multipart.body([], [("modelImg", picture)] if kind is errors.NotSent else [])

    async with peers.serve(watched) as peer, sending_to(peer, book, large) as (sender, flight):
        task = asyncio.create_task(flight.joined())
        await begun.wait()
        await asyncio.sleep(1)
        if how == "aborted":
            await sender.abort()
        else:
            flight.task.cancel()
        with pytest.raises(kind if how == "aborted" else asyncio.CancelledError):
            await task
    assert book.lines == ["claim 1", f"settle {kind.__name__}"]
