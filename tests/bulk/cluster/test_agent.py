"""An agent: what a worker's process does for a run, and what it does not do."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster import worker as workers
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.bulk.cluster.worker import ask_agent, hire_agent
from changeclothes_async.protocol import answers
from changeclothes_async.transport import places
from tests import peers, samples
from tests.bulk.cluster.conftest import Order, hire
from tests.bulk.cluster.processes import until
from tests.bulk.service import GONE, Service

DIGEST = hashlib.sha256(samples.PNG).digest()


@pytest.fixture
async def agent(terms: messages.Terms) -> AsyncIterator[Agent]:
    assert isinstance(await hire("one", terms), messages.Hired)
    one = workers._agents["one"]
    yield one
    if "one" in workers._agents:
        await one.close()


async def reported(agent: Agent, heard: int = 0) -> list[messages.Ending]:
    """Hear until something is reported."""
    while not (told := await agent.hear(heard)).reports:
        pass
    return [report.outcome for report in told.reports]


async def test_an_order_that_comes_twice_is_one_request(
    agent: Agent, order: Order, service: Service
) -> None:
    """The driver says again what may be lost; the agent obeys each number once."""
    await agent.take([order(1), order(2)])
    await agent.take([order(1), order(2), order(3)])
    await agent.take([order(2)])
    heard = 0
    outcomes: list[Any] = []
    while len(outcomes) < 3:
        told = await agent.hear(heard)
        heard, outcomes = told.serial, [*outcomes, *told.reports]
    assert sorted(service.calls) == ["m1__g0", "m2__g0", "m3__g0"]
    assert sorted(report.number for report in outcomes) == [1, 2, 3]


async def test_an_order_that_comes_too_late_is_not_begun(
    agent: Agent, order: Order, service: Service
) -> None:
    """Its driver has given it up, and its slot is another's by now."""
    await agent.take([order(1, begin_by=asyncio.get_running_loop().time() - 0.001)])
    [outcome] = await reported(agent)
    assert isinstance(outcome, errors.NotSent)
    assert not service.calls


async def test_a_picture_that_changed_is_not_sent(
    agent: Agent, order: Order, service: Service, tmp_path: Path
) -> None:
    """What was claimed is a content, so another content at its path is another job."""
    picture = tmp_path / "one.png"
    picture.write_bytes(samples.PNG)
    assert await agent.find(DIGEST, str(picture))
    picture.write_bytes(samples.png(500))
    await agent.take([order(1, model=DIGEST)])
    [outcome] = await reported(agent)
    assert isinstance(outcome, errors.NotAnImage)
    assert "changed after the run had begun" in outcome.message
    assert not service.calls


async def test_a_picture_is_found_by_what_it_holds(agent: Agent, tmp_path: Path) -> None:
    """A path counts where the same bytes are there; a missing file and a folder are no picture."""
    picture = tmp_path / "one.png"
    picture.write_bytes(samples.png(500))
    for path in (picture, tmp_path, tmp_path / "none.png"):
        assert not await agent.find(DIGEST, str(path))
    picture.write_bytes(samples.PNG)
    assert await agent.find(DIGEST, str(picture))


async def test_a_file_that_cannot_be_read_is_no_picture(agent: Agent) -> None:
    """Storage that opens and then fails is as good as none: the picture is sent instead."""
    assert not await agent.find(DIGEST, "/proc/self/mem")


async def test_a_picture_that_was_sent_is_kept_to_the_end(
    agent: Agent, order: Order, service: Service
) -> None:
    """It is used as one found by its path, and gone from the disk with the agent."""
    await agent.keep(DIGEST, samples.PNG)
    kept = Path(agent._pictures[DIGEST])
    assert kept.read_bytes() == samples.PNG
    await agent.take([order(1, model=DIGEST)])
    [outcome] = await reported(agent)
    assert isinstance(outcome, answers.Made)
    await agent.close()
    assert not kept.parent.exists()


async def test_a_disk_without_room_costs_no_more_than_another_try(agent: Agent) -> None:
    """A picture that cannot be kept is an attempt that was not sent, and no defect."""
    agent._folder.cleanup()
    refused = await ask_agent("one", messages.Request(Agent.keep, (DIGEST, samples.PNG)))
    assert isinstance(refused, errors.NotSent)
    assert refused.__context__ is None


@pytest.mark.swift
async def test_reports_are_repeated_until_they_were_heard(agent: Agent, order: Order) -> None:
    """An answer can be lost on its way: what was not acknowledged comes again, the rest never."""
    await agent.take([order(1)])
    first = await reported(agent)
    assert await reported(agent) == first
    serial = (await agent.hear(0)).serial
    assert (await agent.hear(serial)).reports == ()
    assert (await agent.hear(0)).reports == ()


async def test_who_is_no_agent_says_so(agent: Agent) -> None:
    """A worker's process that began anew has no agent, and makes none by itself."""
    answer = await ask_agent("another", messages.Request(Agent.hear, (0,)))
    assert isinstance(answer, messages.NoAgent)


async def test_what_goes_wrong_is_given_back_bare(agent: Agent) -> None:
    """Raised, dask would log the arguments, which hold pictures; so do an error's frames."""
    failure = await ask_agent("one", messages.Request(Agent.take, (["no order"],)))
    assert isinstance(failure, AttributeError)
    assert (failure.__traceback__, failure.__context__, failure.__cause__) == (None, None, None)


async def test_a_defect_in_an_attempt_is_unsure(agent: Agent, order: Order) -> None:
    """Where it is not known what happened, nothing may be sent again by itself."""
    await agent.take([order(1, model=b"a digest that nobody provided")])
    [outcome] = await reported(agent)
    assert isinstance(outcome, errors.Unsure)
    assert outcome.message == "A worker failed at this (KeyError)."


async def test_a_defect_in_an_order_is_a_failed_download(agent: Agent, service: Service) -> None:
    """What it fetches is paid already: nothing is unsure about that."""
    await agent.take([messages.DownloadOrder(1, f"{service.url}/one.png", None)])  # type: ignore[arg-type]
    [outcome] = await reported(agent)
    assert isinstance(outcome, errors.DownloadFailed)
    assert outcome.message == "A worker failed at this (TypeError)."


async def test_without_secrets_the_key_is_the_workers_own(
    terms: messages.Terms, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the key cannot travel, each worker has it from its environment."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", "key-of-the-worker")
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await hire_agent("own", replace(terms, base_url=peer.url))
        agent = workers._agents["own"]
        await agent.take([order(1, url=peer.url)])
        await reported(agent)
        await agent.close()
    assert peer.charges[0].headers["authorization"] == "Bearer key-of-the-worker"


async def test_a_worker_without_a_key_names_the_variable(terms: messages.Terms) -> None:
    """No agent is made, and the next step says what to set and where."""
    refused = await hire_agent("none", terms)
    assert isinstance(refused, errors.MissingKey)
    assert "CHANGECLOTHES_API_KEY" in refused.message
    assert "TLS" in refused.next_step
    assert refused.__traceback__ is None
    assert "none" not in workers._agents


async def test_another_version_is_refused(terms: messages.Terms) -> None:
    """Two versions could mean two things by the same order."""
    refused = await hire_agent("old", replace(terms, version="0.0.1"))
    assert isinstance(refused, errors.ClusterFailed)
    assert "0.0.1" in refused.message
    assert "old" not in workers._agents


async def test_hired_twice_is_one_agent(agent: Agent, terms: messages.Terms) -> None:
    """The driver asks again where the first answer was lost."""
    assert isinstance(await hire_agent("one", terms), messages.Hired)
    assert workers._agents["one"] is agent


@pytest.mark.parametrize(("probe", "saves"), [(".probe", True), (".other", False)])
async def test_who_sees_the_probe_may_save(
    agent: Agent, terms: messages.Terms, probe: str, saves: bool
) -> None:
    """A folder of the same name on another machine is another folder."""
    assert await hire_agent("one", replace(terms, probe=probe)) == messages.Hired(
        pytest.approx(asyncio.get_running_loop().time(), abs=5), saves
    )


async def test_an_order_saves_a_picture(agent: Agent, service: Service, out: Path) -> None:
    """A result is fetched and put in place where it was made; what fails is said."""
    await agent.take([messages.DownloadOrder(1, f"{service.url}/one.png", "m__g")])
    [saved] = await reported(agent)
    assert isinstance(saved, places.Saved)
    assert (out / "m__g.png").stat().st_size == saved.size
    service.picture = lambda _: GONE
    await agent.take([messages.DownloadOrder(2, f"{service.url}/two.png", "m__h")])
    [failed] = await reported(agent, 1)
    assert isinstance(failed, errors.DownloadFailed)


@pytest.mark.swift
async def test_an_agent_that_nobody_hears_ends(
    agent: Agent, order: Order, service: Service
) -> None:
    """Its driver is dead: what is under way arrives, then nothing is left of it."""
    late = asyncio.Event()

    async def reply(cell: str) -> None:
        await asyncio.sleep(400)
        late.set()

    service.reply = reply
    folder = Path(agent._folder.name)
    await agent.take([order(1, timeout=500.0)])
    await asyncio.sleep(350)
    assert "one" in workers._agents
    await late.wait()
    await asyncio.sleep(60)
    assert "one" not in workers._agents
    assert service.charges == ["m1__g0"]
    assert not folder.exists()


@pytest.mark.swift
async def test_an_agent_that_nobody_hears_saves_what_it_fetches(agent: Agent, out: Path) -> None:
    """A picture on its way to its place is put there: the next run need not fetch it."""
    slow = peers.trickling(peers.http(200, samples.PNG, kind="image/png"), 3.0)
    async with peers.serve(slow) as store:
        await agent.take([messages.DownloadOrder(1, f"{store.url}/one.png", "m__g")])
        await asyncio.sleep(350)
        assert not list(out.glob("*.png"))
        await asyncio.sleep(300)
    assert (out / "m__g.png").read_bytes() == samples.PNG
    assert "one" not in workers._agents


@pytest.mark.swift
async def test_an_agent_that_is_heard_stays(agent: Agent) -> None:
    """However long a run takes."""
    for _ in range(4):
        await asyncio.sleep(200)
        await agent.hear(0)
    assert "one" in workers._agents


async def test_an_agent_that_is_closed_stops_what_is_under_way(
    agent: Agent, order: Order, service: Service
) -> None:
    """Nobody waits for it any more; who listens is still told of it."""
    arrived = asyncio.Event()

    async def reply(cell: str) -> None:
        arrived.set()
        await asyncio.Event().wait()

    service.reply = reply
    await agent.take([order(1)])
    await arrived.wait()
    listening = asyncio.create_task(agent.hear(0))
    await asyncio.sleep(0)
    await agent.close()
    [report] = (await listening).reports
    assert isinstance(report.outcome, errors.Unsure)
    assert "one" not in workers._agents


async def test_what_a_closed_agent_had_not_sent_may_be_sent_by_another(
    agent: Agent, order: Order
) -> None:
    """A worker that leaves is no reason for the run to stop."""
    big = samples.png(2**22)
    digest = hashlib.sha256(big).digest()
    await agent.keep(digest, big)
    async with peers.serve(peers.stalling(2**16), buffer=2**14) as peer:
        await agent.take([order(1, model=digest, url=peer.url)])
        await until(lambda: peer.heard)
        listening = asyncio.create_task(agent.hear(0))
        await asyncio.sleep(0)
        await agent.close()
        [report] = (await listening).reports
    assert isinstance(report.outcome, errors.NotSent)
    assert not report.outcome.final


@pytest.mark.swift
async def test_an_agent_that_is_closed_is_heard_out(
    agent: Agent, order: Order, service: Service
) -> None:
    """What ended just then is told to who listens, though the last answer is still on its way."""
    arrived = asyncio.Event()

    async def reply(cell: str) -> None:
        arrived.set()
        await asyncio.Event().wait()

    service.reply = reply
    await agent.take([order(1)])
    await arrived.wait()
    closing = asyncio.create_task(agent.close())
    await asyncio.sleep(1)
    heard = await ask_agent("one", messages.Request(Agent.hear, (0,)))
    assert [type(report.outcome) for report in heard.reports] == [errors.Unsure]
    await agent.hear(heard.serial)
    await closing
    assert "one" not in workers._agents


@pytest.mark.swift
@pytest.mark.parametrize(("seconds", "end"), [(25, answers.Made), (50, errors.Unsure)])
async def test_a_worker_that_ends_lets_what_is_under_way_arrive(
    terms: messages.Terms, order: Order, service: Service, seconds: float, end: type
) -> None:
    """As dask asks its plugins before it ends one; not for ever, and its driver is told."""
    plugins: dict[str, Any] = {}
    worker = SimpleNamespace(plugins=plugins, local_directory=None)
    await hire("one", terms, worker)
    agent = workers._agents["one"]

    async def reply(cell: str) -> None:
        await asyncio.sleep(seconds)

    service.reply = reply
    await agent.take([order(1)])
    heard = await agent.hear(0)
    assert not heard.leaving
    ending = asyncio.create_task(plugins["one"].teardown(worker))
    while not (heard := await agent.hear(heard.serial)).reports:
        assert heard.leaving
    assert [type(report.outcome) for report in heard.reports] == [end]
    await agent.hear(heard.serial)
    await ending
    assert "one" not in workers._agents
    assert not plugins


async def test_an_agent_that_is_leaving_begins_nothing(
    agent: Agent, order: Order, service: Service
) -> None:
    """An order that was on its way as it began to leave comes back, and costs nothing."""
    await agent.take([order(1)])
    assert [type(outcome) for outcome in await reported(agent)] == [answers.Made]
    leaving = asyncio.create_task(agent.leave())
    await asyncio.sleep(0.1)
    await agent.take([order(2), messages.DownloadOrder(3, GONE, "m3__g0")])
    await asyncio.sleep(0.1)
    heard = await agent.hear(1)
    ends = [errors.NotSent, errors.DownloadFailed]
    assert [type(report.outcome) for report in heard.reports] == ends
    await agent.hear(heard.serial)
    await leaving
    assert service.calls == ["m1__g0"]


@pytest.mark.swift
async def test_an_agent_that_is_closed_waits_for_nobody_for_long(
    agent: Agent, order: Order, service: Service
) -> None:
    """Whoever closed it may have gone at once."""
    await agent.take([order(1)])
    await reported(agent)
    await asyncio.wait_for(agent.close(), 5)
    assert "one" not in workers._agents


async def test_the_workers_log_is_not_flooded(agent: Agent, terms: messages.Terms) -> None:
    """Every function that dask runs is logged: our exchanges are left out, and nothing else is."""
    log = logging.getLogger("distributed.worker")

    def passes(*args: object) -> bool:
        record = log.makeRecord(log.name, logging.INFO, "", 0, "Run %r", args, None)
        return bool(log.filter(record))

    assert [passes("ask_agent"), passes("hire_agent"), passes("another"), passes()] == [
        False,
        True,
        True,
        True,
    ]
