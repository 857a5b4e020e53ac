"""What a ledger of a million calls costs: seconds and memory to open, count, look up and walk.

Run it with `python -m benchmarks.ledger_million [rows]`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import TypeVar

from benchmarks import meters
from changeclothes_async.bulk.ledger import opening, tables
from changeclothes_async.bulk.ledger.ledger import Claim, Facts, Ledger, SavedPicture
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.transport.places import Saved

T = TypeVar("T")
_BATCH = 500
_CALLS, _IN_FLIGHT = 20_000, 32
_ENDPOINT = "/api/openapi/change-clothes-ai"
_URL = "https://persistent.changeclothesai.online/change-clothes-ai/cache/1747493767397255851.webp"
_BODY = f'{{"code":200,"data":{{"resultImgUrl":"{_URL}","maskImgUrl":"{_URL}"}}}}'.encode()
_PAID = Facts(http_status=200, body=_BODY, code=200, money="spent", elapsed=12.5)


def build(path: Path, rows: int) -> None:
    """Write a ledger of `rows` paid calls, each second one saved, a thousand to a commit."""
    numbers = iter(range(rows))
    with opening.for_writing(path, 0.0) as db:
        while some := list(islice(numbers, 1000)):
            db.execute("BEGIN")
            for number in some:
                _fill(db, number)
            db.execute("COMMIT")


def _fill(db: sqlite3.Connection, number: int) -> None:
    identity, name = _identity(number), f"model-{number // 1000:05}__garment-{number % 1000:05}"
    held = tables.claim(db, identity, _ENDPOINT, name, JobEvent.CLAIM, float(number))
    assert isinstance(held, Claim)
    tables.settle(db, held, JobEvent.PAY, _PAID, float(number))
    if number % 2:
        tables.save(
            db, name, SavedPicture(identity, Saved(f"{name}.webp", 80_000, number, identity))
        )


def _identity(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


async def measure(path: Path, rows: int) -> None:
    """Print what a run pays that finds the ledger at `path` as it starts."""
    memory = meters.Memory()
    ledger = await _timed("open", Ledger.open(path))
    await _timed("count", ledger.counts())
    print(f"{'memory so far':<28}{memory.growth():10.1f} MB")
    await _timed(f"look up all {rows:,}", _look_up(ledger, rows))
    await _timed("walk over the paid ones", _walk(ledger))
    before = meters.cpu_seconds()
    await _timed(f"claim and settle {_CALLS:,}", _call(ledger, rows))
    spent = (meters.cpu_seconds() - before) / _CALLS * 1e6
    print(f"{'CPU per claim and settle':<28}{spent:10.1f} µs")
    await _timed("close", ledger.close())
    print(f"{'memory growth in all':<28}{memory.growth():10.1f} MB")


async def _look_up(ledger: Ledger, rows: int) -> None:
    numbers = iter(range(rows))
    while some := [_identity(number) for number in islice(numbers, _BATCH)]:
        await ledger.entries(some)


async def _walk(ledger: Ledger) -> None:
    async for _ in ledger.scan(State.PAID):
        pass


async def _call(ledger: Ledger, rows: int) -> None:
    numbers = islice(count(rows), _CALLS)
    await asyncio.gather(*(_one_by_one(ledger, numbers) for _ in range(_IN_FLIGHT)))


async def _one_by_one(ledger: Ledger, numbers: Iterator[int]) -> None:
    for number in numbers:
        held = await ledger.claim(_identity(number), endpoint=_ENDPOINT, name=f"cell-{number}")
        assert isinstance(held, Claim)
        await ledger.settle(held, JobEvent.PAY, _PAID)


async def _timed(what: str, doing: Awaitable[T]) -> T:
    start, spent = time.perf_counter(), meters.cpu_seconds()
    done = await doing
    took, spent = time.perf_counter() - start, meters.cpu_seconds() - spent
    print(f"{what:<28}{took:10.2f} s, CPU {spent:.2f} s", flush=True)
    return done


def main(rows: int = 1_000_000) -> None:
    """Build in a process of its own, so that only what a run pays is measured here."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.db")
        building = (
            "from benchmarks.ledger_million import *; build(Path(sys.argv[1]), int(sys.argv[2]))"
        )
        subprocess.run([sys.executable, "-c", building, str(path), str(rows)], check=True)
        print(f"{f'{rows:,} calls on disk':<28}{path.stat().st_size / 1e6:10.1f} MB")
        asyncio.run(measure(path, rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
