"""The ledger's promise: never paid twice, a lost answer is shown, nothing paid is lost."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.ledger import Attempt, Claim, Entry, Facts, Ledger
from changeclothes_async.bulk.ledger.records import SavedPicture
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.transport import places

DRESS, SHIRT = b"d" * 32, b"s" * 32
PAID = Facts(200, b'{"code": 200}', 200, "OK", None, None, "spent", 1.5)
LOST = Facts(error="Unsure", message="The connection broke.", money="maybe spent", elapsed=9.0)
FAILED = Facts(500, b'{"code": 500}', 500, "error", "ServerError", "It failed.", "maybe spent", 2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lookbook" / "ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(path, clock=itertools.count().__next__)
    yield opened
    await opened.close()


async def claimed(
    ledger: Ledger, identity: bytes = DRESS, event: JobEvent = JobEvent.CLAIM
) -> Claim:
    held = await ledger.claim(identity, endpoint="try-on", name="cell", event=event)
    assert isinstance(held, Claim)
    return held


async def entry(ledger: Ledger, identity: bytes = DRESS) -> Entry:
    return (await ledger.entries([identity]))[identity]


async def paid(ledger: Ledger, identity: bytes = DRESS) -> None:
    await ledger.settle(await claimed(ledger, identity), JobEvent.PAY, PAID)


# -- one call --------------------------------------------------------------------------------


async def test_one_call_from_claim_to_picture(ledger: Ledger) -> None:
    """Claim, settle and save leave the whole story of a call behind."""
    held = await ledger.claim(DRESS, endpoint="try-on", name="woman__dress")
    assert held == Claim(DRESS, 1, State.OPEN, 1)
    assert await entry(ledger) == Entry(
        DRESS, "try-on", "woman__dress", State.CLAIMED, 1, 1, None, None
    )

    assert await ledger.settle(held, JobEvent.PAY, PAID) is State.PAID
    await ledger.save("woman__dress", DRESS, places.Saved("woman__dress.webp", 7, 8, b"9"))

    assert await entry(ledger) == Entry(
        DRESS, "try-on", "woman__dress", State.SAVED, 1, 1, 2, PAID, "spent"
    )
    assert await ledger.attempts(DRESS) == [Attempt(1, 1, 2, JobEvent.PAY, PAID)]
    assert await ledger.pictures(["woman__dress", "other"]) == {
        "woman__dress": SavedPicture(DRESS, places.Saved("woman__dress.webp", 7, 8, b"9"))
    }


async def test_the_second_claim_gets_the_entry(ledger: Ledger) -> None:
    """Of equal calls at once, one gets the permission and all others the entry."""
    answers = await asyncio.gather(*(ledger.claim(DRESS, endpoint="try-on") for _ in range(9)))
    assert sum(isinstance(answer, Claim) for answer in answers) == 1
    assert [a.state for a in answers if isinstance(a, Entry)] == [State.CLAIMED] * 8


@pytest.mark.parametrize("event", [JobEvent.PAY, JobEvent.LOSE, JobEvent.DAMAGE])
async def test_what_may_have_been_paid_is_not_claimed(ledger: Ledger, event: JobEvent) -> None:
    """A job that was, or may have been, paid is not sent again without a person's word."""
    await ledger.settle(await claimed(ledger), event, LOST)
    answer = await ledger.claim(DRESS, endpoint="try-on")
    assert isinstance(answer, Entry)
    assert answer.facts == LOST


@pytest.mark.parametrize("event", [JobEvent.FAIL, JobEvent.GIVE_BACK])
async def test_what_was_not_made_is_claimed_again(ledger: Ledger, event: JobEvent) -> None:
    """A failed or returned job can be claimed, as its second attempt, under its new name."""
    await ledger.settle(await claimed(ledger), event, FAILED)
    answer = await ledger.claim(DRESS, endpoint="try-on", name="renamed")
    assert isinstance(answer, Claim)
    assert answer.attempt == 2
    assert (await entry(ledger)).name == "renamed"


async def test_a_person_may_resend(ledger: Ledger) -> None:
    """An unsure job is claimed with `resend`, and only so."""
    await ledger.settle(await claimed(ledger), JobEvent.LOSE, LOST)
    again = await claimed(ledger, event=JobEvent.RESEND)
    assert (again.attempt, again.before) == (2, State.UNSURE)


@pytest.mark.parametrize(
    ("doubt", "state"), [(JobEvent.LOSE, State.UNSURE), (JobEvent.DAMAGE, State.DAMAGED)]
)
@pytest.mark.parametrize("end", [JobEvent.GIVE_BACK, JobEvent.FAIL])
async def test_a_resend_in_vain_keeps_the_doubt(
    ledger: Ledger, doubt: JobEvent, state: State, end: JobEvent
) -> None:
    """One that never left, or failed, changes neither the state nor the facts it rests on."""
    await ledger.settle(await claimed(ledger), doubt, LOST)
    again = await claimed(ledger, event=JobEvent.RESEND)
    refused = Facts(code=10003, error="InsufficientCredits")
    assert await ledger.settle(again, end, refused) is state
    assert (await entry(ledger)).facts == LOST
    assert [line.facts for line in await ledger.attempts(DRESS)] == [LOST, refused]


async def test_a_released_job_is_open_and_its_doubt_stays(ledger: Ledger) -> None:
    """It may be sent again; what it may have cost is not forgotten."""
    await ledger.settle(await claimed(ledger), JobEvent.LOSE, LOST)
    assert await ledger.release(await entry(ledger)) is State.OPEN
    assert (await entry(ledger)).money == "maybe spent"


async def test_a_late_answer_settles_the_doubt(ledger: Ledger) -> None:
    """The answer that comes after all makes an unsure job paid, and both are in the audit."""
    held = await claimed(ledger)
    await ledger.settle(held, JobEvent.LOSE, LOST)
    assert await ledger.settle(held, JobEvent.PAY, PAID) is State.PAID
    assert (await entry(ledger)).facts == PAID
    assert [line.event for line in await ledger.attempts(DRESS)] == [JobEvent.LOSE, JobEvent.PAY]


async def test_a_late_loss_overwrites_nothing(ledger: Ledger) -> None:
    """The older attempt's outcome is recorded, and the result stays."""
    first = await claimed(ledger)
    await ledger.settle(first, JobEvent.LOSE, LOST)
    second = await claimed(ledger, event=JobEvent.RESEND)
    assert await ledger.settle(first, JobEvent.FAIL, FAILED) is State.CLAIMED
    assert await ledger.settle(second, JobEvent.PAY, PAID) is State.PAID
    assert await ledger.settle(first, JobEvent.LOSE, LOST) is State.PAID
    assert (await entry(ledger)).facts == PAID
    told = [(line.attempt, line.event) for line in await ledger.attempts(DRESS)]
    assert told == [(1, JobEvent.LOSE), (1, JobEvent.FAIL), (2, JobEvent.PAY), (1, JobEvent.LOSE)]


@pytest.mark.parametrize(
    "event", [JobEvent.FAIL, JobEvent.LOSE, JobEvent.DAMAGE, JobEvent.GIVE_BACK]
)
async def test_an_attempt_told_of_twice_takes_nothing_back(ledger: Ledger, event: JobEvent) -> None:
    """A second end of the attempt that was paid is recorded, and the result stays."""
    held = await claimed(ledger)
    await ledger.settle(held, JobEvent.PAY, PAID)
    assert await ledger.settle(held, event, LOST) is State.PAID
    assert (await entry(ledger)).facts == PAID
    assert [line.event for line in await ledger.attempts(DRESS)] == [JobEvent.PAY, event]


async def test_a_settle_needs_a_claim(ledger: Ledger) -> None:
    """What was never claimed cannot be settled, and nothing is written of it."""
    with pytest.raises(errors.LedgerError, match=DRESS.hex()):
        await ledger.settle(Claim(DRESS, 1, State.OPEN, 0.0), JobEvent.PAY, PAID)
    assert await ledger.entries([DRESS]) == {}


async def test_strange_answers_are_written_down(ledger: Ledger) -> None:
    """A code beyond 64 bits and a lone surrogate do not keep a paid call from the ledger."""
    strange = Facts(200, b"\xff\x00", 2**70, "\ud800", "Damaged", "a\x00b\udfff", "spent", 0.1)
    await ledger.settle(await claimed(ledger), JobEvent.DAMAGE, strange)
    facts = (await entry(ledger)).facts
    assert facts == Facts(
        200, b"\xff\x00", None, "\\ud800", "Damaged", "a\x00b\\udfff", "spent", 0.1
    )


# -- pictures --------------------------------------------------------------------------------


async def test_a_missed_picture_is_paid_still(ledger: Ledger) -> None:
    """A picture that is gone takes its job back to paid, to be fetched and not made again."""
    await paid(ledger)
    await ledger.save("cell", DRESS, places.Saved("cell.webp", 1, 2, b"3"))
    await ledger.miss("cell", DRESS)
    assert (await entry(ledger)).state is State.PAID
    assert await ledger.pictures(["cell"]) == {}


async def test_a_picture_needs_a_payment(ledger: Ledger) -> None:
    """A save or a miss of a job that was not paid is refused, and leaves no picture."""
    await claimed(ledger)
    with pytest.raises(errors.LedgerError, match="claimed"):
        await ledger.save("cell", DRESS, places.Saved("cell.webp", 1, 2, b"3"))
    with pytest.raises(errors.LedgerError, match="claimed"):
        await ledger.miss("cell", DRESS)
    assert await ledger.pictures(["cell"]) == {}


async def test_one_job_may_have_two_pictures(ledger: Ledger) -> None:
    """Equal cells share one payment, and each has its file; missing one leaves the other's."""
    await paid(ledger)
    for name in ("a", "b"):
        await ledger.save(name, DRESS, places.Saved("cell.webp", 1, 2, b"3"))
    await ledger.miss("a", DRESS)
    await ledger.miss("a", DRESS)
    assert set(await ledger.pictures(["a", "b"])) == {"b"}


async def test_a_cell_may_change_its_job(ledger: Ledger) -> None:
    """The file of a name belongs to whoever was saved last; an older job cannot miss it away."""
    for identity in (DRESS, SHIRT):
        await paid(ledger, identity)
        await ledger.save("cell", identity, places.Saved("cell.webp", 1, 2, identity))
    await ledger.miss("cell", DRESS)
    assert (await ledger.pictures(["cell"]))["cell"].identity == SHIRT


# -- many --------------------------------------------------------------------------------------


async def test_many_are_looked_up_counted_and_walked(ledger: Ledger) -> None:
    """Look-ups and walks go beyond one page, find what is there, and each entry once."""
    identities = [number.to_bytes(4, "big") for number in range(1203)]
    await asyncio.gather(*(paid(ledger, identity) for identity in identities[:1201]))
    await claimed(ledger, identities[1201])

    assert set(await ledger.entries(identities)) == set(identities[:1202])
    counted = await ledger.counts()
    assert counted == dict.fromkeys(State, 0) | {State.PAID: 1201, State.CLAIMED: 1}
    walked = [found.identity async for found in ledger.scan(State.PAID, State.FAILED)]
    assert sorted(walked) == identities[:1201]
    assert len([found async for found in ledger.scan()]) == 1202


async def test_a_walk_goes_on_while_states_change(ledger: Ledger) -> None:
    """What is met in a walk may be changed in it, and nothing comes twice."""
    identities = [number.to_bytes(4, "big") for number in range(600)]
    await asyncio.gather(*(paid(ledger, identity) for identity in identities))
    walked = []
    async for found in ledger.scan(State.PAID):
        await ledger.save(
            found.identity.hex(), found.identity, places.Saved("cell.webp", 1, 2, b"3")
        )
        walked.append(found.identity)
    assert walked == identities
    assert (await ledger.counts())[State.SAVED] == 600


async def test_a_walk_over_several_states_misses_nothing(ledger: Ledger) -> None:
    """It goes by age and not by state, over as many pages as there are."""
    identities = [number.to_bytes(4, "big") for number in range(1200)]
    held = await asyncio.gather(*(claimed(ledger, identity) for identity in identities))
    ends = [(JobEvent.PAY, PAID), (JobEvent.LOSE, LOST)] * 600
    await asyncio.gather(
        *(ledger.settle(claim, *end) for claim, end in zip(held, ends, strict=True))
    )
    assert [found.identity async for found in ledger.scan(State.PAID, State.UNSURE)] == identities


async def test_small_things_are_remembered(ledger: Ledger) -> None:
    """A note is kept, replaced, and None where there was none."""
    assert await ledger.recall("grid") is None
    await ledger.remember("grid", "café, 3 by 3")
    await ledger.remember("grid", "café, 6 by 9")
    assert await ledger.recall("grid") == "café, 6 by 9"


# -- loops, waiters and clocks -----------------------------------------------------------------


def test_one_ledger_in_several_loops(path: Path) -> None:
    """A ledger opened in one `asyncio.run` is used and closed in later ones."""
    ledger = asyncio.run(Ledger.open(path))
    held = asyncio.run(claimed(ledger))
    assert asyncio.run(ledger.settle(held, JobEvent.PAY, PAID)) is State.PAID
    assert asyncio.run(ledger.counts())[State.PAID] == 1
    asyncio.run(ledger.close())


async def test_a_cancelled_settle_is_written(ledger: Ledger) -> None:
    """Who stops waiting for a settle does not undo it."""
    held = await claimed(ledger)
    settling = asyncio.ensure_future(ledger.settle(held, JobEvent.PAY, PAID))
    await asyncio.sleep(0)
    settling.cancel()
    await claimed(ledger, SHIRT)
    assert (await entry(ledger)).state is State.PAID


async def test_a_cancelled_claim_is_given_back(ledger: Ledger) -> None:
    """A claim that nobody received neither blocks its job nor makes it unsure."""
    claiming = asyncio.ensure_future(ledger.claim(DRESS, endpoint="try-on"))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait([claiming])
    assert claiming.cancelled()
    assert (await claimed(ledger)).attempt == 2
    assert [line.event for line in await ledger.attempts(DRESS)] == [JobEvent.GIVE_BACK]


async def test_a_cancelled_second_claim_takes_nothing(ledger: Ledger) -> None:
    """A claim that was refused and cancelled leaves the job with its holder."""
    held = await claimed(ledger)
    claiming = asyncio.ensure_future(ledger.claim(DRESS, endpoint="try-on"))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait([claiming])
    await ledger.remember("what", "shares its commit")
    assert (await entry(ledger)).state is State.CLAIMED
    assert await ledger.settle(held, JobEvent.PAY, PAID) is State.PAID


async def test_a_claim_may_be_cancelled_after_the_close(ledger: Ledger) -> None:
    """It cannot be given back any more, and is cancelled all the same."""
    claiming = asyncio.ensure_future(ledger.claim(DRESS, endpoint="try-on"))
    await asyncio.sleep(0)
    ledger.close_here()
    claiming.cancel()
    await asyncio.wait([claiming])
    assert claiming.cancelled()


async def test_the_clock_decides_nothing(path: Path) -> None:
    """Times that run backwards are written as they are, and the order stays that of events."""
    times = iter([50.0, 40.0, 30.0, 20.0, 10.0])
    ledger = await Ledger.open(path, clock=times.__next__)
    held = await claimed(ledger)
    await ledger.settle(held, JobEvent.LOSE, LOST)
    await ledger.settle(held, JobEvent.PAY, PAID)
    lines = await ledger.attempts(DRESS)
    assert [(line.started_at, line.ended_at) for line in lines] == [(40.0, 30.0), (40.0, 20.0)]
    assert (await entry(ledger)).facts == PAID
    await ledger.close()


# -- closing, death and other runs --------------------------------------------------------------


async def test_closing_waits_and_may_be_repeated(path: Path) -> None:
    """What was asked for before `close` is written when it returns; after it all is refused."""
    ledger = await Ledger.open(path)
    asked = asyncio.gather(*(claimed(ledger, bytes([number])) for number in range(64)))
    await asyncio.sleep(0)
    await ledger.close()
    await ledger.close()
    assert len(await asked) == 64
    assert not path.with_name("ledger.db-wal").exists()
    for use in (ledger.counts(), ledger.claim(DRESS, endpoint="try-on")):
        with pytest.raises(errors.LedgerError, match="closed"):
            await use


async def test_closing_twice_at_once(path: Path) -> None:
    """Who closes a ledger that is being closed waits until it is."""
    ledger = await Ledger.open(path)
    asked = asyncio.gather(*(claimed(ledger, bytes([n, m])) for n in range(40) for m in range(40)))
    await asyncio.sleep(0)
    first = asyncio.ensure_future(ledger.close())
    await asyncio.sleep(0)
    await ledger.close()
    again = await Ledger.open(path)
    assert (await again.counts())[State.CLAIMED] == 0  # since a run that died left them unsure
    assert len(await asked) == 1600
    await asyncio.gather(first, again.close())


async def test_a_forgotten_ledger_lets_go(path: Path) -> None:
    """A ledger that was dropped without `close` is written and can be opened again."""
    ledger = await Ledger.open(path)
    held = await claimed(ledger)
    settling = asyncio.ensure_future(ledger.settle(held, JobEvent.PAY, PAID))
    await settling
    del ledger, settling
    again = await Ledger.open(path)
    assert (await entry(again)).state is State.PAID
    await again.close()


STORY = """
import asyncio, os, signal, sys
from changeclothes_async.bulk.ledger.ledger import Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent
from changeclothes_async.transport.places import Saved

async def story(path, last):
    asyncio.get_running_loop().slow_callback_duration = 60  # that is about this machine
    ledger = await Ledger.open(path)
    await ledger.remember("step", "opened")
    held = last >= "1" and await ledger.claim(b"d" * 32, endpoint="try-on")
    last >= "2" and await ledger.settle(held, JobEvent.PAY, Facts(body=b"url", money="spent"))
    saved = Saved("cell.webp", 1, 2, b"3")
    last >= "3" and await ledger.save("cell", b"d" * 32, saved)
    {end}

asyncio.run(story(*sys.argv[1:]))
"""


def tell(path: Path, last: str, end: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", STORY.format(end=end), path, last],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("last", "counted"),
    [("0", {}), ("1", {State.UNSURE: 1}), ("2", {State.PAID: 1}), ("3", {State.SAVED: 1})],
)
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(9)"])
async def test_death_at_each_step(
    path: Path, last: str, counted: dict[State, int], end: str
) -> None:
    """What was written before a kill is there; a claim without an outcome becomes unsure."""
    done = tell(path, last, end)
    assert (abs(done.returncode), done.stderr) == (9, "")
    ledger = await Ledger.open(path)
    assert {state: n for state, n in (await ledger.counts()).items() if n} == counted
    for line in await ledger.attempts(DRESS):
        assert line.event is (JobEvent.LOSE if last == "1" else JobEvent.PAY)
    await ledger.close()


async def test_what_a_dead_run_leaves(path: Path) -> None:
    """A call whose program died says so in its facts, and is not claimed again."""
    tell(path, "1", "os._exit(9)")
    ledger = await Ledger.open(path)
    found = await entry(ledger)
    assert found.facts is not None
    assert (found.facts.money, found.facts.error) == ("maybe spent", "Unsure")
    assert found.settled_at is not None
    assert isinstance(await ledger.claim(DRESS, endpoint="try-on"), Entry)
    await ledger.close()


async def test_leaving_without_closing(path: Path) -> None:
    """A program that forgets `close` ends in silence, and what it still asked for is written."""
    ask = "asyncio.ensure_future(ledger.remember('step', 'last')); await asyncio.sleep(0)"
    done = tell(path, "1", f"global kept; kept = ledger; {ask}")
    assert (done.returncode, done.stderr) == (0, "")
    ledger = await Ledger.open(path)
    assert await ledger.recall("step") == "last"
    assert (await ledger.counts())[State.UNSURE] == 1
    await ledger.close()


@pytest.fixture
def other_run(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed a call and goes on until it is killed."""
    code = STORY.format(end="print('claimed', flush=True); sys.stdin.read()")
    command = [sys.executable, "-c", code, path, "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


async def test_a_second_run_is_refused(path: Path, other_run: subprocess.Popen[str]) -> None:
    """A ledger in use is refused in words, and free the moment its holder is dead."""
    with pytest.raises(errors.LedgerBusy, match="Another process is working"):
        await Ledger.open(path)
    other_run.send_signal(signal.SIGKILL)
    other_run.wait()
    ledger = await Ledger.open(path)
    assert (await entry(ledger)).state is State.UNSURE
    await ledger.close()


async def test_a_ledger_that_nobody_has_any_more_is_no_other_run(path: Path) -> None:
    """As of a client whose loop ended amid a call: a cycle holds it until garbage is collected."""
    gc.disable()
    try:
        # Here, since a thread lets go of what it returns some time after it was received.
        forgotten: list[object] = [Ledger.open_here(path)]
        forgotten.append(forgotten)
        del forgotten
        again = await Ledger.open(path)
    finally:
        gc.enable()
    assert isinstance(await again.claim(SHIRT, endpoint="try-on"), Claim)
    await again.close()


async def test_a_second_client_of_this_process_is_refused(ledger: Ledger, path: Path) -> None:
    """The lock counts within one process as well, also by another name of the same file."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(errors.LedgerBusy):
            await Ledger.open(name)


async def test_a_refusal_here_lets_no_other_process_in(ledger: Ledger, path: Path) -> None:
    """The lock outlives a second client, though POSIX drops a process's locks with any handle."""
    with pytest.raises(errors.LedgerBusy):
        await Ledger.open(path)
    held = await claimed(ledger)
    assert "errors.LedgerBusy" in tell(path, "1", "pass").stderr
    await ledger.settle(held, JobEvent.PAY, PAID)
    assert len(await ledger.attempts(DRESS)) == 1


async def test_reading_beside_a_run(path: Path, other_run: subprocess.Popen[str]) -> None:
    """A reader sees what is committed, changes nothing, and is refused every change."""
    reader = await Ledger.open(path, read_only=True)
    assert (await reader.counts())[State.CLAIMED] == 1
    with pytest.raises(errors.LedgerError, match="opened read-only"):
        await reader.claim(SHIRT, endpoint="try-on")
    await reader.close()
    assert other_run.poll() is None


async def test_a_reader_follows_the_writer(ledger: Ledger, path: Path) -> None:
    """A reader opened before a commit sees it afterwards."""
    reader = await Ledger.open(path, read_only=True)
    await paid(ledger)
    assert (await entry(reader)).facts == PAID
    await reader.close()


async def test_reading_after_a_death_changes_nothing(path: Path) -> None:
    """A reader shows a dead run's claim as claimed; it is the next run that makes it unsure."""
    tell(path, "1", "os._exit(9)")
    for _ in range(2):
        reader = await Ledger.open(path, read_only=True)
        assert (await entry(reader)).state is State.CLAIMED
        await reader.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # it is what is tested
async def test_a_forked_child_is_refused(ledger: Ledger, path: Path) -> None:
    """A child made by fork is told so instead of waiting for ever, and harms nothing."""
    child = os.fork()
    if not child:
        code = 9
        try:
            ledger._write(lambda _: None)
        except errors.LedgerError as refusal:
            ledger._shut()
            code = 7 if "fork" in str(refusal) else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    await claimed(ledger)
    with pytest.raises(errors.LedgerBusy):
        await Ledger.open(path)


# -- the disk ------------------------------------------------------------------------------------


async def test_a_full_disk_fails_the_commit_and_no_more(ledger: Ledger) -> None:
    """Everybody in a commit that finds no room is told so; with room again all goes on."""
    await paid(ledger)
    pages = await ledger._write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await ledger._write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    many = [ledger.claim(bytes([n]) * 64, endpoint="x" * 999, name="y" * 999) for n in range(64)]
    for told in await asyncio.gather(*many, return_exceptions=True):
        assert isinstance(told, errors.LedgerError)
        assert "full" in str(told)
        assert "Make room" in str(told)
    assert (await ledger.counts())[State.CLAIMED] == 0
    await ledger._write(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
    await claimed(ledger, SHIRT)


LIMITED = """
import asyncio, resource, sys
from changeclothes_async import errors
from changeclothes_async.bulk.ledger.ledger import Ledger

async def main(path):
    ledger = await Ledger.open(path)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    granted, refused = 0, 0
    while refused < 3:
        try:
            await ledger.claim(granted.to_bytes(4, "big"), endpoint="try-on")
            granted += 1
        except errors.LedgerError:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await ledger.claim(granted.to_bytes(4, "big"), endpoint="try-on")
    print(granted + 1, sum((await ledger.counts()).values()))
    await ledger.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_file_that_may_not_grow(path: Path) -> None:
    """A write that the system refuses is a LedgerError; every permission given is in the file."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    granted, counted = map(int, done.stdout.split())
    assert granted == counted > 1


async def test_a_removed_ledger_gives_no_permission(ledger: Ledger, path: Path) -> None:
    """Nothing more is paid into a file that is gone, while what is under way is still settled."""
    held = await claimed(ledger)
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(errors.LedgerError, match="moved, deleted or replaced"):
        await ledger.claim(SHIRT, endpoint="try-on")
    path.touch()
    with pytest.raises(errors.LedgerError, match="moved, deleted or replaced"):
        await ledger.claim(SHIRT, endpoint="try-on")
    assert await ledger.settle(held, JobEvent.PAY, PAID) is State.PAID
    path.with_name("elsewhere.db").rename(path)
