"""A client's listener: what it is told of single calls, and what its own failure does."""

from __future__ import annotations

import asyncio

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.calls import listeners
from tests import peers
from tests.bulk.service import grid, states
from tests.samples import LOOK

swift = pytest.mark.swift


def kinds(events, cell):
    """Name what happened to a cell, pieces of its upload aside."""
    return [event.kind for event in events if event.cell == cell and event.kind != "sending"]


@swift
@pytest.mark.parametrize("has_ledger", [False, True])
async def test_a_call_is_told_from_its_claim_to_its_payment(client, tmp_path, has_ledger):
    """The same events in the same order with a ledger and without; a retry is a second claim."""
    events = []
    failed = peers.envelope(20001)
    ledger = tmp_path / "ledger.db" if has_ledger else None
    async with peers.serve(peers.answering(failed, peers.MADE)) as peer:
        await client(peer, ledger=ledger, on_event=events.append).try_on(**LOOK)
    attempt = ["claimed", "sent", "answered"]
    assert kinds(events, "try_on-1") == [*attempt, *attempt, "paid"]
    assert [event.attempt for event in events if event.kind == "claimed"] == [1, 2]
    answered = [event.error for event in events if event.kind == "answered"]
    assert [type(error) for error in answered] == [errors.TryOnException, type(None)]
    sent = sum(event.bytes for event in events)
    assert sent == sum(request.size for request in peer.charges)


@swift
@pytest.mark.parametrize(
    ("script", "end"),
    [
        (peers.answering(peers.envelope(10005)), "failed"),
        (peers.closing, "unsure"),
        (peers.answering(peers.http(200, "no JSON")), "unsure"),
    ],
    ids=["refused", "no answer", "damaged"],
)
async def test_an_error_ends_a_call(client, script, end):
    """The last event is how it ended, and holds the error that the caller sees."""
    events = []
    async with peers.serve(script) as peer:
        with pytest.raises(errors.ChangeClothesError) as caught:
            await client(peer, on_event=events.append).try_on(**LOOK)
    assert (events[-1].kind, events[-1].error) == (end, caught.value)


async def test_a_call_that_was_never_sent_is_told_too(client):
    """A bad picture fails without a claim."""
    events = []
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        with pytest.raises(errors.NotAnImage):
            await client(peer, on_event=events.append).try_on(
                "gone.jpg", LOOK["garment"], "dresses"
            )
    assert kinds(events, "try_on-1") == ["failed"]


@swift
async def test_a_payment_is_told_though_the_caller_has_gone(client):
    """Money is counted where it is spent, not where somebody waits for it."""
    events, sent, gate = [], asyncio.Event(), asyncio.Event()

    def heard(event):
        events.append(event)
        if event.kind == "sent":
            sent.set()

    async with peers.serve(peers.waiting(gate, peers.MADE)) as peer:
        one = client(peer, on_event=heard)
        call = asyncio.create_task(one.try_on(**LOOK))
        await sent.wait()
        call.cancel()
        gate.set()
        await one.aclose()
    assert call.cancelled()
    assert events[-1].kind == "paid"


FAILURES = [ValueError, asyncio.CancelledError, GeneratorExit]


@swift
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("has_ledger", [False, True])
async def test_a_listener_that_fails_is_logged_and_in_nobody_s_way(
    client, tmp_path, caplog, has_ledger, failure
):
    """The call is paid once, written down and handed over all the same."""

    def broken(event):
        raise failure(event.kind)

    ledger = tmp_path / "ledger.db" if has_ledger else None
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, ledger=ledger, on_event=broken)
        assert (await one.try_on(**LOOK)).url == peers.RESULT
        assert (await one.try_on(**LOOK)).url == peers.RESULT
    assert len(peer.charges) == (1 if has_ledger else 2)
    assert "on_event failed" in caplog.text


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
async def test_a_listener_that_ends_the_program_comes_after_the_ledger(end):
    """What was answered is written down first: a paid result would be lost with the program."""
    written = []

    class Page:
        async def settle(self, outcome):
            await asyncio.sleep(0)
            written.append(outcome)

    def ending(event):
        raise end

    outcome = errors.Unsure("lost")
    with pytest.raises(end):
        await listeners.TellingJournal(ending, "a call", Page()).settle(outcome)
    assert written == [outcome]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", ["claimed", "sent", "answered", "paid", "saved"])
async def test_a_grids_listener_that_fails_stops_it_and_loses_nothing(quick, out, kind, failure):
    """What it raised is raised when all that was under way is written down."""

    def broken(event):
        if event.kind == kind:
            raise failure(kind)

    with pytest.raises(failure, match=kind):
        await quick().run_grid(grid(1, 1), out, on_event=broken)
    assert await states(out) == {"saved": 1}


async def test_a_grids_listener_that_fails_lets_nothing_new_begin(service, quick, out):
    """A run that nobody can follow pays for no further cell."""

    def broken(_):
        raise ValueError("cannot follow")

    with pytest.raises(ValueError, match="cannot follow"):
        await quick(max_concurrency=1).run_grid(grid(1, 9), out, on_event=broken)
    assert len(service.calls) == 1


async def test_a_grid_is_told_to_both_listeners(quick, out):
    """The client's listener hears of its cells as the run's own does."""
    theirs, ours = [], []
    await quick(on_event=theirs.append).run_grid(grid(1, 2), out, on_event=ours.append)
    assert theirs == ours
    expected = ["claimed", "sent", "answered", "paid", "placed", "saved"]
    assert kinds(theirs, "m0__g1") == expected


async def test_a_grid_is_told_to_the_clients_listener_alone(quick, out):
    """Where the run has none of its own."""
    theirs = []
    await quick(on_event=theirs.append).run_grid(grid(1, 1), out)
    assert [event.kind for event in theirs][-1] == "saved"
