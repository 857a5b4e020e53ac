"""A million cells of which half are paid: what it takes to plan the rest, in seconds and memory."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path

from changeclothes_async import AsyncChangeClothes, Grid
from changeclothes_async.bulk.ledger import ledger, opening, tables
from changeclothes_async.bulk.ledger.states import JobEvent
from changeclothes_async.bulk.run import planning

SIDE = 1000
_BODY = b'{"code": 200, "data": {"resultImgUrl": "https://results.example/1.webp"}}'


def _half_paid(grid: Grid, path: Path) -> None:
    facts = ledger.Facts(http_status=200, body=_BODY, code=200, money="spent")
    with opening.for_writing(path, 0.0) as db:
        db.execute("BEGIN IMMEDIATE")
        for row in range(SIDE // 2):
            for column in range(SIDE):
                job = grid.job(row, column)
                identity = planning.identity(job)
                claim = tables.claim(db, identity, job.endpoint, "", JobEvent.CLAIM, 0.0)
                assert isinstance(claim, ledger.Claim)
                tables.settle(db, claim, JobEvent.PAY, facts, 0.0)
        db.execute("COMMIT")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def _plan(grid: Grid, out: Path) -> None:
    async with AsyncChangeClothes("benchmark-key", "http://127.0.0.1:9") as client:
        memory, started = _peak(), time.perf_counter()
        plan = await client.plan_grid(grid, out)
        seconds = time.perf_counter() - started
        print(f"{plan}\n{seconds:.1f} s, {(_peak() - memory) / 1024:.1f} MB more at its peak")


def main() -> None:
    """Make the ledger, and plan over it."""
    models = [f"https://pictures.example/models/{n}.jpg" for n in range(SIDE)]
    garments = [f"https://pictures.example/garments/{n}.jpg" for n in range(SIDE)]
    grid = Grid(models, garments, "dresses")
    with tempfile.TemporaryDirectory() as folder:
        _half_paid(grid, Path(folder) / "ledger.db")
        asyncio.run(_plan(grid, Path(folder)))


if __name__ == "__main__":
    main()
