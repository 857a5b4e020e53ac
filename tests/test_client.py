"""AsyncChangeClothes, one call at a time: what leaves, what comes back, what is owed."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import itertools
import logging
import os
import pickle
import threading
import traceback

import pytest

import changeclothes_async
from changeclothes_async import Grid, JobOptions, errors, results
from changeclothes_async import client as clients
from changeclothes_async.protocol import requests, retries
from tests import leaks, peers
from tests.samples import JPEG, LOOK, PNG, WEBP, png

KEY = peers.KEY
OK = peers.MADE
swift = pytest.mark.swift


# Bad input


def bad(**change):
    return {**LOOK, **change}


REFUSED = {
    "missing file": (bad(model="no-such.jpg"), "does not exist"),
    "folder": (bad(model="/"), "is a folder"),
    "empty bytes": (bad(garment=b""), "empty"),
    "a text": (bad(model=b"hello, I am a text"), "not a picture"),
    "device": (bad(model="/dev/zero"), "not a regular file"),
    "ftp": (bad(model="ftp://shop.example/a.jpg"), "ftp://"),
    "data URI": (bad(model="data:image/png;base64,$$"), "damaged"),
    "open as text": (bad(model=io.TextIOWrapper(io.BytesIO(PNG))), "as text"),
    "empty file": (bad(model=io.BytesIO()), "empty"),
    "category": (bad(category="shoes"), "category"),
    "description": (bad(garment_desc=" "), "garment_desc"),
    "extra field": (bad(extra_fields={"category": "x"}), "documented"),
    "extra fields": (bad(extra_fields=0), "extra_fields"),
    "seed": ({"model": PNG, "prompt": "red", "seed": -1}, "seed=-1"),
    "prompt": ({"model": PNG, "prompt": ""}, "prompt='' is not accepted. It should have"),
    "scale": ({"model": PNG, "prompt": "red", "guidance_scale": 0}, "guidance_scale"),
    "steps": ({"model": PNG, "prompt": "red", "num_inference_steps": 51}, "num_inference_steps"),
}


@swift
@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
async def test_bad_input_is_refused_before_a_byte_leaves(client, arguments, words):
    """InvalidInput in words with the next step; no connection is made, nothing was spent."""
    async with peers.serve(peers.answering(OK)) as peer:
        one = client(peer)
        call = one.change_by_prompt if "prompt" in arguments else one.try_on
        with pytest.raises(errors.InvalidInput, match=words) as caught:
            await call(**arguments)
    assert (peer.connections, peer.heard) == (0, b"")
    assert (caught.value.money, caught.value.attempts) == ("not spent", 0)
    assert caught.value.next_step in str(caught.value)


@swift
async def test_a_missing_file_is_named_by_its_absolute_path(client, monkeypatch, tmp_path):
    """A text that is neither a URL nor a file says where it was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.NotAnImage) as caught:
        await client("http://127.0.0.1:9").try_on(**bad(model="modle.jpg"))
    assert str(tmp_path / "modle.jpg") in str(caught.value)


@swift
@pytest.mark.parametrize(
    "change",
    [os.unlink, lambda path: os.truncate(path, 1000), lambda path: path.write_bytes(PNG)],
    ids=["vanished", "cut short", "replaced"],
)
async def test_a_file_that_changes_between_two_attempts_is_not_sent_again(client, tmp_path, change):
    """What was measured is sent or nothing: the second attempt ends before it is whole."""
    path = tmp_path / "model.png"
    path.write_bytes(png(3 * 2**20))

    async def failing(line):
        await line.request()
        change(path)
        await line.send(peers.envelope(20001))
        await line.hold()

    async with peers.serve(failing) as peer:
        with pytest.raises(errors.NotAnImage) as caught:
            await client(peer).try_on(**bad(model=path))
    assert (len(peer.charges), caught.value.money) == (1, "maybe spent")


MANY = {
    "no grid": (lambda one, out: one.run_grid(None, out), "run_batch"),
    "a number as grid": (lambda one, out: one.run_grid(5, out), "run_batch"),
    "jobs as grid": (lambda one, out: one.run_grid([requests.TryOn(**LOOK)], out), "run_batch"),
    "a plan of a text": (lambda one, out: one.plan_grid("x", out), "run_batch"),
    "a budget": (lambda one, out: one.run_grid(GRID, out, max_calls="x"), "max_calls"),
    "a budget of yes": (lambda one, out: one.run_grid(GRID, out, max_calls=True), "max_calls"),
    "a bar": (lambda one, out: one.run_grid(GRID, out, progress=5), "progress"),
    "a listener": (lambda one, out: one.run_grid(GRID, out, on_event=5), "on_event"),
    "a coroutine": (lambda one, out: one.run_grid(GRID, out, on_event=listen), "on_event"),
    "a text as wish": (lambda one, out: one.run_grid(GRID, out, resend_unsure="no"), "resend"),
    "yes": (lambda one, out: one.plan_grid(GRID, out, retry_failed="yes"), "retry_failed"),
    "a number as wish": (lambda one, out: one.run_grid(GRID, out, masks=0), "masks"),
    "a number as place": (lambda one, _: one.run_grid(GRID, 5), "out"),
    "no place": (lambda one, _: one.run_grid(GRID, None), "out"),
    "a place in bytes": (lambda one, _: one.run_grid(GRID, b"book"), "out"),
    "a plan for no place": (lambda one, _: one.plan_grid(GRID, None), "out"),
    "no jobs": (lambda one, _: one.gather(None), "jobs"),
    "one job": (lambda one, _: one.gather(requests.TryOn(**LOOK)), "TryOn is not a list"),
    "a file of jobs": (lambda one, _: one.gather("jobs.csv"), "str is not a list"),
    "no job": (lambda one, _: one.run("x"), "not a job"),
    "a number as batch": (lambda one, out: one.run_batch(5, out), "not a batch"),
}
GRID = Grid([PNG], [PNG], "dresses")


async def listen(event):
    """Hear nothing, since nobody awaits it."""


@swift
@pytest.mark.parametrize(("call", "words"), MANY.values(), ids=MANY)
async def test_a_run_of_something_else_is_refused_before_a_byte_leaves(
    client, tmp_path, monkeypatch, call, words
):
    """InvalidInput says what is taken; nothing is sent, and nothing is left on the disk."""
    monkeypatch.chdir(tmp_path)
    async with peers.serve(peers.answering(OK)) as peer:
        with pytest.raises(errors.InvalidInput, match=words) as caught:
            await call(client(peer), tmp_path / "book")
    assert (peer.connections, list(tmp_path.iterdir())) == (0, [])
    assert caught.value.next_step in str(caught.value)


async def test_completing_something_else_is_refused_where_it_is_called(client):
    """Not at the first turn of a loop that may be elsewhere."""
    with pytest.raises(errors.InvalidInput, match="jobs is of type int"):
        client("https://api.example").as_completed(5)


@swift
@pytest.mark.parametrize(
    ("model", "words"), [(b"\0\0\0\x18ftypheic" + bytes(99), "sent as HEIC; prepare="), (PNG, None)]
)
async def test_a_format_that_may_be_refused_is_named(client, model, words):
    """A telephone's photograph, and how it can be sent; not where the format is no reason."""
    async with peers.serve(peers.answering(peers.envelope(10004))) as peer:
        with pytest.raises(errors.InvalidParam) as caught:
            await client(peer).try_on(**bad(model=model))
    said = str(caught.value)
    assert words in said if words else "prepare" not in said


# Pictures on the wire


@swift
async def test_every_form_of_a_picture_arrives(client, tmp_path):
    """Path, URL, data URI, bytes, open file, PIL image: as the page takes them."""
    path = tmp_path / "model.jpg"
    path.write_bytes(PNG)
    async with peers.serve(peers.answering(OK)) as peer:
        one = client(peer)
        with path.open("rb") as file:
            for model in (str(path), path, file, PNG, bytearray(PNG), memoryview(PNG)):
                await one.try_on(**bad(model=model))
        await one.try_on(**bad(model="https://shop.example/a.jpg"))
        await one.run(requests.ChangeByPrompt(model=WEBP, prompt="red"))
    sent = [request.fields["modelImg"] for request in peer.charges]
    assert sent == [PNG] * 6 + [b"https://shop.example/a.jpg", WEBP]
    assert b'filename="modelImg.png"\r\nContent-Type: image/png' in peer.charges[0].body
    assert b"filename" not in peer.charges[6].body.partition(b"garmentImg")[0]


# Answers, where one whole answer is all that is needed


@pytest.mark.parametrize(("code", "kind"), errors.CODES.items())
@pytest.mark.parametrize("status", [200, 402, 500])
async def test_a_code_is_raised_as_its_class(answered, client, code, kind, status):
    """`except InsufficientCredits` catches 10003, whatever the HTTP status."""
    answered(status=status, payload={"code": code, "msg": "m"})
    with pytest.raises(kind) as caught:
        await client("https://api.example", retries=0).try_on(**LOOK)
    assert (caught.value.code, caught.value.msg, caught.value.http_status) == (code, "m", status)
    assert (caught.value.attempts, caught.value.elapsed >= 0) == (1, True)


async def test_a_result_comes_back(answered, client):
    """The page's sample is a Look."""
    answered(payload={"code": 200, "data": {"resultImgUrl": peers.RESULT, "cacheHit": True}})
    look = await client("https://api.example").try_on(**LOOK)
    assert (look.result_img_url, look.cache_hit, look.attempts) == (peers.RESULT, True, 1)


# Callers that go away


async def until(condition):
    """Let the loop turn until something holds."""
    while not condition():  # noqa: ASYNC110 - no event tells it on this side
        await asyncio.sleep(0.001)


@swift
async def test_a_cancelled_call_is_made_once_and_awaited_by_aclose(client, caplog):
    """The request that was sent arrives; nothing is sent again; its result is logged."""
    gate = asyncio.Event()
    async with peers.serve(peers.waiting(gate, OK)) as peer:
        one = client(peer)
        call = asyncio.create_task(one.try_on(**LOOK))
        await until(lambda: peer.charges)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        closing = asyncio.create_task(one.aclose())
        await asyncio.sleep(10)
        assert (closing.done(), one.stats.paid) == (False, 0)
        gate.set()
        await closing
    assert len(peer.charges) == 1
    assert peers.RESULT in caplog.text


@swift
async def test_a_call_cancelled_in_its_upload_is_sent_whole(client):
    """A caller that goes away in the upload leaves the request to arrive, once."""
    begun = asyncio.Event()

    async def slow(line):
        await line.read(1000)
        begun.set()
        await asyncio.sleep(1)
        await line.request()
        await line.send(OK)

    async with peers.serve(slow) as peer:
        one = client(peer)
        call = asyncio.create_task(one.try_on(**bad(model=png(8 * 2**20))))
        await begun.wait()
        call.cancel()
        await one.aclose()
    assert call.cancelled()
    assert len(peer.charges) == 1


@swift
async def test_a_call_cancelled_in_the_queue_is_never_sent(client):
    """Who leaves before there is a slot costs nothing, and leaves the queue in order."""
    gate = asyncio.Event()
    async with peers.serve(peers.waiting(gate, OK)) as peer:
        one = client(peer, max_concurrency=1)
        first, second, third = [asyncio.create_task(one.try_on(**LOOK)) for _ in range(3)]
        await until(lambda: one.stats.waiting == 2)
        second.cancel()
        gate.set()
        await asyncio.gather(first, third)
    assert second.cancelled()
    assert len(peer.charges) == 2
    assert (one.stats.waiting, one.stats.in_flight) == (0, 0)


@swift
async def test_a_call_cancelled_in_a_pause_is_not_sent_again(client):
    """A caller that goes away between two attempts takes the further ones along."""
    async with peers.serve(peers.answering(peers.http(429, headers={"Retry-After": "60"}))) as peer:
        one = client(peer)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.try_on(**LOOK), 30)
        await asyncio.sleep(300)
    assert len(peer.charges) == 1


@swift
async def test_a_lost_answer_after_the_caller_went_is_logged(client, caplog):
    """A call without a caller that ends unsure says so in the log, and nowhere else."""
    async with peers.serve(peers.silent) as peer:
        one = client(peer, timeout=60)
        call = asyncio.create_task(one.try_on(**LOOK))
        await until(lambda: peer.charges)
        call.cancel()
        await one.aclose()
    assert len(peer.charges) == 1
    assert "try_on-1: ended after its caller had gone: Unsure, maybe spent" in caplog.text


# Closing


def test_a_plain_with_is_answered_with_what_to_write():
    """And not with what Python lacks."""
    with pytest.raises(TypeError, match="Use `async with"), clients.AsyncChangeClothes("a-key"):
        pass


@swift
async def test_nothing_is_called_after_aclose(client):
    """A closed client says so; closing twice is fine."""
    async with peers.serve(peers.answering(OK)) as peer:
        one = client(peer)
        await one.try_on(**LOOK)
        await one.aclose()
        await one.aclose()
        with pytest.raises(errors.ClientClosed):
            await one.try_on(**LOOK)
        with pytest.raises(errors.ClientClosed):
            await one.with_options(retries=0).try_on(**LOOK)
    assert len(peer.charges) == 1


async def test_a_closed_client_keeps_no_thread(client, tmp_path):
    """Those that read photographs end with it, also where the client itself stays."""
    (tmp_path / "model.png").write_bytes(PNG)
    before = set(threading.enumerate())
    async with peers.serve(peers.answering(OK)) as peer:
        one = client(peer)
        await one.try_on(**bad(model=tmp_path / "model.png"))
        readers = {
            thread
            for thread in set(threading.enumerate()) - before
            if thread.name.startswith("changeclothes-reading")
        }
        await one.aclose()
        for thread in readers:
            await asyncio.to_thread(thread.join, 5)
    assert readers
    assert not any(thread.is_alive() for thread in readers)


@swift
async def test_callers_in_the_queue_of_a_closing_client_are_told(client):
    """Whoever waits at the close arrives or is told that it was closed; charges match results."""
    gate = asyncio.Event()
    async with peers.serve(peers.waiting(gate, OK)) as peer:
        one = client(peer, max_concurrency=1)
        calls = [asyncio.create_task(one.try_on(**LOOK)) for _ in range(3)]
        await until(lambda: peer.charges)
        closing = asyncio.create_task(one.aclose())
        await asyncio.sleep(1)
        gate.set()
        await closing
        ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} <= {results.Look, errors.ClientClosed}
    assert len(peer.charges) == sum(isinstance(end, results.Look) for end in ends) >= 1


LATER = peers.envelope(0, status=429, Retry_After="100")


@pytest.mark.parametrize(("answer", "pace", "waiting"), [(OK, 1, 3), (LATER, None, 5)])
async def test_a_close_is_told_at_once_to_those_who_wait_for_a_pace_or_a_pause(
    client, answer, pace, waiting
):
    """Nobody waits a minute to hear that nothing follows; whether in this loop or another."""
    async with peers.serve(peers.answering(answer)) as peer:
        one = client(peer, max_per_minute=pace)
        calls = [asyncio.create_task(one.try_on(**LOOK)) for _ in range(3)]
        elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, ended(one, 2)))
        await until(lambda: one.stats.sent >= 2 and one.stats.waiting == waiting)
        await one.aclose()
        async with asyncio.timeout(20):
            ends = [*await asyncio.gather(*calls, return_exceptions=True), *await elsewhere]
    kinds = [type(end) for end in ends]
    # Who was not sent when the others were refused waits for that pause too, and is told the other.
    assert kinds.count(errors.ClientClosed) + kinds.count(errors.Refused) == waiting
    assert pace or errors.Refused in kinds


async def ended(one, number):
    """Give the ends of some calls; made in a loop of its own."""
    calls = (one.try_on(**LOOK) for _ in range(number))
    return await asyncio.gather(*calls, return_exceptions=True)


@swift
async def test_a_close_in_a_pause_ends_the_call_with_what_it_knows(client):
    """At once; no attempt follows, and the error says that the first may have cost."""
    clock, answer = asyncio.get_running_loop().time, peers.answering(peers.envelope(20001))
    async with peers.serve(answer) as peer:
        one = client(peer)
        policy = retries.Policy(base=1e6, longest_backoff=1e6)
        one._caller = one._caller.changed(retry=policy)
        call = asyncio.create_task(one.try_on(**LOOK))
        await until(lambda: one.stats.failed)
        closed_at = clock()
        await one.aclose()
        with pytest.raises(errors.TryOnException) as caught:
            await call
    assert clock() - closed_at < 10
    assert (caught.value.money, len(peer.charges)) == ("maybe spent", 1)


# Limits of the client


async def test_a_mistyped_path_is_a_short_story(client):
    """Its traceback does not lead through the library's machinery, which had no part in it."""
    with pytest.raises(errors.NotAnImage) as caught:
        await client("http://127.0.0.1:9").try_on(**bad(model="no/such/model.jpg"))
    report = traceback.format_exception(caught.value)
    assert len(report) < 10, "".join(report)


@swift
async def test_a_full_queue_says_so_at_once(client):
    """With one in flight and two waiting, ten thousand more are turned away, and cost nothing."""
    gate = asyncio.Event()
    async with peers.serve(peers.waiting(gate, OK)) as peer:
        one = client(peer, max_concurrency=1, max_waiting=2)
        calls = [asyncio.create_task(one.try_on(**LOOK)) for _ in range(3)]
        await until(lambda: peer.charges)
        crowd = await asyncio.gather(
            *[one.try_on(**LOOK) for _ in range(10_000)], return_exceptions=True
        )
        assert {type(error) for error in crowd} == {errors.TooManyWaiting}
        assert (one.stats.waiting, one.stats.in_flight) == (2, 1)
        gate.set()
        assert len(await asyncio.gather(*calls)) == len(peer.charges) == 3


@swift
async def test_no_more_than_the_limit_are_on_the_wire(client):
    """Fifty callers, four slots: the server never sees a fifth at once."""
    most = now = 0

    async def counting(line):
        nonlocal most, now
        while True:
            await line.request()
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1
            await line.send(OK)

    async with peers.serve(counting) as peer:
        one = client(peer, max_concurrency=4)
        await asyncio.gather(*[one.try_on(**LOOK) for _ in range(50)])
    assert (most, len(peer.charges)) == (4, 50)


@swift
async def test_of_many_jobs_none_is_turned_away(client):
    """`max_waiting` is for callers who come on their own; slots that shrink make no error of it."""
    async with peers.serve(peers.answering(peers.http(429), *[peers.MADE] * 8)) as peer:
        one = client(peer, max_concurrency=4, max_waiting=0)
        jobs = [requests.TryOn(**LOOK, garment_desc=str(number)) for number in range(8)]
        outcomes = await one.gather(jobs)
    assert all(outcome.ok for outcome in outcomes)


@swift
async def test_calls_are_spaced_by_max_per_minute(client):
    """Six a minute: ten seconds from one to the next."""
    async with peers.serve(peers.answering(OK)) as peer:
        one = client(peer, max_per_minute=6)
        await asyncio.gather(*[one.try_on(**LOOK) for _ in range(4)])
    times = [request.at for request in peer.charges]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap > 9 for gap in gaps), gaps


@swift
async def test_with_options_shares_everything_else(client):
    """Another timeout and number of retries for one call; limits, session and stats are shared."""
    async with peers.serve(peers.thinking(50, peers.envelope(500))) as peer:
        one = client(peer, max_concurrency=1, retries=0)
        hasty = one.with_options(timeout=5)
        patient = one.with_options(retries=1)
        with pytest.raises(errors.Unsure):
            await hasty.try_on(**LOOK)
        with pytest.raises(errors.ServerError) as caught:
            await patient.try_on(**LOOK)
        with pytest.raises(errors.ServerError):
            await one.try_on(**LOOK)
    assert caught.value.attempts == 2
    assert len(peer.charges) == one.stats.sent == patient.stats.sent == 4
    assert type(hasty) is type(one)


@swift
async def test_a_deadline_can_be_taken_away_for_some_calls(client):
    """`deadline=None` is a wish of its own; where it is not given it stays, and help says so."""
    busy = peers.http(429, headers={"Retry-After": "30"})
    async with peers.serve(peers.answering(busy, OK, busy)) as peer:
        hasty = client(peer, deadline=10)
        patient = hasty.with_options(deadline=None)
        assert (await patient.try_on(**LOOK)).attempts == 2
        with pytest.raises(errors.Refused):  # a Retry-After beyond the deadline
            await hasty.with_options(timeout=5).try_on(**LOOK)
    assert len(peer.heard.split(b"POST ")) == 4
    assert "deadline: 'float | arguments.Unchanged | None' = unchanged" in str(
        inspect.signature(hasty.with_options)
    )


@swift
async def test_stats_are_of_this_moment(client):
    """In flight, waiting and the limit while calls run; totals after."""
    gate = asyncio.Event()
    async with peers.serve(peers.waiting(gate, OK)) as peer:
        one = client(peer, max_concurrency=2)
        assert one.stats.limit == 2
        calls = [asyncio.create_task(one.try_on(**LOOK)) for _ in range(5)]
        await until(lambda: len(peer.charges) == 2)
        assert (one.stats.in_flight, one.stats.waiting, one.stats.paid) == (2, 3, 0)
        gate.set()
        await asyncio.gather(*calls)
    assert (one.stats.sent, one.stats.paid, one.stats.failed) == (5, 5, 0)


# Event loops


async def test_a_loop_that_starts_tasks_at_once_makes_calls(client, tmp_path):
    """As loops do with the eager task factory of Python 3.12; with a ledger and without."""
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
    async with peers.serve(peers.answering(OK)) as peer:
        for one in (client(peer), client(peer, ledger=tmp_path / "calls.db")):
            assert (await one.try_on(**LOOK)).result_img_url
            outcomes = await one.gather([requests.TryOn(**bad(garment_desc="red"))] * 2)
            assert all(outcome.ok for outcome in outcomes)


def test_a_client_made_outside_a_loop_serves_one_loop_after_another():
    """One client, several asyncio.run() calls, a session each."""

    async def calls(one, peer):
        async with peer.running():
            return await asyncio.gather(*[one.try_on(**LOOK) for _ in range(3)])

    with contextlib.closing(peers.Peer(peers.answering(OK))) as peer:
        one = clients.AsyncChangeClothes(KEY, peer.url)
        looks = [look for _ in range(3) for look in asyncio.run(calls(one, peer))]
        asyncio.run(one.aclose())
    assert [look.attempts for look in looks] == [1] * 9
    assert len(peer.charges) == 9


def test_a_loop_that_ended_in_a_call_leaves_the_client_usable():
    """A run that ends with a call under way does not hurt the next run."""

    async def leave(one, peer):
        async with peer.running():
            call = asyncio.create_task(one.try_on(**LOOK))
            await until(lambda: peer.charges)
        return call

    async def again(one, peer):
        async with peer.running():
            return await one.try_on(**LOOK)

    with contextlib.closing(peers.Peer(peers.silent, peers.answering(OK))) as peer:
        one = clients.AsyncChangeClothes(KEY, peer.url)
        assert asyncio.run(leave(one, peer)).done()
        assert asyncio.run(again(one, peer)).attempts == 1
        asyncio.run(one.aclose())
    assert len(peer.charges) == 2


def test_a_loop_that_ended_as_the_ledger_was_opened_leaves_the_client_usable(tmp_path):
    """The next run opens it anew, pays once, and closes it."""

    async def leave(one):
        call = asyncio.create_task(one.try_on(**LOOK))
        while one._caller._ledger.shared is None:  # noqa: ASYNC110 - no turn late: it is being opened
            await asyncio.sleep(0)
        return call

    async def again(one, peer):
        async with peer.running():
            return await one.try_on(**LOOK)

    with contextlib.closing(peers.Peer(peers.answering(OK))) as peer:
        one = clients.AsyncChangeClothes(KEY, peer.url, ledger=tmp_path / "ledger.db")
        assert asyncio.run(leave(one)).cancelled()
        assert asyncio.run(again(one, peer)).attempts == 1
        asyncio.run(one.aclose())
        other = clients.AsyncChangeClothes(KEY, peer.url, ledger=tmp_path / "other.db")
        asyncio.run(leave(other))
        asyncio.run(other.aclose())
    assert len(peer.charges) == 1


# The key


ENDS = {
    "result": peers.answering(OK),
    "refused": peers.answering(peers.http(429)),
    "failed": peers.answering(peers.envelope(20001)),
    "account": peers.answering(peers.envelope(30001, msg=f"no such key: {KEY}")),
    "garbage": peers.answering_once(b"MUMBLE\r\n\r\n"),
    "damaged": peers.answering(peers.http(200, KEY)),
    "redirected": peers.answering(
        peers.http(307, headers={"Location": f"https://x.example/{KEY}"})
    ),
    "silent": peers.silent,
    "reset": peers.slamming,
}


@swift
@pytest.mark.parametrize("script", ENDS.values(), ids=ENDS)
async def test_the_key_is_nowhere(client, caplog, capsys, script):
    """Not in repr, vars, pickles, logs or tracebacks of anything public, however a call ends."""
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(logging.DEBUG)
    async with peers.serve(script) as peer:
        one = client(peer, retries=1, timeout=5)
        (end,) = await asyncio.gather(one.try_on(**LOOK), return_exceptions=True)
        public = [one, one.stats, one._caller.options, end, requests.TryOn(**LOOK)]
        for value in public:
            assert not [text for text in leaks.shown(value) if KEY in text]
        for error in leaks.chained(end if isinstance(end, Exception) else None):
            assert isinstance(error, errors.ChangeClothesError)
            assert not [text for text in leaks.told(error) if KEY in text]
        await one.aclose()
    reads_nothing = script is peers.slamming
    assert (f"Bearer {KEY}".encode() in peer.heard) is not reads_nothing
    output = capsys.readouterr()
    assert KEY not in caplog.text + output.out + output.err


def test_the_client_does_not_pickle_its_key():
    """A client is not pickled, and says how the key gets to another process."""
    one = clients.AsyncChangeClothes(KEY)
    with pytest.raises(TypeError, match="CHANGECLOTHES_API_KEY"):
        pickle.dumps(one)


def test_the_client_shows_its_origin_alone():
    """Repr has no key, no proxy and no headers."""
    one = clients.AsyncChangeClothes(
        KEY, proxy="http://me:secret@p.example", headers={"X": "secret"}
    )
    assert repr(one) == "AsyncChangeClothes(base_url='https://changeclothesai.online')"


def test_every_public_name_is_there():
    """Every name that the package says it has is there, under its own name."""
    aliases = {"ImageSource", "Money", "OnEvent", "Outcome"}
    for name in {*changeclothes_async.__all__} - aliases:
        assert getattr(changeclothes_async, name).__name__ == name
    assert all(getattr(changeclothes_async, name) for name in aliases)


@pytest.mark.parametrize(
    ("options", "method"),
    [(clients.RunOptions, "run_grid"), (clients.PlanOptions, "plan_grid")],
)
def test_a_batch_takes_the_options_of_a_grid(options, method):
    """What an editor completes for `run_batch` and `plan_batch` is what there is."""
    parameters = inspect.signature(getattr(clients.AsyncChangeClothes, method)).parameters.values()
    assert options.__annotations__.keys() == {
        each.name for each in parameters if each.kind is each.KEYWORD_ONLY
    }


def test_a_grid_takes_the_fields_of_both_jobs():
    """What an editor completes for `Grid` is what there is, but for what is a grid's own."""
    fields = {*requests.TryOn.model_fields, *requests.ChangeByPrompt.model_fields}
    own = {"model", "garment", "category", "prompt"}
    assert JobOptions.__annotations__.keys() == fields - own


@swift
async def test_only_our_errors_escape(client):
    """Whatever a peer does, what a call raises is a ChangeClothesError, and it pickles."""
    garbage = [os.urandom(n) for n in (1, 10, 100, 5000)]
    heads = [b"HTTP/1.1 200 OK\r\n" + one for one in garbage]
    bodies = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + one for one in garbage]
    for answer in [*garbage, *heads, *bodies]:
        async with peers.serve(peers.answering_once(answer)) as peer:
            with pytest.raises(errors.ChangeClothesError) as caught:
                await client(peer, timeout=5).try_on(**bad(garment=JPEG))
        assert len(peer.charges) == 1, answer
        assert caught.value.money != "not spent", answer
        assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)  # noqa: S301
