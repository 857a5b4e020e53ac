"""A call through the ledger: joined while in flight, given again afterwards, never paid twice."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.calls import outcomes, paying
from changeclothes_async.bulk.ledger.ledger import Claim, Entry, Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.protocol import answers
from changeclothes_async.transport import flights
from changeclothes_async.transport.places import Saved

JOB, OTHER = b"j" * 32, b"o" * 32
BODY = b'{"code": 200, "data": {"resultImgUrl": "https://r.example/1.webp", "seed": 7}}'


def made() -> answers.Made:
    result = answers.decode(answers.Raw(200, {}, BODY))
    assert isinstance(result, answers.Made)
    return result


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


class Sending:
    """A sender of our own: each call waits for its gate, and ends as it is told."""

    def __init__(self, *outcomes: answers.Ending) -> None:
        self.outcomes = list(outcomes) or [made()]
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        self.calls = 0

    async def __call__(self, page: paying.Page) -> paying.Paid:
        self.calls += 1
        page.flight.on_wire = True
        await page.claim(1)
        self.started.set()
        await self.gate.wait()
        outcome = self.outcomes.pop(0)
        await page.settle(outcome)
        page.flight.on_wire = False
        if isinstance(outcome, errors.ChangeClothesError):
            raise outcome
        return outcome, 1


async def state(book: Ledger, job: bytes = JOB) -> State:
    return (await book.entries([job]))[job].state


async def test_a_call_that_never_began_is_forgotten(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt before a call's task was made leaves nothing that the next one would join."""

    def interrupted(_: Any, work: Any) -> Any:
        work.close()
        raise KeyboardInterrupt

    payments, send = paying.Payments(book), Sending()
    send.gate.set()
    with monkeypatch.context() as patch:
        patch.setattr(flights.Flight, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await payments.pay(JOB, "/e", send)
    assert (await payments.pay(JOB, "/e", send))[1] == 1
    assert send.calls == 1


async def test_a_paid_job_is_given_again(book: Ledger) -> None:
    """The second who asks gets what the first one paid for."""
    payments, send = paying.Payments(book), Sending()
    send.gate.set()
    first = await payments.pay(JOB, "/e", send)
    second = await payments.pay(JOB, "/e", send)
    assert (first[0].result_img_url, first[0].seed) == (second[0].result_img_url, second[0].seed)
    await payments.pay(JOB, "/e", send, again=lambda _: True)  # which is for what is in doubt
    await book.save("cell", JOB, Saved("cell.webp", 1, 1, b"digest"))
    await payments.pay(JOB, "/e", send, again=lambda _: True)
    assert send.calls == 1


async def test_a_claim_finds_out_what_a_look_would_have(book: Ledger) -> None:
    """Without a look, what was paid is given and what may be paid is raised, and neither sent."""
    payments, send = paying.Payments(book), Sending(made(), errors.Unsure("lost"))
    send.gate.set()
    await payments.pay(JOB, "/e", send)
    assert (await payments.pay(JOB, "/e", send, look=False))[0].seed == 7
    for _ in range(2):
        with pytest.raises(errors.Unsure, match="lost"):
            await payments.pay(OTHER, "/e", send, look=False)
    assert [len(await book.attempts(job)) for job in (JOB, OTHER)] == [1, 1]


async def test_equal_calls_in_flight_are_one(book: Ledger) -> None:
    """A hundred who ask at once pay once; another job is another call."""
    payments, send = paying.Payments(book), Sending(made(), made())
    asking = [asyncio.create_task(payments.pay(JOB, "/e", send)) for _ in range(100)]
    other = asyncio.create_task(payments.pay(OTHER, "/e", send))
    await send.started.wait()
    send.gate.set()
    results = await asyncio.gather(*asking)
    await other
    assert {result[0].result_img_url for result in results} == {"https://r.example/1.webp"}
    assert send.calls == 2


async def test_all_who_wait_get_the_error(book: Ledger) -> None:
    """A shared call that fails fails for each of them; the next one who asks makes a new one."""
    payments, send = paying.Payments(book), Sending(errors.TryOnException("failed"), made())
    send.gate.set()
    ends = await asyncio.gather(
        *(payments.pay(JOB, "/e", send) for _ in range(3)), return_exceptions=True
    )
    assert [type(end) for end in ends] == [errors.TryOnException] * 3
    assert (await payments.pay(JOB, "/e", send))[0].seed == 7
    assert send.calls == 2


async def test_who_asks_in_the_turn_that_a_call_ended_in_makes_a_new_one(book: Ledger) -> None:
    """Its error was for those who waited for it; this one may be lucky."""
    payments, asking = paying.Payments(book), []

    async def failing(page: paying.Page) -> paying.Paid:
        await page.claim(1)
        await page.settle(errors.TryOnException("failed", code=20001))
        asking.append(asyncio.ensure_future(payments.pay(JOB, "/e", working)))
        raise errors.TryOnException("failed", code=20001)

    working = Sending()
    with pytest.raises(errors.TryOnException):
        await payments.pay(JOB, "/e", failing)
    await working.started.wait()
    joining = asyncio.create_task(payments.pay(JOB, "/e", working))
    working.gate.set()
    assert (await asking[0])[0].seed == (await joining)[0].seed == 7
    assert working.calls == 1
    assert await state(book) is State.PAID


async def test_a_call_that_is_over_is_forgotten(book: Ledger) -> None:
    """Whoever waited for it, or nobody any more: a million calls leave nothing in memory."""
    payments, send = paying.Payments(book), Sending(made(), made())
    send.gate.set()
    await payments.pay(JOB, "/e", send)
    assert not payments._under_way
    send.gate.clear()
    send.started.clear()
    leaving = asyncio.create_task(payments.pay(OTHER, "/e", send))
    await send.started.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    send.gate.set()
    (flight,) = payments._under_way.values()
    await flight.task
    await asyncio.sleep(0)
    assert not payments._under_way


async def test_one_who_leaves_leaves_the_call_to_the_others(book: Ledger) -> None:
    """A cancelled waiter takes nothing from those who wait on."""
    payments, send = paying.Payments(book), Sending()
    leaving = asyncio.create_task(payments.pay(JOB, "/e", send))
    staying = asyncio.create_task(payments.pay(JOB, "/e", send))
    await send.started.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    send.gate.set()
    assert (await staying)[0].seed == 7


async def test_one_who_comes_as_the_last_one_leaves_is_not_cancelled(book: Ledger) -> None:
    """A cancellation belongs to whoever was cancelled: the next one is told a reason, or joins."""
    payments, send = paying.Payments(book), Sending(made(), made())
    send.gate.set()

    async def come() -> object:
        leaving.cancel()
        await asyncio.sleep(0)
        try:
            return await payments.pay(JOB, "/e", send)
        except errors.ChangeClothesError as error:
            return error

    leaving = asyncio.create_task(payments.pay(JOB, "/e", send))
    await asyncio.sleep(0)
    coming = asyncio.create_task(come())
    ended, _ = await asyncio.wait([coming])
    assert not coming.cancelled(), ended


@pytest.mark.parametrize(
    "outcome",
    [errors.Unsure("lost"), errors.Damaged("broken")],
)
async def test_what_may_be_paid_is_raised_again(
    book: Ledger, outcome: errors.ChangeClothesError
) -> None:
    """An unsure or damaged job is not sent again unless a person said so."""
    payments, send = paying.Payments(book), Sending(outcome, made())
    send.gate.set()
    for _ in range(2):
        with pytest.raises(type(outcome), match=str(outcome.args[0])):
            await payments.pay(JOB, "/e", send)
    assert send.calls == 1
    assert await payments.pay(JOB, "/e", send, again=lambda _: True)
    assert send.calls == 2


@pytest.mark.parametrize("number", ["first", "second"])
async def test_a_claim_that_was_cancelled_needs_no_settling(book: Ledger, number: str) -> None:
    """An attempt that ends before its claim was received leaves the job as it was."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    if number == "second":
        await page.claim(1)
        await page.settle(errors.TryOnException("failed"))
    before = len(await book.attempts(JOB))
    claiming = asyncio.create_task(page.claim(2))
    await asyncio.sleep(0)
    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    await page.settle(errors.NotSent("stopped"))
    await book.remember("all before", "is written")
    assert await state(book) is (State.FAILED if number == "second" else State.OPEN)
    assert len(await book.attempts(JOB)) == before + 1


class FullBook(Ledger):
    """A ledger whose disk is full when it comes to the end."""

    def __init__(self) -> None:
        """Hold no file."""

    async def settle(self, *_: object) -> State:
        raise errors.LedgerError("The disk is full.")


async def test_a_result_that_cannot_be_written_down_is_said(
    book: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Where not even the ledger takes it, error and log hold the paid result's address."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    page.book = FullBook()
    with pytest.raises(errors.LedgerError, match=r"https://r\.example/1\.webp") as caught:
        await page.settle(made())
    assert caught.value.money == "spent"
    assert "https://r.example/1.webp" in caplog.text  # perhaps nobody waits for it any more


async def test_a_result_whose_record_is_not_waited_for_is_said(
    book: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a second Ctrl-C: it is written down, but nobody would hear of a full disk."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    settling = asyncio.create_task(page.settle(made()))
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert "https://r.example/1.webp" in caplog.text
    await book.remember("all before", "is written")
    assert await state(book) is State.PAID


async def test_an_error_whose_record_is_not_waited_for_is_written_down(book: Ledger) -> None:
    """The cancellation goes on as one."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    settling = asyncio.create_task(page.settle(errors.Unsure("lost")))
    await asyncio.sleep(0)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    await book.remember("all before", "is written")
    assert await state(book) is State.UNSURE


@pytest.mark.parametrize("end", [errors.Unsure, errors.Damaged, errors.TryOnException])
async def test_an_end_that_cannot_be_written_down_tells_what_it_may_have_cost(
    book: Ledger, caplog: pytest.LogCaptureFixture, end: type[errors.ChangeClothesError]
) -> None:
    """The disk's trouble is no reason to say that nothing was spent; what came is in the error."""
    raw = answers.Raw(200, {}, b"an answer")
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    page.book = FullBook()
    with pytest.raises(errors.LedgerError, match=f"disk is full.*{end.__name__}") as caught:
        await page.settle(end("A secret of the service's.", raw=raw))
    assert (caught.value.money, caught.value.raw) == (end().money, raw)
    assert end.__name__ in caplog.text
    assert "A secret" not in caplog.text


async def test_what_was_not_spent_leaves_the_ledgers_own_error(book: Ledger) -> None:
    """Nothing is lost with it."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    page.book = FullBook()
    with pytest.raises(errors.LedgerError) as caught:
        await page.settle(errors.NotSent())
    assert (caught.value.money, caught.value.message) == ("not spent", "The disk is full.")


async def test_what_became_unsure_since_the_look_is_not_sent(book: Ledger) -> None:
    """A failed job may be sent again; not so where another loop's call of it is unsure by now."""
    claim = await book.claim(JOB, endpoint="/e")
    await book.settle(claim, JobEvent.FAIL, Facts(error="TryOnException", money="maybe spent"))
    looked, go_on = asyncio.Event(), asyncio.Event()

    async def send(page: paying.Page) -> paying.Paid:
        looked.set()
        await go_on.wait()  # as for a slot
        await page.claim(1)
        raise AssertionError("it was sent")

    asking = asyncio.create_task(paying.Payments(book).pay(JOB, "/e", send))
    await looked.wait()
    claim = await book.claim(JOB, endpoint="/e")
    await book.settle(claim, JobEvent.LOSE, Facts(error="Unsure", money="maybe spent"))
    go_on.set()
    with pytest.raises(errors.Unsure):
        await asking
    assert await state(book) is State.UNSURE


async def test_a_claim_that_is_given_back_since_the_look_stands_in_no_way(book: Ledger) -> None:
    """What the look saw as claimed may be open by the time that there is a slot."""
    earlier = await book.claim(JOB, endpoint="/e")
    working = Sending()
    working.gate.set()

    async def send(page: paying.Page) -> paying.Paid:
        await book.settle(earlier, JobEvent.GIVE_BACK, Facts())
        return await working(page)

    assert (await paying.Payments(book).pay(JOB, "/e", send))[0].seed == 7


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (errors.NotSent(), JobEvent.GIVE_BACK),
        (errors.Refused(), JobEvent.GIVE_BACK),
        (errors.Refused(final=True), JobEvent.FAIL),
        (errors.InsufficientCredits(), JobEvent.GIVE_BACK),
        (errors.AccountError(), JobEvent.GIVE_BACK),
        (errors.BatchStopped(), JobEvent.GIVE_BACK),
        (errors.NotAnImage(), JobEvent.GIVE_BACK),
        (errors.ServerError(), JobEvent.FAIL),
        (errors.TryOnException(), JobEvent.FAIL),
        (errors.InvalidParam(), JobEvent.FAIL),
        (errors.HarmfulContent(), JobEvent.FAIL),
        (errors.JobError(), JobEvent.FAIL),
        (errors.Unsure(), JobEvent.LOSE),
        (errors.Damaged(), JobEvent.DAMAGE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_end_is_one_event(outcome: errors.ChangeClothesError, event: JobEvent) -> None:
    """What is provably not spent is given back; what may be spent never is."""
    assert outcomes.event_of(outcome) is event
    if event is JobEvent.GIVE_BACK:
        assert outcome.money == "not spent"


@pytest.mark.parametrize(
    ("error", "in_doubt"),
    [
        (errors.Unsure(), True),
        (errors.Damaged(), True),
        (errors.LedgerError(money="maybe spent"), True),
        (errors.LedgerError(), False),
        (errors.TryOnException(), False),
    ],
)
def test_what_is_in_doubt(error: errors.ChangeClothesError, in_doubt: bool) -> None:
    """A call whose end nobody could write down is as unsure as one without an answer."""
    assert outcomes.is_in_doubt(error) is in_doubt


async def test_an_end_is_given_again_as_it_was(book: Ledger) -> None:
    """An error out of the ledger says what it said at the time, with the answer it came from."""
    raw = answers.Raw(500, {}, b'{"code": 20001, "msg": "no face found"}')
    error = answers.decode(raw)
    assert isinstance(error, errors.TryOnException)
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    await page.claim(1)
    await page.settle(error)
    (entry,) = (await book.entries([JOB])).values()
    again = outcomes.outcome_of(entry)
    assert isinstance(again, errors.TryOnException)
    assert str(again) == str(error)
    assert (again.code, again.msg, again.http_status) == (20001, "no face found", 500)
    assert (again.money, again.attempts) == ("maybe spent", 1)
    assert again.raw.envelope == raw.envelope
    assert str(pickle.loads(pickle.dumps(again))) == str(again)  # noqa: S301 - our own


def test_of_a_failure_no_more_than_a_megabyte_is_kept() -> None:
    """A ledger of ten thousand endless pages would fill the disk; a result is kept whole."""
    body = BODY.ljust(2**20 + 1)
    raw = answers.Raw(200, {}, body)
    assert outcomes.facts_of(errors.Damaged("a page", raw=raw)).body == body[:-1]
    assert outcomes.facts_of(answers.decode(raw)).body == body


def test_of_a_result_the_audit_keeps_what_it_cost() -> None:
    """And the answer that holds it."""
    kept = Facts(http_status=202, body=BODY, code=200, money="spent")
    made = answers.decode(answers.Raw(202, {}, BODY))
    assert outcomes.facts_of(made) == kept
    entry = Entry(JOB, "/e", "cell", State.PAID, 1, 0.0, 1.0, kept)
    assert outcomes.outcome_of(entry) == made


def test_an_end_without_an_answer_keeps_its_own_next_step() -> None:
    """There is nothing else to read one from."""
    facts = outcomes.facts_of(errors.NotSent("no connection"))
    again = outcomes.outcome_of(Entry(JOB, "/e", "cell", State.OPEN, 1, 0.0, 1.0, facts))
    assert isinstance(again, errors.NotSent)
    assert (again.next_step, again.final) == (errors.NotSent().next_step, False)


async def test_an_end_tells_what_all_attempts_may_have_cost(book: Ledger) -> None:
    """A refusal that follows a failure of the service is not "not spent"."""
    page = paying.Page(book, flights.Flight(), JOB, "/e", "cell")
    for attempt, end in enumerate([errors.ServerError("failed"), errors.InvalidParam("wrong")], 1):
        await page.claim(attempt)
        await page.settle(end)
    (entry,) = (await book.entries([JOB])).values()
    assert (entry.facts and entry.facts.money, entry.money) == ("not spent", "maybe spent")
    again = outcomes.outcome_of(entry)
    assert isinstance(again, errors.InvalidParam)
    assert (again.money, again.attempts) == ("maybe spent", 2)


@pytest.mark.parametrize("kind", ["NoSuchError", None])
def test_an_end_of_another_version_is_unsure(kind: str | None) -> None:
    """An error's name that this version does not know is the one that never spends twice."""
    facts = Facts(error=kind, message="something new", money="maybe spent")
    entry = Entry(JOB, "/e", "cell", State.UNSURE, 1, 0.0, 1.0, facts)
    assert isinstance(outcomes.outcome_of(entry), errors.Unsure)


@pytest.mark.parametrize("had_failed", [False, True])
async def test_a_job_that_somebody_else_claimed_is_refused(book: Ledger, had_failed: bool) -> None:
    """Two who may both send could both pay: the second is told to wait."""
    claimed = await book.claim(JOB, endpoint="/e")
    if had_failed:
        assert isinstance(claimed, Claim)
        await book.settle(claimed, JobEvent.FAIL, Facts(error="TryOnException"))
        await book.claim(JOB, endpoint="/e")
    with pytest.raises(errors.LedgerBusy, match="claimed"):
        await paying.Payments(book).pay(JOB, "/e", Sending())
