"""Workers killed, frozen and woken, the scheduler killed, the driver killed: nothing paid twice.

The charges are counted by a process of its own, in its own file, as each request becomes whole.
With CHANGECLOTHES_THOROUGH it is 20,000 cells.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from subprocess import Popen
from typing import Any

import pytest

from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.ledger.states import State
from tests import peers
from tests.bulk import service
from tests.bulk.cluster.processes import Processes, ended, processes, until

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

THOROUGH = bool(os.environ.get("CHANGECLOTHES_THOROUGH"))
SIZE = (200, 100) if THOROUGH else (15, 100)
CELLS = SIZE[0] * SIZE[1]
LIMIT = 128 if THOROUGH else 48
TIMEOUT = 5.0
# Slow enough that a few cells are not all made while a worker is frozen.
SECONDS = 0.2 if THOROUGH else 0.6


@dataclass
class Scene:
    """The processes, the service's address, what it charged, and the run's folder."""

    processes: Processes
    counting: Popen[str]
    out: Path

    @property
    def charges(self) -> list[str]:
        file = self.processes.folder / "charges"
        return file.read_text().split() if file.exists() else []

    async def workers(self, count: int) -> tuple[str, list[Popen[str]]]:
        """Start a cluster: its address, and its scheduler before the workers."""
        where, scheduler = await self.processes.scheduler()
        key = {"CHANGECLOTHES_API_KEY": peers.KEY}
        return where, [scheduler, *(self.processes.worker(where, **key) for _ in range(count))]

    def driver(self, where: str) -> Popen[str]:
        """Start the run, or go on with it."""
        url = self.processes.said(self.counting).split()[0]
        told = {"url": url, "out": str(self.out), "size": SIZE, "cluster": where}
        limits = {"max_concurrency": LIMIT, "timeout": TIMEOUT}
        return self.processes.module("tests.bulk.cluster.driving", json.dumps({**told, **limits}))

    async def charged(self, share: float, driver: Popen[str]) -> None:
        """Wait until so much of all is charged."""
        wanted = share * CELLS
        await until(lambda: len(self.charges) >= wanted or driver.poll() is not None, 600)
        assert driver.poll() is None, self.processes.said(driver)

    async def end(self, driver: Popen[str]) -> dict[str, Any]:
        """Wait for a driver, and give what it says became of the run."""
        assert await ended(driver, 900) == 0, self.processes.said(driver)
        found: dict[str, Any] = json.loads(self.processes.said(driver).splitlines()[-1])
        return found

    async def peak(self) -> int:
        """End the service, and give the most that it had in flight."""
        assert self.counting.stdin
        self.counting.stdin.close()
        await ended(self.counting)
        self.counting.stdin = None
        return int(self.processes.said(self.counting).split()[-1])


@pytest.fixture
async def scene(tmp_path: Path, out: Path) -> AsyncIterator[Scene]:
    with processes(tmp_path) as ours:
        charges = tmp_path / "charges"
        counting = ours.module("tests.bulk.cluster.counting", charges, SECONDS)
        await until(lambda: "http" in ours.said(counting))
        yield Scene(ours, counting, out)


async def ledger(out: Path) -> dict[str, State]:
    book = await Ledger.open(out / "ledger.db", read_only=True)
    states = {entry.name: entry.state async for entry in book.scan()}
    await book.close()
    return states


async def check(scene: Scene, began: float) -> None:
    """Nothing charged twice, every charge saved or named, the limit kept."""
    peak, charges, states = await scene.peak(), scene.charges, await ledger(scene.out)
    unsure = {name for name, state in states.items() if state is State.UNSURE}
    print(
        f"{len(charges)} charges, {len(service.twice(charges))} twice, {len(unsure)} unsure, "
        f"of them {len(unsure & set(charges))} charged, "
        f"peak {peak} of {LIMIT}, {time.monotonic() - began:.0f} s"
    )
    assert not service.twice(charges)
    assert len(states) == CELLS
    assert set(states.values()) <= {State.SAVED, State.UNSURE}
    assert set(states) - set(charges) <= unsure
    assert len(list(scene.out.glob("m*__g*.png"))) == CELLS - len(unsure)
    assert peak <= LIMIT


@pytest.mark.timeout(3600)
async def test_workers_and_scheduler_die_in_a_run(scene: Scene) -> None:
    """One worker killed, one frozen and woken late, the scheduler killed, the run resumed."""
    began = time.monotonic()
    where, (scheduler, first, second, _) = await scene.workers(3)
    driver = scene.driver(where)
    await scene.charged(1 / 8, driver)
    first.send_signal(SIGKILL)
    await scene.charged(1 / 4, driver)
    second.send_signal(SIGSTOP)
    frozen = time.monotonic()
    await until(lambda: time.monotonic() > frozen + 2 * TIMEOUT)
    second.send_signal(SIGCONT)
    await scene.charged(5 / 8, driver)
    scheduler.send_signal(SIGKILL)
    stopped = await scene.end(driver)
    assert "The scheduler is gone" in stopped["stopped"]
    assert len(scene.charges) < CELLS
    where, _ = await scene.workers(2)
    assert (await scene.end(scene.driver(where)))["stopped"] == ""
    await check(scene, began)


@pytest.mark.timeout(3600)
async def test_the_driver_dies_in_a_run(scene: Scene) -> None:
    """Killed in the middle: what was in its agents' hands is unsure, the rest goes on."""
    began = time.monotonic()
    where, _ = await scene.workers(2)
    driver = scene.driver(where)
    await scene.charged(1 / 2, driver)
    driver.send_signal(SIGKILL)
    await ended(driver)
    found = await scene.end(scene.driver(where))
    assert found["stopped"] == ""
    assert 1 <= found["unsure"] <= LIMIT
    await check(scene, began)
