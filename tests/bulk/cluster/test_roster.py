"""The workers of a run as they come, stay silent, and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster import worker as workers
from changeclothes_async.bulk.cluster.member import Lost
from changeclothes_async.bulk.cluster.roster import Roster
from changeclothes_async.bulk.cluster.worker import meet_agent
from changeclothes_async.errors import ClusterFailed, MissingKey, NotSent
from tests import peers
from tests.bulk.cluster.conftest import Order
from tests.bulk.cluster.engines import Engine, Link
from tests.bulk.cluster.processes import until
from tests.bulk.service import Service

pytestmark = pytest.mark.swift

Made = Callable[[Engine], Roster]


@pytest.fixture
async def roster(terms: messages.Terms) -> AsyncIterator[Made]:
    made: list[Roster] = []

    def make(engine: Engine) -> Roster:
        made.append(Roster(engine, with_key(engine, terms)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def with_key(
    engine: Engine, terms: messages.Terms
) -> Callable[[str, str], Awaitable[messages.Terms]]:
    """Hire with the key, as the crew does where it may travel."""
    secrets = messages.Secrets(api_key=peers.KEY, headers={}, proxy=None)

    async def give(worker: str, name: str) -> messages.Terms:
        return replace(terms, secrets=secrets.sealed(await engine.run(worker, meet_agent, name)))

    return give


async def there(roster: Roster, count: int) -> None:
    """Wait for so many workers."""
    await until(lambda: len(roster._members) == count, 600, 1)


async def test_workers_join_and_go(engine: Callable[..., Engine], roster: Made) -> None:
    """Those that come during a run are hired, those that go are lost."""
    cluster = engine("one")
    ours = roster(cluster)
    await ours.open()
    assert list(ours._members) == ["one"]
    first = ours._members["one"]
    cluster.links["two"] = Link()
    await there(ours, 2)
    await cluster.kill("one")
    await there(ours, 1)
    assert list(ours._members) == ["two"]
    assert first.gone == "it left the cluster"


async def test_the_least_loaded_gets_the_next(
    engine: Callable[..., Engine], roster: Made, order: Order, service: Service
) -> None:
    """Slots are wherever there is work: nobody has a share of them."""
    gate = asyncio.Event()

    async def reply(cell: str) -> None:
        await gate.wait()

    service.reply = reply
    ours = roster(engine("one", "two", "three"))
    await ours.open()
    await there(ours, 3)
    doing = []
    for _ in range(9):
        member = ours.least()
        assert member
        doing.append(asyncio.create_task(member.done(order, 60)))
        await asyncio.sleep(0)
    assert [member.load for member in ours._members.values()] == [3, 3, 3]
    gate.set()
    await asyncio.gather(*doing)
    fitting = ours.least(lambda member: member.worker == "two")
    assert fitting
    assert fitting.worker == "two"


async def test_a_silent_agent_gets_no_orders(engine: Callable[..., Engine], roster: Made) -> None:
    """It may have lost its way or its processor; until it is heard again, others work."""
    cluster = engine("one", "two")
    ours = roster(cluster)
    await ours.open()
    await there(ours, 2)
    cluster.links["one"].freeze()
    await asyncio.sleep(10)
    assert (await ours.any(1)).worker == "two"
    cluster.links["two"].freeze()
    await asyncio.sleep(10)
    with pytest.raises(NotSent, match="No worker of the cluster is there"):
        await ours.any(20)
    cluster.links["one"].wake()
    assert (await ours.any(20)).worker == "one"


async def test_no_worker_at_all_is_said(engine: Callable[..., Engine], roster: Made) -> None:
    """A cluster that is still starting is waited for, a minute."""
    with pytest.raises(ClusterFailed, match="No worker was there for 60 seconds"):
        await roster(engine()).open()


async def test_a_worker_that_comes_late_is_waited_for(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """The first one to come begins the run."""
    cluster = engine()
    ours = roster(cluster)
    opening = asyncio.create_task(ours.open())
    await asyncio.sleep(30)
    cluster.links["one"] = Link()
    await opening
    assert ours.least()


async def test_a_scheduler_that_dies_first_is_said(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """Before anybody was hired there is nothing to lose: an error of ours, and no other."""
    cluster = engine()
    cluster.is_gone = True
    with pytest.raises(ClusterFailed, match="OSError"):
        await roster(cluster).open()


async def test_a_scheduler_that_is_gone_ends_it(
    engine: Callable[..., Engine], roster: Made, order: Order
) -> None:
    """All agents are lost, and further attempts are final: no other cell can succeed."""
    cluster = engine("one", "two")
    ours = roster(cluster)
    await ours.open()
    await there(ours, 2)
    cluster.links["one"].freeze()
    doing = asyncio.create_task(ours._members["one"].done(order, 600))
    cluster.is_gone = True
    with pytest.raises(Lost, match="The scheduler is gone"):
        await doing
    with pytest.raises(NotSent, match="The scheduler is gone") as caught:
        await ours.any(20)
    assert caught.value.final


async def test_a_scheduler_that_comes_back_loses_nobody(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """Some seconds without it are no reason to give up what is under way."""
    cluster = engine("one")
    ours = roster(cluster)
    await ours.open()
    first = ours.least()
    cluster.is_gone = True
    await asyncio.sleep(15)
    cluster.is_gone = False
    assert await ours.any(20) is first


async def test_a_worker_that_began_anew_is_hired_again(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """Its process has the same address and no agent: the old one is lost, a new one is made."""
    cluster = engine("one")
    ours = roster(cluster)
    await ours.open()
    first = ours.least()
    [old] = cluster.begin_anew("one")
    await until(lambda: ours.least() not in {first, None}, 600, 1)
    assert first
    assert first.gone == "its process restarted"
    await old.close()


async def test_a_worker_without_a_key_is_left_alone(
    engine: Callable[..., Engine], roster: Made, caplog: pytest.LogCaptureFixture
) -> None:
    """The others work; it is said which one cannot, and why."""
    cluster = engine("good", "keyless")
    cluster.links["keyless"].changes["secrets"] = None
    ours = roster(cluster)
    await ours.open()
    await there(ours, 1)
    assert "The worker keyless cannot be used: This worker has no CHANGECLOTHES_API_KEY." in (
        caplog.text
    )
    assert cluster.links["keyless"].agents == cluster.links["keyless"].agents[:1]


async def test_no_worker_with_a_key_is_an_error(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """Said before anything is claimed, with what to do."""
    cluster = engine("keyless")
    cluster.links["keyless"].changes["secrets"] = None
    with pytest.raises(MissingKey, match=r"keyless cannot be used.*Set CHANGECLOTHES_API_KEY"):
        await roster(cluster).open()


async def test_another_version_is_an_error(engine: Callable[..., Engine], roster: Made) -> None:
    """Both versions are named."""
    cluster = engine("old")
    cluster.links["old"].changes["version"] = "0.0.1"
    with pytest.raises(ClusterFailed, match=r"old cannot be used.*0\.0\.1.*Install the same"):
        await roster(cluster).open()


async def test_a_worker_that_was_mended_is_asked_again(
    engine: Callable[..., Engine], roster: Made
) -> None:
    """Refused, stopped, and started with a key at the same address: it may work."""
    cluster = engine("good", "other")
    cluster.links["other"].changes["secrets"] = None
    ours = roster(cluster)
    await ours.open()
    await there(ours, 1)
    await asyncio.sleep(5)
    assert len(cluster.links["other"].agents) == 1
    await cluster.kill("other")
    await asyncio.sleep(5)
    cluster.links["other"] = Link()
    await there(ours, 2)


@pytest.mark.parametrize(
    ("what", "side", "hirings"),
    [
        ("meet_agent", "answer", 1),
        ("hire_agent", "request", 1),
        ("hire_agent", "answer", 2),
    ],
)
async def test_a_lost_hiring_is_done_again(
    engine: Callable[..., Engine], roster: Made, what: str, side: str, hirings: int
) -> None:
    """By a new name: what one agent was told is never taken for another's."""
    cluster = engine("one")
    cluster.links["one"].lose(what, side)
    ours = roster(cluster)
    await ours.open()
    assert ours.least()
    assert len(set(cluster.links["one"].agents)) == hirings


async def test_a_frozen_worker_holds_nobody_up(engine: Callable[..., Engine], roster: Made) -> None:
    """A worker that does not answer when it is hired is asked again later."""
    cluster = engine("frozen", "good")
    cluster.links["frozen"].freeze()
    ours = roster(cluster)
    async with asyncio.timeout(5):
        await ours.open()
    assert list(ours._members) == ["good"]
    await asyncio.sleep(20)
    cluster.links["frozen"].wake()
    await there(ours, 2)


async def test_closed_nothing_goes_on(engine: Callable[..., Engine], terms: messages.Terms) -> None:
    """Agents end as far as they answer; nobody goes on calling those that do not."""
    before = asyncio.all_tasks()
    cluster = engine("good", "frozen")
    ours = Roster(cluster, with_key(cluster, terms))
    await ours.open()
    await there(ours, 2)
    cluster.links["frozen"].freeze()
    await ours.close()
    assert not set(cluster.links["good"].agents) & set(workers._agents)
    cluster.links["frozen"].wake()
    await asyncio.sleep(1)  # what was on its way arrives
    asked = cluster.links["frozen"].asked.copy()
    await asyncio.sleep(5)
    assert cluster.links["frozen"].asked == asked
    await cluster.end()
    await asyncio.sleep(1)
    assert asyncio.all_tasks() - before == set()
