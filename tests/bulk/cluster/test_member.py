"""The driver's side of an agent: said again what may be lost, and nothing ordered twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.cluster import member as members
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster import worker as workers
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.bulk.cluster.member import Lost, Member
from changeclothes_async.protocol import answers
from tests.bulk.cluster.conftest import Order, hire
from tests.bulk.cluster.engines import Engine, Link
from tests.bulk.cluster.processes import until
from tests.bulk.service import Service

pytestmark = pytest.mark.swift

Hired = tuple[Member, Link, Engine]


@pytest.fixture
async def member(
    engine: Callable[..., Engine], terms: messages.Terms
) -> AsyncIterator[tuple[Member, Link, Engine]]:
    cluster = engine("one")
    cluster.links["one"].agents.append("member")
    hired = await hire("member", terms)
    assert isinstance(hired, messages.Hired)
    one = Member(cluster, "one", "member", hired)
    yield one, cluster.links["one"], cluster
    one.lose("the test is over")
    await asyncio.wait({one._giving, one._listening})


async def test_many_orders_travel_together(member: Hired, order: Order, service: Service) -> None:
    """What gathers in a moment is one exchange there, and few back."""
    one, link, _ = member
    outcomes = await asyncio.gather(*(one.done(order, 60) for _ in range(20)))
    assert all(isinstance(outcome, answers.Made) for outcome in outcomes)
    assert len(service.calls) == 20
    await asyncio.sleep(10)
    assert link.asked["take"] == 1
    assert link.asked["hear"] < 20


async def test_what_was_handed_over_does_not_go_again(
    member: Hired, order: Order, service: Service
) -> None:
    """An exchange carries what is new, and not all that is still under way."""
    one, link, _ = member
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def reply(cell: str) -> None:
        arrived.set()
        await gate.wait()

    service.reply = reply
    first = asyncio.create_task(one.done(order, 60))
    await arrived.wait()
    second = asyncio.create_task(one.done(order, 60))
    await until(lambda: len(service.calls) == 2)
    gate.set()
    await asyncio.gather(first, second)
    assert [each.number for each in link.orders] == [1, 2]


@pytest.mark.parametrize("side", ["request", "answer"])
async def test_nothing_is_ordered_twice_when_an_exchange_is_lost(
    member: Hired, order: Order, service: Service, side: str
) -> None:
    """Lost before it was obeyed or after: the order comes again, and is one request."""
    one, link, _ = member
    link.lose("take", side)
    outcomes = await asyncio.gather(*(one.done(order, 60) for _ in range(5)))
    assert all(isinstance(outcome, answers.Made) for outcome in outcomes)
    await asyncio.sleep(2)  # until it was said again
    assert sorted(service.calls) == [f"m{n}__g0" for n in range(1, 6)]
    assert len(link.orders) == (10 if side == "answer" else 5)


async def test_reports_survive_what_is_lost_on_their_way(
    member: Hired, order: Order, service: Service
) -> None:
    """An agent keeps its reports until they were heard."""
    one, link, _ = member
    for _ in range(5):
        link.lose("hear", "answer")
    assert isinstance(await one.done(order, 60), answers.Made)
    assert len(service.calls) == 1


async def test_lost_before_it_left(member: Hired, order: Order, service: Service) -> None:
    """An order that waits here when its agent is lost did not leave, and is not made."""
    one, _, _ = member
    left: list[bool] = []
    doing = asyncio.create_task(one.done(order, 60, lambda: left.append(True)))
    await asyncio.sleep(0)
    one.lose("gone")
    with pytest.raises(Lost, match="gone"):
        await doing
    await asyncio.sleep(60)
    assert not left
    assert not service.calls


async def test_lost_after_it_left(member: Hired, order: Order) -> None:
    """Once it goes out, only its agent knows whether it was sent."""
    one, link, _ = member
    link.freeze()
    left = asyncio.Event()
    doing = asyncio.create_task(one.done(order, 60, left.set))
    await left.wait()
    one.lose("gone")
    with pytest.raises(Lost, match="gone"):
        await doing


async def test_one_that_is_gone_takes_no_order(member: Hired, order: Order) -> None:
    """It was lost between being chosen and being told: nobody waits for it in vain."""
    one, _, _ = member
    one.lose("gone")
    async with asyncio.timeout(1):
        with pytest.raises(Lost, match="gone"):
            await one.done(order, 60)


async def test_silence_shows(member: Hired) -> None:
    """Who gave no sign of life for some seconds counts as silent until the next one."""
    one, link, _ = member
    assert one.is_heard()
    link.freeze()
    await asyncio.sleep(10)
    assert not one.is_heard()
    assert one.gone is None
    link.wake()
    await asyncio.sleep(2)
    assert one.is_heard()


async def test_a_late_report_is_told(member: Hired, order: Order, service: Service) -> None:
    """Cut off with an order in its hands and back after the limit: the end is still heard of."""
    one, link, _ = member
    arrived, late = asyncio.Event(), asyncio.Queue[messages.Ending]()

    async def reply(cell: str) -> None:
        arrived.set()

    service.reply = reply
    doing = asyncio.create_task(one.done(order, 10, late=late.put_nowait))
    await arrived.wait()
    link.freeze()
    with pytest.raises(Lost, match="did not report in time"):
        await doing
    assert one.load == 0
    link.wake()
    assert isinstance(await late.get(), answers.Made)
    assert service.calls == ["m1__g0"]


async def test_a_report_after_whoever_waited_was_cancelled_is_told(
    member: Hired, order: Order, service: Service
) -> None:
    """A second Ctrl-C: what the worker has sent may be paid, and its answer still comes."""
    one, _, _ = member
    arrived, go_on = asyncio.Event(), asyncio.Event()
    late = asyncio.Queue[messages.Ending]()

    async def reply(cell: str) -> None:
        arrived.set()
        await go_on.wait()

    service.reply = reply
    doing = asyncio.create_task(one.done(order, 10, late=late.put_nowait))
    await arrived.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    go_on.set()
    assert isinstance(await late.get(), answers.Made)
    assert (one.load, service.calls) == (0, ["m1__g0"])


async def test_a_report_in_the_same_turn_as_the_cancellation_is_told(
    member: Hired, order: Order, service: Service
) -> None:
    """It was on its way to whoever waited, and would be lost with him."""
    one, _, _ = member
    late: list[messages.Ending] = []
    doing = asyncio.create_task(one.done(order, 10, late=late.append))
    while not one._waiting:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0)
    ((number, _),) = one._waiting.items()
    one._tell(messages.Report(number, errors.Unsure("It was sent.")))
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert [type(outcome) for outcome in late] == [errors.Unsure]


async def test_an_order_that_arrives_after_its_limit_is_not_begun(
    member: Hired, order: Order, service: Service
) -> None:
    """Frozen before it was read, woken late: by then the order is stale, and this is said."""
    one, link, _ = member
    late = asyncio.Queue[messages.Ending]()
    link.freeze()
    doing = asyncio.create_task(one.done(order, members.FRESH + 5, late=late.put_nowait))
    with pytest.raises(Lost):
        await doing
    link.wake()
    assert isinstance(await late.get(), errors.NotSent)
    assert not service.calls


async def test_an_order_that_never_left_is_forgotten(
    member: Hired, order: Order, service: Service
) -> None:
    """It waits behind an exchange that hangs; given up, it is never handed over."""
    one, link, _ = member
    link.freeze()
    first_left, second_left = asyncio.Event(), asyncio.Event()
    late: list[messages.Ending] = []
    first = asyncio.create_task(one.done(order, 20, first_left.set, late.append))
    await first_left.wait()
    with pytest.raises(Lost):
        await one.done(order, 5, second_left.set, late.append)
    link.wake()
    assert isinstance(await first, answers.Made)
    await asyncio.sleep(5)
    assert not second_left.is_set()
    assert not late
    assert service.calls == ["m1__g0"]


async def test_a_process_that_began_anew_is_lost(member: Hired, order: Order) -> None:
    """It knows nothing of what was ordered, and so nobody does."""
    one, _, cluster = member
    [old] = cluster.begin_anew("one")
    with pytest.raises(Lost, match="process restarted"):
        await one.done(order, 60)
    await old.close()


async def test_one_that_left_is_heard_while_it_answers(
    member: Hired, order: Order, service: Service
) -> None:
    """What a retired worker has in its hands is in flight until it has ended."""
    one, _, cluster = member
    gate = asyncio.Event()

    async def reply(cell: str) -> None:
        await gate.wait()

    service.reply = reply
    ordered = asyncio.create_task(one.done(order, 60))
    await until(lambda: service.calls)
    for _ in range(20):
        one.note_listed(False)
        assert not one.is_heard()
        await asyncio.sleep(1)
    gate.set()
    assert isinstance(await ordered, answers.Made)
    assert one.gone is None
    cluster.links["one"].die()
    await until(lambda: one.gone)
    assert one.gone == "it left the cluster"


async def test_one_that_left_and_does_not_answer_is_lost(member: Hired, order: Order) -> None:
    """Nothing says that it is gone where packets just do not come back."""
    one, link, _ = member
    link.freeze()
    ordered = asyncio.create_task(one.done(order, 60))
    for _ in range(8):
        await asyncio.sleep(1)
        one.note_listed(False)
    with pytest.raises(Lost, match="left the cluster"):
        await ordered
    link.wake()


async def test_what_the_scheduler_breaks_off_is_asked_again(member: Hired) -> None:
    """It ends its own connections to a worker that it strikes off, and the worker lives on."""
    one, link, _ = member
    link.lose("hear", "answer")
    await asyncio.sleep(0.5)
    one.note_listed(False)
    await asyncio.sleep(3)
    assert one.gone is None


async def test_one_that_is_leaving_gets_no_orders(member: Hired) -> None:
    """It says so before the cluster does, and that it left when it has no agent any more."""
    one, _, _ = member
    [agent] = workers._agents.values()
    leaving = asyncio.create_task(agent.leave())
    await until(lambda: one.gone)
    await leaving
    assert one.gone == "it left the cluster"


async def test_an_order_that_meets_one_that_is_leaving_was_not_sent(
    member: Hired, order: Order, service: Service
) -> None:
    """What it did not begin is known, and is no call that may have been paid."""
    one, _, _ = member
    await asyncio.sleep(0.5)
    [agent] = workers._agents.values()
    leaving = asyncio.create_task(agent.leave())
    assert isinstance(await one.done(order, 60), errors.NotSent)
    with pytest.raises(Lost, match="left the cluster"):
        await one.done(order, 60)
    await leaving
    assert not service.calls


async def test_a_picture_is_brought_once(member: Hired) -> None:
    """However many attempts need it at the same time."""
    one, _, _ = member
    brought = []

    async def provide(to: Member) -> None:
        brought.append(to)
        await asyncio.sleep(1)

    await asyncio.gather(*(one.has(b"digest", provide) for _ in range(50)))
    await one.has(b"digest", provide)
    assert brought == [one]


async def test_a_picture_that_could_not_be_brought_is_brought_again(member: Hired) -> None:
    """All who waited are told what went wrong, and the next one tries."""
    one, _, _ = member

    async def fail(_: Member) -> None:
        raise errors.NotAnImage("it is gone")

    failed = await asyncio.gather(
        *(one.has(b"digest", fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in failed] == [errors.NotAnImage] * 3
    await one.has(b"digest", partial(asyncio.sleep, 0))  # type: ignore[arg-type]


async def test_of_all_who_bring_a_picture_again_one_does(member: Hired) -> None:
    """However many were told at once that it could not be brought."""
    one, _, _ = member
    tries = 0

    async def provide(_: Member) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise errors.NotSent("no room")

    async def stubborn() -> None:
        with contextlib.suppress(errors.NotSent):
            await one.has(b"digest", provide)
        await one.has(b"digest", provide)

    await asyncio.gather(*(stubborn() for _ in range(5)))
    assert tries == 2


async def test_a_silent_agent_is_brought_no_picture(member: Hired) -> None:
    """Whoever brings it one need not wait until it wakes; then it is brought again."""
    one, link, _ = member

    async def provide(to: Member) -> None:
        await to.ask(Agent.keep, b"digest", b"data")

    link.freeze()
    with pytest.raises(Lost, match="did not answer"):
        await asyncio.wait_for(one.has(b"digest", provide), 60)
    link.wake()
    await one.has(b"digest", provide)
    assert one.gone is None


async def test_a_picture_that_takes_long_is_waited_for(member: Hired) -> None:
    """As long as its agent is heard."""
    one, _, _ = member
    brought: list[bool] = []

    async def provide(_: Member) -> None:
        await asyncio.sleep(120)
        brought.append(True)

    await one.has(b"digest", provide)
    assert brought
    assert one.gone is None


async def test_dismissed_it_ends(member: Hired) -> None:
    """The agent is gone from its worker, and nothing of its driver's side goes on."""
    one, _, _ = member
    await one.dismiss()
    assert one.gone
    await asyncio.wait_for(asyncio.wait({one._giving, one._listening}), 5)


async def test_an_agent_that_fails_is_lost_in_words(member: Hired) -> None:
    """An answer that makes no sense is no reason to wait for the next one."""
    one, _, _ = member
    with pytest.raises(AttributeError):
        await one.ask(Agent.take, ["no order"])
    one._outbox[1] = "no order", lambda: None  # type: ignore[assignment]
    one._orders.set()
    await asyncio.wait({one._giving})
    assert one.gone == "its agent failed (AttributeError)"
