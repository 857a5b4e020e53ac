"""The process of one grid: planned, dispatched, run, planned again; prints what each step cost."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from benchmarks import meters
from benchmarks.harness import Found
from benchmarks.peers import KEY
from benchmarks.workloads import CATEGORY, JPEG
from changeclothes_async import AsyncChangeClothes, Grid, TryOn
from changeclothes_async.bulk.calls import pool


def _grid(folder: Path, models: int, garments: int) -> Grid:
    """Make small pictures, each another, in two folders."""
    for side, count in (("models", models), ("garments", garments)):
        (folder / side).mkdir(parents=True)
        for number in range(count):
            picture = JPEG + f"{side} {number}".encode() * 20
            (folder / side / f"{number:04}.jpg").write_bytes(picture)
    return Grid(models=folder / "models", garments=folder / "garments", category=CATEGORY)


async def _dispatch(models: int, garments: int) -> None:
    """Make and hand out the jobs of a grid of URLs, to a call that ends at once."""

    async def no_call(job: object) -> None:
        del job

    async for outcome in pool.as_completed(cast("pool.Run", no_call), _jobs(models, garments), 32):
        assert outcome.ok


def _jobs(models: int, garments: int) -> Iterator[TryOn]:
    for model in range(models):
        for garment in range(garments):
            sides = (f"https://shop.example/{it}.jpg" for it in (model, garment))
            yield TryOn(model=next(sides), garment=next(sides), category=CATEGORY)


async def _spent(step: str, doing: Awaitable[object], cells: int) -> Found:
    memory, cpu = meters.Memory(), meters.cpu_seconds()
    await doing
    cpu = meters.cpu_seconds() - cpu
    return {step: cpu / cells * 1e6, f"{step}_memory": memory.growth()}


async def measure(origin: str, folder: Path, sides: tuple[int, int], *, run: bool) -> Found:
    """Find microseconds of processor time a cell, and MB above the start, for each step."""
    cells = sides[0] * sides[1]
    first, grid = _grid(folder / "first", 2, 2), _grid(folder / "grid", *sides)
    async with AsyncChangeClothes(api_key=KEY, base_url=origin, max_concurrency=32) as client:
        # The gallery is drawn once, at the end, whatever a cell costs: it is left out here.
        run_grid = partial(client.run_grid, gallery=False)
        await run_grid(first, folder / "first" / "out")  # loads what loads on first use
        out = folder / "out"
        found = await _spent("plan", client.plan_grid(grid, out), cells)
        found |= await _spent("dispatch", _dispatch(*sides), cells)
        if run:
            found |= await _spent("run", run_grid(grid, out), cells)
            found |= await _spent("replan", client.plan_grid(grid, out), cells)
    return found


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("origin")
    parser.add_argument("sides", type=int, nargs=2, metavar="COUNT", help="models, garments")
    parser.add_argument("--plan-only", action="store_true")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = measure(asked.origin, Path(folder), asked.sides, run=not asked.plan_only)
        print(json.dumps(asyncio.run(found)))


if __name__ == "__main__":
    main()
