"""Faults of the disk and of the process: what was paid is found again, or named."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from changeclothes_async import (
    AsyncChangeClothes,
    ChangeClothesError,
    Event,
    InvalidInput,
    LedgerError,
    NotSent,
)
from changeclothes_async.sandbox import Sandbox
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import Service
from tests.faults.cases import Row
from tests.faults.rules import Client

RUNNING = "tests/bulk/run/test_making.py::"
LEDGER = "tests/bulk/ledger/test_ledger.py::"
OPENING = "tests/bulk/ledger/test_opening.py::"
CRASH = "tests/bulk/run/test_crash.py::"
SAVING = "tests/transport/test_saving.py::"
PLACE = SAVING + "test_a_place_that_cannot_be_is_refused_in_words"
INTERRUPTS = "tests/bulk/run/test_interrupts.py::"
PROCESSES = "tests/test_processes.py::"
HERE = "tests/faults/test_disk_and_process.py::"

STEPS = {
    "claimed": ("0-unsure", "unsure", "maybe spent", "0"),
    "sent": ("1-unsure", "unsure", "maybe spent", "0 or 1"),
    "answered": ("2-unsure", "unsure", "maybe spent", "1"),
    "paid": ("3-saved", "fetched by the next run", "spent", "1"),
    "placed": ("4-saved", "fetched again by the next run", "spent", "1"),
    "saved": ("5-saved", "saved", "spent", "1"),
}

ROWS = [
    Row(
        "disk full on the ledger: before a call",
        "LedgerError, nothing leaves",
        "not spent",
        "0",
        f"{LEDGER}test_a_full_disk_fails_the_commit_and_no_more",
    ),
    Row(
        "disk full on the ledger: after the answer",
        "LedgerError with the result's address",
        "spent",
        "1",
        "tests/bulk/calls/test_paying.py::test_a_result_that_cannot_be_written_down_is_said",
    ),
    Row(
        "disk full on the ledger: after an answer that is lost or damaged",
        "LedgerError that tells it, with what came",
        "as the call itself",
        "1",
        "tests/bulk/calls/test_paying.py::"
        "test_an_end_that_cannot_be_written_down_tells_what_it_may_have_cost",
    ),
    Row(
        "disk full on a picture",
        "SaveFailed; the file is whole or not there",
        "spent",
        "1",
        f"{SAVING}test_a_full_disk_leaves_nothing",
    ),
    Row(
        "disk full on a picture: in a grid",
        "the run stops; the next one fetches",
        "spent",
        "1 a cell",
        f"{RUNNING}test_a_full_disk_stops_the_run_with_all_paid_kept",
    ),
    Row(
        "read-only",
        "LedgerError, nothing leaves",
        "not spent",
        "0",
        f"{RUNNING}test_a_folder_that_cannot_be_made_is_said_in_words",
    ),
    Row(
        "read-only: for a picture",
        "SaveFailed",
        "spent",
        "1",
        f"{PLACE}[a read-only file system]",
    ),
    Row(
        "too many open files: for a call",
        "NotSent; works again with room",
        "not spent",
        "0",
        f"{HERE}test_a_call_without_a_file_to_open",
    ),
    Row(
        "too many open files: for a ledger",
        "LedgerError, nothing leaves",
        "not spent",
        "0",
        f"{HERE}test_a_ledger_without_a_file_to_open",
    ),
    Row(
        "too many open files: in the run",
        "what was paid is kept; the next run fetches",
        "spent",
        "1 a cell",
        f"{HERE}test_a_run_that_runs_out_of_files",
    ),
    Row(
        "folder removed in the run",
        "LedgerError, no further call",
        "maybe spent",
        "those in flight",
        f"{RUNNING}test_a_folder_removed_in_the_run_stops_it",
    ),
    Row("name too long", "SaveFailed", "spent", "1", f"{PLACE}[a name too long]"),
    Row(
        "name too long: of a cell",
        "cut to what file systems take",
        "spent",
        "1",
        f"{RUNNING}test_hostile_names_stay_in_the_folder",
    ),
    Row(
        "a place that cannot be",
        "InvalidInput or LedgerError, nothing leaves",
        "not spent",
        "0",
        f"{HERE}test_a_place_that_cannot_be_is_refused_in_words",
    ),
    Row(
        "two names that differ in case",
        "two files",
        "spent",
        "1 each",
        f"{RUNNING}test_names_differ_where_case_does_not_count",
    ),
    *[
        Row(
            f"SIGKILL at each step: {step}",
            seen,
            money,
            charges,
            f"{CRASH}test_death_at_each_step[{step}-charged{ids}]",
        )
        for step, (ids, seen, money, charges) in STEPS.items()
    ],
    Row(
        "SIGKILL at fifty random instants",
        "each charge saved or named unsure",
        "spent or maybe spent",
        "1 at most",
        f"{CRASH}test_fifty_kills_at_random_instants",
    ),
    Row(
        "SIGTERM, SIGINT once",
        "no new claims; what is in flight arrives",
        "spent",
        "1 a cell",
        f"{CRASH}test_drained_runs_leave_nothing_unsure",
    ),
    Row(
        "SIGINT twice",
        "what was in flight is named unsure",
        "maybe spent",
        "1 at most",
        f"{INTERRUPTS}test_the_second_signal_stops_now_and_names[2]",
    ),
    Row(
        "SIGTERM twice",
        "what was in flight is named unsure",
        "maybe spent",
        "1 at most",
        f"{INTERRUPTS}test_the_second_signal_stops_now_and_names[15]",
    ),
    Row(
        "a second runner",
        "LedgerBusy, nothing leaves",
        "not spent",
        "0",
        f"{RUNNING}test_a_second_runner_is_refused_in_words",
    ),
    Row(
        "a newer ledger",
        "LedgerTooNew, left as it is",
        "not spent",
        "0",
        f"{OPENING}test_a_newer_ledger_is_refused[False]",
    ),
    *[
        Row(
            f"a corrupt ledger: {how}",
            "LedgerError, left as it is",
            "not spent",
            "0",
            f"{OPENING}test_a_spoilt_file_is_refused_and_kept[{how}-False]",
        )
        for how in ("empty", "zeroed", "half a header", "a page", "cut in half")
    ],
    Row(
        "a corrupt ledger: its log",
        "LedgerError, left as it is",
        "not spent",
        "0",
        f"{OPENING}test_a_damaged_log_is_refused_and_kept",
    ),
    Row(
        "clock going back",
        "nothing changes; times decide nothing",
        "as it was",
        "1",
        f"{LEDGER}test_the_clock_decides_nothing",
    ),
    Row(
        "fork: of a client",
        "a result in parent and child",
        "spent",
        "1 each",
        f"{HERE}test_a_forked_child_calls_on_its_own",
    ),
    Row(
        "fork: of an open ledger",
        "LedgerError in the child",
        "not spent",
        "0",
        f"{LEDGER}test_a_forked_child_is_refused",
    ),
    Row(
        "a closed loop",
        "the next loop works; the call is not repeated",
        "maybe spent",
        "1 each",
        "tests/test_client.py::test_a_loop_that_ended_in_a_call_leaves_the_client_usable",
    ),
    Row(
        "a closed loop: under the ledger",
        "written down all the same",
        "spent",
        "1",
        "tests/bulk/ledger/test_writing.py::test_a_closed_loop_breaks_nothing",
    ),
    Row(
        "exit without aclose()",
        "no warning, nothing unclosed",
        "spent",
        "1",
        f"{PROCESSES}test_nothing_is_left_unclosed[without aclose]",
    ),
    Row(
        "exit without aclose(): in a call",
        "no warning, nothing unclosed",
        "maybe spent",
        "1",
        f"{PROCESSES}test_a_run_that_ends_in_a_call_leaves_nothing_unclosed",
    ),
]


PLACES = ["~nobody-here/\0", "a\0b", "{tmp}/" + "a" * 300, "{tmp}/file/out"]


@pytest.mark.parametrize("place", PLACES, ids=["unknown home", "NUL", "too long", "in a file"])
async def test_a_place_that_cannot_be_is_refused_in_words(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Runs, plans, batches and ledgers at impossible paths end in errors of ours."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    where, grid = place.format(tmp=tmp_path), services.grid(1, 1)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one, kept = client(peer), client(peer, ledger=where)
        with contextlib.suppress(ChangeClothesError):  # nothing is there, so nothing is done yet
            assert (await one.plan_grid(grid, where)).to_send == 1
        for call in (
            lambda: one.run_grid(grid, where),
            lambda: one.run_batch(f"{where}.csv", tmp_path / "out"),
            lambda: kept.try_on(**samples.LOOK),
        ):
            with pytest.raises((InvalidInput, LedgerError)):
                await call()
    assert peer.connections == 0


async def test_a_home_is_found_wherever_a_place_is_given(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """~ is the user's home in `out`, in `ledger` and in a file of jobs; nobody's stays a name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.png").write_bytes(samples.PNG)
    (tmp_path / "jobs.csv").write_text("model,prompt\n~/m.png,red\n")
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, ledger="~/ledger.db")
        await one.try_on(**samples.LOOK)
        assert (await one.plan_batch("~/jobs.csv", "~/out")).to_send == 1
        await one.run_batch("jobs.csv", "~/out", gallery=False, max_calls=0)
    assert (tmp_path / "ledger.db").is_file()
    assert (tmp_path / "out" / "ledger.db").is_file()
    assert not (tmp_path / "~").exists()
    (tmp_path / "jobs.csv").write_text("model,prompt\n~nobody-here/m.png,red\n")
    with pytest.raises(InvalidInput, match="nobody-here"):
        await one.plan_batch("jobs.csv", tmp_path / "out")


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no further file, socket or pipe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 64, hard))
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.swift
async def test_a_call_without_a_file_to_open(client: Client) -> None:
    """No socket, no request: said in words, for nothing; with room again all is well."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(peer).try_on(**samples.LOOK)  # all that loads when it is used is loaded
        one = client(peer)
        with no_more_files(), pytest.raises(NotSent, match="open files") as caught:
            await one.try_on(**samples.LOOK)
        assert caught.value.money == "not spent"
        assert (await one.try_on(**samples.LOOK)).attempts == 1
    assert len(peer.charges) == 2


async def test_a_ledger_without_a_file_to_open(client: Client, out: Path) -> None:
    """Without a ledger nothing is sent."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer)
        await one.run_grid(services.grid(1, 1), out)  # all that loads when it is used is loaded
        loaded = len(peer.charges)
        with no_more_files(), pytest.raises(LedgerError):
            await one.run_grid(services.grid(2, 2), out)
    assert len(peer.charges) == loaded


async def test_a_run_that_runs_out_of_files(
    service: Service, quick: Callable[..., AsyncChangeClothes], out: Path
) -> None:
    """No picture can be written: the run stops, no charge is lost, and the next run fetches."""
    paid: list[str] = []
    with contextlib.ExitStack() as stack:

        def watch(event: Event) -> None:
            paid.extend([event.cell] if event.kind == "paid" else [])
            if len(paid) == 5:
                stack.enter_context(no_more_files())
                paid.clear()

        one = quick(max_concurrency=1)
        stopped = await one.run_grid(services.grid(5, 5), out, on_event=watch, gallery=False)
    assert isinstance(stopped.stopped, Exception)
    states = await services.states(out)
    assert states.get("saved", 0) + states["paid"] == len(service.charges) < 25
    assert not set(states) - {"saved", "paid", "open"}
    assert (await quick().run_grid(services.grid(5, 5), out, gallery=False)).ok
    assert len(service.charges) == 25


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_calls_on_its_own() -> None:
    """A client that was used before a fork serves both, each over its own connections."""
    with Sandbox(draw=False) as sandbox:
        one = AsyncChangeClothes(sandbox.api_key, sandbox.url)
        asyncio.run(_call(one))
        child = os.fork()
        if not child:
            code = 1
            try:
                asyncio.run(_call(one))
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        asyncio.run(_call(one))
        assert len(sandbox.calls) == 3


async def _call(client: AsyncChangeClothes) -> None:
    await client.try_on(**samples.LOOK)
