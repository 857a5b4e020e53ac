"""The process of one run of 2,000 cells, alone or as the driver of a cluster; prints its cost."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import Found
from benchmarks.peers import KEY
from benchmarks.workloads import CATEGORY, JPEG
from changeclothes_async import AsyncChangeClothes, Grid

_SIDES = (20, 100)
_WARM = (4, 25)
_IN_FLIGHT = 64


def _grid(folder: Path, size: int, sides: tuple[int, int]) -> Grid:
    """Make a grid of addresses (`size` 0), or of files of so many random bytes."""
    folder.mkdir()
    models, garments = (
        [_picture(folder, size, f"{side}-{number}") for number in range(count)]
        for side, count in zip(("model", "garment"), sides, strict=True)
    )
    return Grid(models, garments, CATEGORY)


def _picture(folder: Path, size: int, name: str) -> str:
    if not size:
        return f"https://shop.example/{folder.name}/{name}.jpg"
    path = folder / f"{name}.jpg"
    path.write_bytes(JPEG + os.urandom(size - len(JPEG)))
    return str(path)


async def _cluster(processes: int, stack: AsyncExitStack) -> Any:
    """Start what `cluster=2` starts, so that it is warm and its processes can be asked."""
    if not processes:
        return None
    from distributed import Client

    from changeclothes_async.bulk.cluster import engine

    # Its own way, so that exactly that is measured.
    local = engine._local(engine._distributed(), processes)  # noqa: SLF001 - see above
    cluster = await stack.enter_async_context(local)
    client: Any = Client
    return await stack.enter_async_context(client(cluster, asynchronous=True))


async def _spent(cluster: Any) -> Found:
    workers = await cluster.run(time.process_time) if cluster else {}
    return {
        "driver": time.process_time(),
        "workers": sum(workers.values()),
        "wall": time.perf_counter(),
    }


async def measure(origin: str, folder: Path, size: int, processes: int) -> Found:
    """Find microseconds a cell, when connections are open and all is imported."""
    async with (
        AsyncExitStack() as stack,
        AsyncChangeClothes(KEY, origin, max_concurrency=_IN_FLIGHT) as client,
    ):
        cluster = await _cluster(processes, stack)
        warm, grid = _grid(folder / "warm", size, _WARM), _grid(folder / "all", size, _SIDES)
        how: dict[str, Any] = {"cluster": cluster, "gallery": False, "masks": False}
        assert (await client.run_grid(warm, folder / "warm-out", **how)).ok
        before = await _spent(cluster)
        assert (await client.run_grid(grid, folder / "out", **how)).ok
        after = await _spent(cluster)
    cells = _SIDES[0] * _SIDES[1]
    found = {name: (after[name] - before[name]) / cells * 1e6 for name in after}
    return {**found, "all": found["driver"] + found["workers"]}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("origin")
    parser.add_argument("size", type=int, help="bytes of a picture, 0 for addresses")
    parser.add_argument("processes", type=int, help="of the cluster, 0 for none")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measure(asked.origin, Path(folder), asked.size, asked.processes)
        print(json.dumps(asyncio.run(found)))


if __name__ == "__main__":
    main()
