"""Faults of the network, before, in and after the upload."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from changeclothes_async import Event, NotSent, Unsure
from tests import peers
from tests.bulk import service as services
from tests.faults import proxy
from tests.faults.cases import BIG, MADE, Case, Row, made, unsent, unsure
from tests.faults.proxy import Way
from tests.faults.rules import (  # noqa: F401 - pytest runs them over this module's CASES
    Client,
    test_among_other_jobs,
    test_in_a_grid,
    test_on_a_call,
)
from tests.samples import LOOK

SENDING = "tests/transport/test_sending.py"
UNSENT = SENDING + "::test_what_was_not_sent_whole_is_sent_again"
LOST = SENDING + "::test_a_lost_answer_is_unsure_and_never_sent_again"
HERE = "tests/faults/test_network.py::"

SHORT = {"timeout": 30}
MAKING = peers.answering(MADE)

CASES = [
    unsent("reset on accept", peers.slamming, shown=f"{UNSENT}[reset on accept]"),
    unsent("reset in the upload", peers.cutting(1000), shown=f"{UNSENT}[reset in the upload]"),
    unsent("reset in the upload: by the network", MAKING, up=Way(limit=90_000, then="reset")),
    unsent("reset in the upload: closed instead", MAKING, up=Way(limit=90_000, then="close")),
    unsent("reset in the upload: half closed", MAKING, up=Way(limit=90_000, then="half close")),
    unsure("reset after the whole request", peers.resetting, shown=f"{LOST}[reset]"),
    unsure("close after the whole request", peers.closing, shown=f"{LOST}[close]"),
    unsure("silence after the whole request", peers.silent, shown=f"{LOST}[silence]"),
    unsure("half close before the answer", MAKING, down=Way(limit=0, then="half close")),
    unsure("reset in the answer", MAKING, down=Way(limit=50, then="reset")),
    unsure("close in the answer's head", MAKING, down=Way(limit=50, then="close")),
    unsure("black hole before the answer", MAKING, down=Way(limit=0, then="black hole")),
    unsent("server never reads", peers.deaf, shown=f"{UNSENT}[never read]"),
    unsent(
        "black hole in the upload", MAKING, up=Way(limit=9000, then="black hole"), options=SHORT
    ),
    unsent("1 KB/s upload: slower than the timeout", MAKING, up=Way(bandwidth=1000), options=SHORT),
    made("1 KB/s upload: within the timeout", MADE, up=Way(bandwidth=1000, slices=200)),
    unsure(
        "an answer of one byte a second",
        peers.trickling(peers.MADE),
        options=SHORT,
        shown=f"{LOST}[one byte a second]",
    ),
    made("1-byte segments both ways", MADE, up=Way(slices=1), down=Way(slices=1)),
    made("seconds of latency both ways", MADE, up=Way(latency=3), down=Way(latency=3)),
]

BEFORE = [
    Row("refused", "NotSent", "not spent", "0", f"{SENDING}::test_nobody_listening_is_not_sent"),
    Row(
        "refused: all of a grid",
        "stopped at once, the cells stay open",
        "not spent",
        "0",
        "tests/bulk/run/test_runner.py::test_a_wrong_origin_stops_the_run_at_once",
    ),
    Row(
        "unknown host", "NotSent", "not spent", "0", f"{SENDING}::test_an_unknown_host_is_not_sent"
    ),
    Row("DNS timeout", "NotSent", "not spent", "0", f"{HERE}test_a_resolver_that_never_answers"),
    Row(
        "connect black hole",
        "NotSent",
        "not spent",
        "0",
        f"{SENDING}::test_a_connection_that_never_opens_is_not_sent",
    ),
]

AFTER = [
    Row(
        "a cut or a stall at any byte of the upload",
        "NotSent or Unsure, never NotSent for a whole request",
        "not or maybe spent",
        "0 or 1",
        f"{SENDING}::test_not_spent_is_never_said_of_a_request_that_the_peer_has_whole",
    ),
    Row(
        "stale kept-alive: seen before its reuse",
        "result, over a new connection",
        "spent",
        "1",
        "tests/transport/test_session.py::test_a_connection_that_the_server_closed_is_not_used_again",
    ),
    Row(
        "stale kept-alive: closed at its reuse",
        "Unsure",
        "maybe spent",
        "1",
        f"{HERE}test_a_kept_connection_that_ends_at_its_reuse",
    ),
    Row(
        "an answer on an idle connection, that nobody asked for",
        "result of its own, over a new connection",
        "spent",
        "1",
        "tests/transport/test_session.py::test_an_answer_that_nobody_asked_for_is_no_calls",
    ),
    Row(
        "server that takes only two connections: two slots",
        "results",
        "spent",
        "1 each",
        "tests/transport/test_session.py::test_two_connections_at_most_are_enough",
    ),
    Row(
        "server that takes only two connections: eight slots",
        "results; six wait in its queue",
        "spent",
        "1 each",
        f"{HERE}test_a_server_that_takes_two_at_a_time",
    ),
    Row(
        "network gone for minutes in a bulk run",
        "cells wait, and arrive",
        "spent",
        "1 each",
        f"{HERE}test_a_network_that_is_gone_for_five_minutes",
    ),
]

ROWS: list[Case | Row] = [*BEFORE, *CASES, *AFTER]


class Mute(aiohttp.abc.AbstractResolver):
    """A resolver that never answers."""

    async def resolve(self, *_: object, **__: object) -> list[aiohttp.abc.ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError("nobody waits for ever")

    async def close(self) -> None:
        pass


@pytest.mark.swift
async def test_a_resolver_that_never_answers(client: Client) -> None:
    """A name that nobody resolves ends at connect_timeout, three times, for nothing."""
    connector = aiohttp.TCPConnector(resolver=Mute())
    async with aiohttp.ClientSession(connector=connector) as session:
        one = client("https://api.example", session=session, connect_timeout=5)
        with pytest.raises(NotSent) as caught:
            await one.try_on(**LOOK)
    assert (caught.value.money, caught.value.attempts) == ("not spent", 3)
    assert 15 <= caught.value.elapsed < 30


@pytest.mark.swift
async def test_a_kept_connection_that_ends_at_its_reuse(client: Client) -> None:
    """The request was handed over whole when the end came: held, and not sent again."""

    async def once_and_no_more(line: peers.Line) -> None:
        await line.request()
        await line.send(peers.MADE)
        await line.request()

    async with peers.serve(once_and_no_more, MAKING) as peer:
        one = client(peer)
        await one.try_on(**LOOK)
        with pytest.raises(Unsure):
            await one.try_on(**LOOK)
    assert (peer.connections, len(peer.charges)) == (1, 2)


async def test_a_server_that_takes_two_at_a_time(client: Client) -> None:
    """Eight slots, a server that accepts two connections: the others wait, and arrive once."""
    doors = asyncio.Semaphore(2)
    most = 0

    async def guarded(line: peers.Line) -> None:
        nonlocal most
        async with doors:
            most = max(most, 2 - doors._value)
            await line.request()
            await line.send(peers.http(200, peers.MADE.partition(b"\r\n\r\n")[2]))

    async with peers.serve(guarded) as peer:
        looks = await asyncio.gather(*[client(peer).try_on(**LOOK) for _ in range(8)])
    assert [look.attempts for look in looks] == [1] * 8
    assert (len(peer.charges), most) == (8, 2)


@pytest.mark.swift
async def test_a_network_that_is_gone_for_five_minutes(client: Client, out: Path) -> None:
    """No cell fails and none is paid twice: those in flight are named, all others arrive."""
    gone = asyncio.Event()

    async def outage(between: proxy.Proxy) -> None:
        await gone.wait()
        await between.stop()
        await asyncio.sleep(300)
        await between.start()

    def watch(event: Event) -> None:
        if event.kind == "paid":
            gone.set()

    async with (
        services.Service() as service,
        proxy.before(int(service.url.rpartition(":")[2])) as between,
    ):
        leaving = asyncio.create_task(outage(between))
        one = client(between.url, max_concurrency=2)
        lookbook = await one.run_grid(services.grid(4, 4), out, on_event=watch, gallery=False)
        await leaving
        again = await one.run_grid(services.grid(4, 4), out, gallery=False)
    assert (lookbook.stopped, lookbook.failed) == (None, [])
    assert len(again.saved) + len(again.unsure) == 16
    assert not services.twice(service.charges)


@pytest.mark.swift
async def test_a_slow_upload_that_fits_into_buffers_is_unsure(client: Client) -> None:
    """What the system took in whole may arrive after the timeout, however slowly."""
    slow = Way(bandwidth=1, slices=64)
    async with peers.serve(MAKING) as peer, proxy.before(peer.port, up=slow) as between:
        with pytest.raises(Unsure):
            await client(between.url, timeout=30).try_on(**LOOK)
    assert peer.charges == []


@pytest.mark.swift
async def test_a_broken_network_is_healed_by_the_next_attempt(client: Client) -> None:
    """A reset in the first upload costs nothing: the second attempt sends all of it."""
    async with peers.serve(MAKING) as peer:
        async with proxy.before(peer.port, up=Way(limit=90_000, then="reset")) as between:
            one = client(between.url, retries=0)
            with pytest.raises(NotSent):
                await one.try_on(**BIG)
        look = await client(peer).try_on(**BIG)
    assert (look.attempts, len(peer.charges)) == (1, 1)
