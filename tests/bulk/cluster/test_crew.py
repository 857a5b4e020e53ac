"""A run's attempts and pictures in the hands of agents: what the ledger says when they fail."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from changeclothes_async import (
    AsyncChangeClothes,
    Event,
    Grid,
    LedgerBusy,
    NotSent,
    TryOn,
    Unsure,
    errors,
)
from changeclothes_async.bulk import placing
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster import worker as workers
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.bulk.cluster.crew import Crew
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.run import runner
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import images, multipart
from changeclothes_async.transport import saving, uploads
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.cluster.engines import Engine, Link
from tests.bulk.cluster.processes import until
from tests.bulk.service import GONE, Service, failing, grid, states

pytestmark = pytest.mark.swift

Engines = Callable[..., Engine]
Quick = Callable[..., AsyncChangeClothes]


async def run(
    client: AsyncChangeClothes,
    work: works.Work,
    out: Path,
    cluster: Engine,
    hired: Callable[[], object] = lambda: None,
    **terms: Any,
) -> runner.Run:
    """Run a grid on a cluster in this process, as `making.run` does on dask's."""
    site, caller = placing.site(out), client._caller
    await caller.senders.here()
    await work.examine(caller.reader.examined)
    async with AsyncExitStack() as ends:
        book = await ledger.Ledger.open(site.ledger)
        ends.push_async_callback(book.close)
        crew = await Crew.hired(cluster, client._caller.options, site.place)  # type: ignore[arg-type]
        ends.push_async_callback(crew.close)
        await everyone(crew, cluster)
        hired()
        asked = runner.Terms(masks=False, **terms)
        going = runner.Run(work, site.place, caller, book, asked, crew)
        await going.run()
    return going


async def everyone(crew: Crew, cluster: Engine) -> None:
    roster = crew._roster
    await until(lambda: len(roster._members) + len(roster._refused) == len(cluster.links))


def downloads(link: Link) -> int:
    return sum(isinstance(order, messages.DownloadOrder) for order in link.orders)


async def test_a_run_over_two_workers(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Each cell is paid once, both workers have their share, and a second run sends nothing."""

    async def reply(cell: str) -> None:
        await asyncio.sleep(0.2)

    service.reply = reply
    cluster = engine("one", "two")
    first = await run(quick(max_concurrency=4), grid(5, 8), out, cluster)
    assert first.ended_by is None
    assert await states(out) == {"saved": 40}
    assert len(service.charges) == 40
    assert not services.twice(service.charges)
    assert all(len(link.orders) > 20 for link in cluster.links.values())
    assert service.most == 4
    again = await run(quick(), grid(5, 8), out, engine("three"))
    assert again.ended_by is None
    assert len(service.calls) == 40
    assert len(service.downloads) == 40


async def test_prepared_photographs_travel_as_they_are_sent(
    service: Service, quick: Quick, out: Path, engine: Engines, tmp_path: Path
) -> None:
    """A job knows them by their originals, an agent by the bytes that it gets."""
    wide = tmp_path / "wide.png"
    Image.new("RGB", (400, 100)).save(wide)
    work = Grid({"path": wide, "bytes": wide.read_bytes()}, {"tee": samples.png(200)}, "dresses")
    going = await run(quick(prepare=200), work, out, engine("one"))
    assert (going.ended_by, going.problems) == (None, {})
    assert await states(out) == {"saved": 1}
    again = await quick(prepare=200).run_grid(work, out)
    assert (again.ok, len(service.charges)) == (True, 1)


async def test_each_picture_is_sent_once_to_each_agent(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Many attempts need the same picture at the same time: one of them brings it."""
    cluster = engine("one", "two")
    garments = {f"g{n}": samples.png(200 + n) for n in range(4)}
    models = {f"m{n}": samples.png(300 + n) for n in range(6)}
    await run(quick(max_concurrency=12), Grid(models, garments, "dresses"), out, cluster)
    assert await states(out) == {"saved": 24}
    assert len(set(service.calls)) == 24
    for link in cluster.links.values():
        assert link.asked["keep"] <= 10
        assert link.asked["find"] == 0


async def test_a_worker_that_freezes_while_it_is_brought_pictures_holds_nobody_up(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """What was not ordered yet is made by another, though the first is still in the cluster."""
    cluster = engine("one", "two")
    models = {f"m{n}": samples.png(100 + n) for n in range(12)}
    work = Grid(models, {"g": samples.JPEG}, "dresses")
    client = quick(max_concurrency=6)
    going = await run(client, work, out, cluster, cluster.links["one"].freeze)
    assert going.ended_by is None
    assert await states(out) == {"saved": 12}
    assert len(service.calls) == 12
    assert not cluster.links["one"].orders


async def test_a_picture_that_a_worker_can_reach_is_not_sent(
    service: Service, quick: Quick, out: Path, engine: Engines, tmp_path: Path
) -> None:
    """Shared storage is read where it is needed, and looked at once for each picture."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(samples.png(100 + ord(name)))
    cluster = engine("one")
    work = Grid(tmp_path / "*.png", tmp_path / "a.png", "dresses")
    await run(quick(max_concurrency=8), work, out, cluster)
    assert await states(out) == {"saved": 3}
    link = cluster.links["one"]
    assert (link.asked["find"], link.asked["keep"]) == (3, 0)


async def test_the_same_bytes_are_sent_as_without_a_cluster(
    service: Service, quick: Quick, out: Path, engine: Engines, tmp_path: Path
) -> None:
    """Found by its path, sent, or in memory: the request's form is the same."""
    picture = tmp_path / "ü – one.png"
    picture.write_bytes(samples.PNG)
    work = Grid({"m": picture}, {"g": samples.JPEG}, "dresses")
    await quick().run_grid(work, tmp_path / "alone", masks=False)
    await run(quick(), work, out, engine("one"))
    assert len(service.calls) == 2
    assert len(set(service.calls)) == 1


async def test_pictures_are_saved_by_who_sees_the_place(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """A file that the driver put there tells which workers share its folder; it does not stay."""
    cluster = engine("near", "far")
    cluster.links["far"].changes["probe"] = ".of another machine"
    await run(quick(max_concurrency=4), grid(2, 5), out, cluster)
    assert await states(out) == {"saved": 10}
    assert downloads(cluster.links["near"]) == 10
    assert downloads(cluster.links["far"]) == 0
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


async def test_of_a_killed_driver_nothing_stays_in_the_folder(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """The file that tells who shares the folder is swept up as what is half written is."""
    out.mkdir()
    place, options = placing.site(out).place, quick()._caller.options
    crew = await Crew.hired(engine("one"), options, place)  # type: ignore[arg-type]
    [left] = out.iterdir()
    os.utime(left, (0, 0))
    saving.sweep(out)
    assert not left.exists()
    await crew.close()


async def test_where_nobody_sees_the_place_the_driver_saves(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """A cluster without shared storage makes the calls all the same."""
    cluster = engine("far")
    cluster.links["far"].changes["probe"] = ".of another machine"
    await run(quick(), grid(2, 2), out, cluster)
    assert await states(out) == {"saved": 4}
    assert len(service.downloads) == 4
    assert downloads(cluster.links["far"]) == 0


@pytest.mark.parametrize(
    "failure",
    [errors.DownloadFailed("no way there", url="https://r.example"), errors.SaveFailed("full")],
    ids=["network", "disk"],
)
async def test_what_a_worker_cannot_save_the_driver_saves(
    service: Service,
    quick: Quick,
    out: Path,
    engine: Engines,
    monkeypatch: pytest.MonkeyPatch,
    failure: errors.ChangeClothesError,
) -> None:
    """It may be the only one that cannot; failing is quick, so it would be asked for each."""

    async def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(Agent, "_saved", fail)
    cluster = engine("one")
    going = await run(quick(), grid(2, 2), out, cluster)
    assert going.ended_by is None
    assert await states(out) == {"saved": 4}
    assert downloads(cluster.links["one"]) == 4


async def test_a_picture_that_is_gone_is_asked_for_once(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Nobody can fetch it, so the driver does not try."""
    service.picture = lambda _: GONE
    await run(quick(), grid(1, 1), out, engine("one"))
    assert await states(out) == {"paid": 1}
    assert len(service.downloads) == 1


async def test_a_worker_killed_in_a_run(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """What it had in its hands is named unsure and not sent again; the others go on."""
    cluster = engine("one", "two")
    killed = asyncio.Event()

    async def reply(cell: str) -> None:
        if len(service.calls) == 10:
            ending.append(asyncio.create_task(cluster.kill("one")))
            killed.set()
        await asyncio.sleep(0.5)

    ending: list[asyncio.Task[None]] = []
    service.reply = reply
    going = await run(quick(max_concurrency=4), grid(5, 8), out, cluster)
    await asyncio.gather(*ending)
    counts = await states(out)
    assert killed.is_set()
    assert going.ended_by is None
    assert 1 <= counts["unsure"] <= 4
    assert counts["saved"] == 40 - counts["unsure"]
    assert not services.twice(service.calls)


async def test_an_order_that_never_left_a_lost_worker_is_sent_by_another(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Nothing was paid for it: it is no unsure cell, and the run's end is complete."""
    cluster = engine("one", "two")
    doing: list[asyncio.Task[None]] = []

    def stuck() -> None:
        # An exchange that hangs keeps all later orders at home.
        cluster.links["one"].lose("take", "request")
        doing.append(asyncio.create_task(dies()))

    async def dies() -> None:
        await until(lambda: not cluster.links["one"]._losses)
        await cluster.kill("one")

    await run(quick(max_concurrency=2), grid(2, 5), out, cluster, stuck)
    await asyncio.gather(*doing)
    counts = await states(out)
    assert counts.get("unsure", 0) <= 1  # the one order that was on its way
    assert counts["saved"] == 10 - counts.get("unsure", 0)
    assert len(service.calls) == counts["saved"]


async def test_what_a_lost_worker_means_is_told_by_whether_the_order_left(
    quick: Quick, out: Path, engine: Engines, service: Service
) -> None:
    """Before: not sent, and free to be sent by another. After: unsure."""
    cluster = engine("one")
    client, place = quick(), placing.site(out).place
    crew = await Crew.hired(cluster, client._caller.options, place)  # type: ignore[arg-type]
    ends: dict[bool, errors.ChangeClothesError] = {}
    for left in (False, True):
        job = TryOn(model=services.G0, garment=services.G0, category="dresses")
        ready = await client._caller.read(job)
        upload = uploads.Upload(multipart.body(ready.texts, ready.pictures))
        await until(crew._roster.least)
        member = crew._roster.least()
        assert member
        cluster.links["one"].lose("take", "request")
        post = crew.carrier(ready, lambda _: None)
        doing = asyncio.create_task(post(service.url + job.endpoint, upload, 60))
        await until(
            lambda left=left, upload=upload, member=member: (
                upload.sent_whole if left else member._outbox
            ),
            pause=0,
        )
        member.lose("the test says so")
        end = await doing
        assert isinstance(end, errors.ChangeClothesError)
        ends[left] = end
    await crew.close()
    assert {left: type(error) for left, error in ends.items()} == {False: NotSent, True: Unsure}
    assert ends[True].money == "maybe spent"
    assert not service.calls


def _freezes(cluster: Engine, worker: str, seconds: float) -> None:
    link = cluster.links[worker]
    link.freeze()
    asyncio.get_running_loop().call_later(seconds, link.wake)


def _whose(cluster: Engine, cell: str) -> str:
    """Tell which worker was given a cell's attempt."""
    [its] = [
        worker
        for worker, link in cluster.links.items()
        if any(_is_for(cell, order) for order in link.orders)
    ]
    return its


def _is_for(cell: str, order: messages.Order) -> bool:
    urls = [f"{services.PICS}{name}.jpg" for name in cell.split("__")]
    return isinstance(order, messages.AttemptOrder) and urls == [
        picture.url for _, picture in order.pictures if isinstance(picture, images.Link)
    ]


async def test_a_worker_cut_off_and_back(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Its call is unsure when its time is over; the answer that comes late makes it paid."""
    cluster = engine("one", "two")
    seen: list[tuple[str, str]] = []

    async def reply(cell: str) -> None:
        if cell == "m0__g0":
            _freezes(cluster, _whose(cluster, cell), 60)
        await asyncio.sleep(8)

    service.reply = reply
    going = await run(
        quick(max_concurrency=2, timeout=10.0),
        grid(3, 5),
        out,
        cluster,
        on_event=lambda event: seen.append((event.kind, event.cell)),
    )
    kinds = [kind for kind, cell in seen if cell == "m0__g0"]
    assert kinds.index("unsure") < kinds.index("paid") < kinds.index("saved")
    assert await states(out) == {"saved": 15}
    assert going._tally.snapshot().unsure == 0
    assert (out / "m0__g0.png").exists()
    assert not services.twice(service.calls)


async def test_a_worker_frozen_before_it_read_its_order(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """Woken late it says that the order was stale: the cell is open, for the next run to send."""
    cluster = engine("one", "two")

    async def reply(cell: str) -> None:
        await asyncio.sleep(8)

    service.reply = reply
    client = quick(max_concurrency=2, timeout=10.0)
    going = await run(client, grid(3, 5), out, cluster, lambda: _freezes(cluster, "one", 60))
    assert going.ended_by is None
    assert await states(out) == {"saved": 14, "open": 1}
    await run(client, grid(3, 5), out, engine("three"))
    assert await states(out) == {"saved": 15}
    assert not services.twice(service.calls)


async def test_a_failure_is_not_forgotten_for_a_retry_that_was_not_begun(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """The first attempt may have been paid: its cell is failed again, and not sent unasked."""
    cluster = engine("one", "two")

    async def reply(cell: str) -> bytes | None:
        await asyncio.sleep(1)
        return services.FAILED if cell == "m0__g0" else None

    def listen(event: Event) -> None:
        if (event.kind, event.attempt) == ("claimed", 2):
            for worker in cluster.links:
                _freezes(cluster, worker, 60)

    service.reply = reply
    client = quick(max_concurrency=1, timeout=10.0)
    await run(client, grid(1, 3), out, cluster, on_event=listen)
    assert service.calls.count("m0__g0") == 1
    assert await states(out) == {"failed": 1, "saved": 2}


async def test_a_scheduler_killed_in_a_run(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """The run stops and says so; what was on its way is unsure, the rest is for the next run."""
    cluster = engine("one", "two")

    async def reply(cell: str) -> None:
        cluster.is_gone = len(service.calls) >= 10
        await asyncio.sleep(0.5)

    service.reply = reply
    going = await run(quick(max_concurrency=4), grid(5, 8), out, cluster)
    assert isinstance(going.ended_by, NotSent)
    assert "The scheduler is gone" in going.ended_by.message
    counts = await states(out)
    assert counts["unsure"] <= 4
    assert counts["saved"] + counts["unsure"] == len(service.calls)
    service.reply = failing({})
    await run(quick(max_concurrency=4), grid(5, 8), out, engine("three"))
    assert await states(out) == {"saved": 40 - counts["unsure"], "unsure": counts["unsure"]}
    assert not services.twice(service.calls)


async def test_a_second_driver_is_refused(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """The same grid on another cluster at the same time could pay twice: nothing is sent for it."""
    gate, arrived = asyncio.Event(), asyncio.Event()

    async def reply(cell: str) -> None:
        arrived.set()
        await gate.wait()

    service.reply = reply
    first = asyncio.create_task(run(quick(), grid(1, 1), out, engine("one")))
    await arrived.wait()
    second = engine("two")
    with pytest.raises(LedgerBusy):
        await run(quick(), grid(1, 1), out, second)
    assert not second.links["two"].agents
    gate.set()
    await first
    assert service.calls == ["m0__g0"]


async def test_workers_come_and_go(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """While there is none, cells wait; nothing fails for it."""
    cluster = engine("one")

    async def reply(cell: str) -> None:
        if len(service.calls) == 5:
            _freezes(cluster, "one", 100)
            asyncio.get_running_loop().call_later(20, cluster.links.__setitem__, "two", Link())
        await asyncio.sleep(0.5)

    service.reply = reply
    client = quick(max_concurrency=1, timeout=10.0, connect_timeout=5.0)
    going = await run(client, grid(2, 5), out, cluster)
    assert going.ended_by is None
    assert await states(out) == {"saved": 10}
    assert len(cluster.links["two"].orders) > 5
    assert not services.twice(service.calls)


async def test_a_workers_429_slows_all(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """One refusal is heard by the driver: nobody sends until the pause is over."""
    cluster = engine("one", "two")
    at: list[float] = []

    async def reply(cell: str) -> bytes | None:
        at.append(asyncio.get_running_loop().time())
        if len(at) == 8:
            return peers.envelope(0, status=429, Retry_After="30")
        await asyncio.sleep(0.2)
        return None

    service.reply = reply
    client = quick(max_concurrency=4)
    limits: list[int] = []

    def listen(event: Any) -> None:
        if event.kind == "claimed":
            limits.append(client.stats.limit)

    await run(client, grid(4, 5), out, cluster, on_event=listen)
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert max(pauses) > 28
    assert sum(pause > 5 for pause in pauses) == 1
    assert set(limits[:8]) == {4}
    assert min(limits) < 4
    assert await states(out) == {"saved": 20}


@pytest.mark.parametrize("private", [True, False])
async def test_secrets_travel_only_where_nobody_else_can_read(
    service: Service,
    quick: Quick,
    out: Path,
    engine: Engines,
    monkeypatch: pytest.MonkeyPatch,
    private: bool,
) -> None:
    """Elsewhere they are not in what is sent at all, and a worker takes its own key."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", peers.KEY)
    cluster = engine("one", private=private)
    await run(quick(), grid(1, 1), out, cluster)
    [terms] = cluster.links["one"].terms
    assert (terms.secrets is not None) is private
    assert await states(out) == {"saved": 1}


@pytest.mark.parametrize("options", [{"headers": {"X-Team": "1"}}, {"proxy": "http://a:b@c:9"}])
async def test_headers_that_cannot_travel_are_refused(
    service: Service,
    quick: Quick,
    out: Path,
    engine: Engines,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    """They may be secrets; a call without them would be another call than was asked for."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", peers.KEY)
    with pytest.raises(errors.InvalidInput, match="headers= and proxy= may hold secrets"):
        await run(quick(**options), grid(1, 1), out, engine("one", private=False))
    assert not service.calls


@pytest.mark.parametrize("private", [True, False], ids=["tls", "tcp"])
async def test_a_refused_key_is_told_by_its_worker(
    service: Service,
    quick: Quick,
    out: Path,
    engine: Engines,
    monkeypatch: pytest.MonkeyPatch,
    private: bool,
) -> None:
    """One machine of many may have an old one, unless all have the driver's."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", peers.KEY)
    service.reply = failing({}, peers.envelope(30001))
    going = await run(quick(), grid(1, 1), out, engine("one", private=private))
    assert isinstance(going.ended_by, errors.InvalidApiKey)
    assert ("The worker one sent it with" in str(going.ended_by)) is not private


async def test_a_worker_without_room_for_pictures_costs_nothing(
    service: Service, quick: Quick, out: Path, engine: Engines
) -> None:
    """A picture that cannot be kept there is said, and nothing was sent."""
    cluster = engine("full")

    def fill() -> None:
        for name in cluster.links["full"].agents:
            workers._agents[name]._folder.cleanup()

    work = Grid({"m": samples.PNG}, {"g": samples.JPEG}, "dresses")
    going = await run(quick(), work, out, cluster, fill)
    assert isinstance(going.ended_by, NotSent)
    assert "cannot keep a picture" in going.ended_by.message
    assert await states(out) == {"open": 1}
    assert not service.calls
