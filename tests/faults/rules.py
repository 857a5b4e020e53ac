"""The rules that hold for every fault on the wire: of a call, among other jobs, and in a grid."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, Grid, TryOn, errors
from tests import peers, samples
from tests.bulk import service as services
from tests.faults import proxy
from tests.faults.cases import Case

Client = Callable[..., AsyncChangeClothes]


@contextlib.asynccontextmanager
async def facing(*scripts: peers.Script, case: Case) -> AsyncIterator[tuple[peers.Peer, str]]:
    """Run a peer behind the case's network: the peer, and the origin to call."""
    async with peers.serve(*scripts) as peer:
        if (case.up, case.down) == (proxy.FINE, proxy.FINE):
            yield peer, peer.url
        else:
            async with proxy.before(peer.port, up=case.up, down=case.down) as between:
                yield peer, between.url


@pytest.mark.swift
async def test_on_a_call(client: Client, case: Case) -> None:
    """The caller sees the class and the money of the table; the server counts its requests."""
    async with facing(case.script, case=case) as (peer, origin):
        try:
            await client(origin, **case.options).try_on(**case.look)
            seen, money = None, "spent"
        except errors.ChangeClothesError as error:
            seen, money = type(error), error.money
    assert (seen, money, len(peer.charges)) == case.expected


@pytest.mark.swift
async def test_among_other_jobs(client: Client, case: Case) -> None:
    """Every job has its outcome, whatever befalls the second; an account error alone ends it."""
    first, last = peers.answering_once(peers.MADE), peers.answering(peers.MADE)
    jobs = [TryOn(**samples.LOOK), TryOn(**case.look), TryOn(**samples.LOOK)]
    async with facing(first, case.script, last, case=case) as (_, origin):
        one = client(origin, max_concurrency=1, retries=0, **case.options)
        outcomes = [outcome async for outcome in one.as_completed(jobs)]
    ends = [type(outcome.error) if outcome.error else None for outcome in outcomes]
    if (case.up, case.down) == (proxy.FINE, proxy.FINE):
        assert ends[:2] == [None, case.seen]
    stopped = case.seen is not None and issubclass(case.seen, errors.AccountError)
    assert len(ends) == (2 if stopped else 3)


async def healthy(line: peers.Line) -> None:
    """Make whatever is asked for, and serve it."""
    while True:
        request = await line.request()
        picture = peers.http(200, samples.PNG, kind="image/png")
        await line.send(picture if request.method == "GET" else peers.made(f"{line.peer.url}/1"))


@pytest.mark.swift
async def test_in_a_grid(client: Client, case: Case, out: Path) -> None:
    """The ledger keeps what became of the cell; the next run sends it only where that is free."""
    grid = Grid({"m": case.look["model"]}, {"g": case.look["garment"]}, "dresses")
    async with facing(case.script, case=case) as (peer, origin):
        await client(origin, **case.options).run_grid(grid, out, gallery=False)
    assert await services.states(out) == {case.cell: 1}
    if case.seen is errors.Refused and case.cell == "open":  # for free, and for ten minutes
        assert len(peer.charges) > case.charges
    else:
        assert len(peer.charges) == case.charges
    async with peers.serve(healthy) as service:
        await client(service).run_grid(grid, out, gallery=False)
    sent = [request for request in service.charges if request.method == "POST"]
    assert len(sent) == (1 if case.cell == "open" else 0)
