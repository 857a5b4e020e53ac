"""Runs on dask itself: a cluster of this machine, and a scheduler with workers as processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
import trustme

from changeclothes_async import AsyncChangeClothes, Grid, InsufficientCredits, InvalidInput
from changeclothes_async.bulk.cluster import engine
from changeclothes_async.errors import ClusterFailed, MissingKey
from changeclothes_async.sandbox import Sandbox
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.cluster.counting import Counting
from tests.bulk.cluster.processes import Processes, ended, processes, until
from tests.bulk.service import BUSY, NO_CREDITS, Service, grid, states

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

THOROUGH = bool(os.environ.get("CHANGECLOTHES_THOROUGH"))

Quick = Callable[..., AsyncChangeClothes]


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path) as ours:
        yield ours


@pytest.fixture
async def address(dask: Processes) -> str:
    """Give the address of a cluster of two workers that have the key."""
    where, _ = await dask.scheduler()
    for _ in range(2):
        dask.worker(where, CHANGECLOTHES_API_KEY=peers.KEY)
    return where


async def slowly(cell: str) -> None:
    await asyncio.sleep(0.05)


async def test_a_cluster_of_this_machine(tmp_path: Path, out: Path) -> None:
    """Drawn pictures out of files, two processes, TLS between them: one call a cell, all saved."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(samples.png(100 + ord(name)))
    work = Grid(tmp_path / "*.png", tmp_path / "[ab].png", "dresses")
    sent = []
    for where in ({"cluster": 2}, {}):
        async with (
            Sandbox(draw=False) as sandbox,
            AsyncChangeClothes(sandbox.api_key, sandbox.url) as client,
        ):
            lookbook = await client.run_grid(work, out / str(len(where)), **where)
        assert lookbook.ok
        assert len(list((out / str(len(where))).glob("*__*"))) == 6
        sent.append({f"{call.fields} {call.pictures}" for call in sandbox.calls})
        assert sandbox.charges == 6
    assert sent[0] == sent[1]


async def test_a_resumed_run_a_budget_and_an_empty_account(
    service: Service, quick: Quick, out: Path, address: str
) -> None:
    """Over a scheduler's address all is as on one machine: exact budget, stop, resume."""
    client = quick(max_concurrency=4)
    service.reply = slowly
    budget = await client.run_grid(grid(4, 6), out, max_calls=7, cluster=address)
    assert "budget of 7 calls" in str(budget.stopped)
    assert len(service.calls) == 7
    left = 15

    async def reply(cell: str) -> bytes | None:
        return None if len(service.charges) < left else NO_CREDITS

    service.reply = reply
    stopped = await client.run_grid(grid(4, 6), out, cluster=address)
    assert isinstance(stopped.stopped, InsufficientCredits)
    assert len(service.charges) == left
    assert len(service.calls) <= left + 4
    service.reply = slowly
    assert (await client.run_grid(grid(4, 6), out, cluster=address)).ok
    assert len(service.charges) == 24
    calls = len(service.calls)
    again = await client.run_grid(grid(4, 6), out, cluster=address)
    assert again.ok
    assert len(service.calls) == calls
    assert not services.twice(service.charges)
    assert service.most <= 4


async def test_a_busy_service_pauses_all_workers(
    service: Service, quick: Quick, out: Path, address: str
) -> None:
    """One 429 halves the limit for the whole cluster, and fails no cell."""
    limits: list[int] = []
    client = quick(max_concurrency=8)
    refusals = [BUSY]

    async def reply(cell: str) -> bytes | None:
        limits.append(client.stats.limit)
        await asyncio.sleep(0.05)
        return refusals.pop() if refusals and len(service.charges) > 8 else None

    service.reply = reply
    assert (await client.run_grid(grid(5, 8), out, cluster=address)).ok
    assert limits[0] == 8
    assert min(limits) in {4, 5}
    assert len(service.charges) == 40


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
async def test_a_client_of_dask_is_taken(
    service: Service, quick: Quick, out: Path, address: str, asynchronous: bool
) -> None:
    """One that exists already, of either kind; it stays its owner's, and works on."""
    given = distributed.Client(address, asynchronous=asynchronous, set_as_default=False)
    if asynchronous:
        await given
    assert (await quick().run_grid(grid(1, 4), out, cluster=given)).ok
    if asynchronous:
        assert await given.submit(sum, [1, 2]) == 3
        await given.close()
    else:
        assert await asyncio.to_thread(lambda: given.submit(sum, [1, 2]).result()) == 3
        await asyncio.to_thread(given.close)


async def test_a_run_shows_that_the_cluster_is_in_use(
    service: Service, quick: Quick, out: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By tasks, which a scheduler with an idle-timeout looks for; nothing is left of them."""
    monkeypatch.setattr(engine, "_IN_USE", 0.05)
    answered = asyncio.Event()

    async def reply(cell: str) -> None:
        await answered.wait()

    service.reply = reply
    async with distributed.Client(address, asynchronous=True, set_as_default=False) as watching:

        async def counted() -> tuple[int, int]:
            await asyncio.sleep(0.02)
            return await watching.run_on_scheduler(
                lambda dask_scheduler: (
                    dask_scheduler.transition_counter,
                    len(dask_scheduler.tasks),
                )
            )

        run = asyncio.create_task(quick().run_grid(grid(1, 1), out, cluster=address))
        await until(lambda: service.calls)
        before, _ = await counted()
        async with asyncio.timeout(60):
            while (await counted())[0] == before:
                pass
            answered.set()
            assert (await run).ok
            while (await counted())[1]:
                pass


async def test_workers_without_a_key_are_named_before_anything_is_sent(
    service: Service, quick: Quick, out: Path, dask: Processes
) -> None:
    """Over plain TCP the key does not travel, and the error says where to set it."""
    where, _ = await dask.scheduler()
    dask.worker(where)
    with pytest.raises(MissingKey, match="Set CHANGECLOTHES_API_KEY where the workers start"):
        await quick().run_grid(grid(1, 1), out, cluster=where)
    assert not service.calls
    assert await states(out) == {}


@pytest.mark.parametrize(
    "where", [0, -1, True, "scheduler:8786", "lokal", pytest.param(object(), id="object")], ids=str
)
async def test_what_is_no_cluster_is_refused(quick: Quick, out: Path, where: object) -> None:
    """With the forms that are taken; its type is told, and not what may be a key."""
    with pytest.raises(InvalidInput, match="is not a cluster") as caught:
        await quick().run_grid(grid(1, 1), out, cluster=where)
    assert f"of type {type(where).__name__}" in str(caught.value)
    assert str(where) not in str(caught.value)


@pytest.mark.parametrize(
    "where",
    [
        "tls://127.0.0.1:{}",
        "nonsense://127.0.0.1:{}",
        pytest.param(
            "tcp://127.0.0.1:{}",
            marks=pytest.mark.skipif(not THOROUGH, reason="is waited for, 20 s"),
        ),
    ],
)
async def test_a_scheduler_that_is_not_there_is_said(
    service: Service, quick: Quick, out: Path, where: str
) -> None:
    """An error of ours, whatever dask raises; nothing is sent."""
    with pytest.raises(ClusterFailed, match="No scheduler answers"):
        await quick().run_grid(grid(1, 1), out, cluster=where.format(peers.free_port()))
    assert not service.calls


@pytest.mark.parametrize("missing", ["distributed", "cryptography"])
def test_without_dask_the_command_is_named(tmp_path: Path, missing: str) -> None:
    """The package works without the extra; asking for a cluster says what to install."""
    program = (
        f"import asyncio, sys; sys.modules[{missing!r}] = None\n"
        "from changeclothes_async import AsyncChangeClothes, MissingExtra\n"
        "from tests.bulk.service import grid\n"
        "async def main():\n"
        "    async with AsyncChangeClothes('key', 'http://127.0.0.1:9') as client:\n"
        "        await client.run_grid(grid(1, 1), sys.argv[1], cluster='local')\n"
        "try: asyncio.run(main())\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "pip install 'changeclothes-async[cluster]'" in done.stdout


async def test_the_limit_holds_while_workers_join_and_leave(
    client: Quick, out: Path, dask: Processes
) -> None:
    """Counted by the server: never more in flight than asked for, whoever makes the calls."""
    where, _ = await dask.scheduler()
    workers = [dask.worker(where, CHANGECLOTHES_API_KEY=peers.KEY)]
    async with Counting(slowly) as service:
        run = asyncio.create_task(
            client(service.url, max_concurrency=8).run_grid(
                grid(20, 30), out, cluster=where, masks=False, gallery=False
            )
        )
        for change in range(1, 4):
            await until(lambda change=change: len(service.calls) > 80 * change)
            workers.append(dask.worker(where, CHANGECLOTHES_API_KEY=peers.KEY))
            await until(
                lambda: "ask_agent" in dask.said(workers[-1]) or "hire" in dask.said(workers[-1])
            )
            workers[-2].send_signal(SIGTERM)
        lookbook = await run
    assert lookbook.stopped is None
    assert len(lookbook.saved) + len(lookbook.unsure) == 600
    assert len(lookbook.unsure) <= 3 * 8
    assert not services.twice(service.calls)
    assert service.peak == 8


async def test_a_retired_worker_ends_its_calls(
    service: Service, quick: Quick, out: Path, address: str
) -> None:
    """What it has on the wire arrives, and is in flight until then; nothing is unsure."""
    service.reply = slowly
    async with distributed.Client(address, asynchronous=True, set_as_default=False) as other:
        await other.wait_for_workers(2)
        client = quick(max_concurrency=8)
        run = asyncio.create_task(client.run_grid(grid(10, 20), out, cluster=address))
        await until(lambda: len(service.calls) > 60)
        await other.retire_workers([next(iter(await other.nthreads()))])
        assert (await run).ok
    assert len(service.charges) == 200
    assert service.most == 8


async def test_of_a_killed_worker_no_photograph_is_left(
    service: Service, quick: Quick, out: Path, dask: Processes, tmp_path: Path
) -> None:
    """They lie where dask clears up, when the next worker starts on that machine."""
    where, _ = await dask.scheduler()
    worker = dask.worker(where, CHANGECLOTHES_API_KEY=peers.KEY, TMPDIR=str(tmp_path))
    killed = asyncio.Event()

    async def reply(cell: str) -> None:
        await killed.wait()

    def kept() -> set[Path]:
        return {*tmp_path.rglob(hashlib.sha256(photograph).hexdigest())}

    service.reply = reply
    photograph = samples.png(5000)
    work = Grid({"m": photograph}, {"g": samples.PNG}, "dresses")
    run = asyncio.create_task(quick().run_grid(work, out, cluster=where))
    await until(lambda: service.calls)
    [left] = kept()
    worker.kill()
    dask.worker(where, CHANGECLOTHES_API_KEY=peers.KEY, TMPDIR=str(tmp_path))
    await until(lambda: not left.exists())
    killed.set()
    assert len((await run).unsure) == 1
    assert not kept()


async def _driven(dask: Processes, service: Service, out: Path, presses: int) -> dict[str, object]:
    """Run on a cluster of its own in a process group, and press Ctrl-C there."""
    told = {"url": service.url, "out": str(out), "size": [20, 20], "cluster": 2}
    driver = dask.module("tests.bulk.cluster.driving", json.dumps({**told, "max_concurrency": 8}))
    await until(lambda: len(service.calls) >= 40 or driver.poll() is not None)
    assert driver.poll() is None, dask.said(driver)
    for _ in range(presses):
        os.killpg(driver.pid, SIGINT)
        await until(lambda: "stopping" in dask.said(driver))  # two at once would be one
    assert await ended(driver) == 0, dask.said(driver)
    found: dict[str, object] = json.loads(dask.said(driver).splitlines()[-1])
    return found


async def test_ctrl_c_lets_what_is_paid_for_arrive(
    service: Service, out: Path, dask: Processes
) -> None:
    """A terminal's Ctrl-C reaches the workers too, and they live on: nothing is unsure."""

    async def reply(cell: str) -> None:
        await asyncio.sleep(0.3)

    service.reply = reply
    found = await _driven(dask, service, out, 1)
    assert found == {"stopped": "interrupted", "unsure": 0}
    assert 40 <= len(service.charges) < 400
    assert await states(out) == {"saved": len(service.charges)}


async def test_a_second_ctrl_c_names_what_it_broke_off(
    service: Service, out: Path, dask: Processes
) -> None:
    """What is in flight then is unsure; the rest is as it was."""

    async def reply(cell: str) -> None:
        await asyncio.sleep(0.05 if len(service.calls) < 40 else 20)

    service.reply = reply
    found = await _driven(dask, service, out, 2)
    assert found["stopped"] == "interrupted"
    counts = await states(out)
    assert 1 <= counts["unsure"] == found["unsure"] <= 8
    assert counts["unsure"] + counts["saved"] + counts.get("paid", 0) == len(service.calls)


@pytest.fixture
async def sniffed(address: str) -> AsyncIterator[tuple[str, bytearray]]:
    """Give an address that leads to the scheduler, and all that passes there both ways."""
    host, port = address.removeprefix("tcp://").split(":")
    heard = bytearray()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            heard.extend(data)
            writer.write(data)
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    server.close()


async def test_the_key_is_neither_on_the_wire_nor_in_a_log(
    service: Service,
    quick: Quick,
    out: Path,
    dask: Processes,
    sniffed: tuple[str, bytearray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Over plain TCP no byte of it travels; at DEBUG neither side writes it down."""
    caplog.set_level("DEBUG")
    where, heard = sniffed
    work = Grid({"m": samples.png(5000)}, {"g": samples.PNG, "h": samples.JPEG}, "dresses")
    assert (await quick().run_grid(work, out, cluster=where)).ok
    logs = "".join(map(dask.said, dask.started)) + caplog.text
    assert b"ask_agent" in heard
    assert "Run out-of-band function" in logs
    assert peers.KEY.encode() not in heard
    assert peers.KEY not in logs


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Make a certificate for all three sides, and the authority that vouches for it."""
    authority, files = trustme.CA(), {}
    made = authority.issue_cert("127.0.0.1")
    blobs = {
        "ca-file": authority.cert_pem,
        "cert": made.cert_chain_pems[0],
        "key": made.private_key_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(str(tmp_path / f"{name}.pem"))
        files[name] = str(tmp_path / f"{name}.pem")
    return files


async def test_over_tls_workers_need_no_key(
    service: Service, quick: Quick, out: Path, dask: Processes, certificate: dict[str, str]
) -> None:
    """The driver sends it to them; in no log of dask's at DEBUG, which holds whole messages."""
    tls = [word for name, path in certificate.items() for word in (f"--tls-{name}", path)]
    where, _ = await dask.scheduler("--protocol", "tls", *tls)
    dask.worker(where, *tls)
    security = distributed.Security(
        tls_ca_file=certificate["ca-file"],
        tls_client_cert=certificate["cert"],
        tls_client_key=certificate["key"],
        require_encryption=True,
    )
    async with distributed.Client(
        where, security=security, asynchronous=True, set_as_default=False
    ) as given:
        client = quick(headers={"X-Team": "canary-1"})
        assert (await client.run_grid(grid(1, 2), out, cluster=given)).ok
    logs = "".join(map(dask.said, dask.started))
    assert "hire_agent" in logs
    assert peers.KEY not in logs
    assert "canary-1" not in logs
