"""Many jobs, 1,024 in flight, 5 % faults: first to the end, then with a consumer that leaves."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from changeclothes_async import AsyncChangeClothes, Damaged, TryOn, Unsure
from tests.soak import meters

IN_FLIGHT = 1024
_WARM = 0.25
_STAY, _SETTLED = 8.0, 5
_RESULT = re.compile(r"http://127\.0\.0\.1:9/(\d+)\.webp")


class Log(logging.Handler):
    """Keeps the numbers of the results that are logged, and counts the other ends."""

    def __init__(self) -> None:
        super().__init__()
        self.results: set[int] = set()
        self.ends = 0

    def emit(self, record: logging.LogRecord) -> None:
        found = _RESULT.search(record.getMessage())
        if found:
            self.results.add(int(found[1]))
        else:
            self.ends += 1


def jobs(numbers: Iterable[int]) -> Iterator[TryOn]:
    """Make a job of each number."""
    for number in numbers:
        url = f"https://pics.example/{number}.jpg"
        yield TryOn(model=url, garment="https://pics.example/g.jpg", category="dresses")


def client(origin: str) -> AsyncChangeClothes:
    """Make a client whose pauses are short, so that faults do not only make it wait."""
    made = AsyncChangeClothes("key-of-soak", origin, max_concurrency=IN_FLIGHT)
    options = made._caller.options
    made._caller.options = replace(options, retry=replace(options.retry, base=0.01))
    return made


async def to_the_end(calls: int, seed: int) -> bool:
    """Make all calls, and compare outcomes and charges one by one."""
    ends: Counter[str] = Counter()
    known: set[int] = set()
    with meters.serving(seed) as origin:
        async with client(origin) as one:
            started, warm = time.monotonic(), meters.held()
            async for outcome in one.as_completed(jobs(range(calls))):
                ends[type(outcome.error).__name__ if outcome.error else "results"] += 1
                if outcome.ok or isinstance(outcome.error, Unsure | Damaged):
                    known.add(outcome.index)
                if sum(ends.values()) == int(calls * _WARM):
                    warm = meters.held()
            seconds, last, stats = time.monotonic() - started, meters.held(), one.stats
        after = meters.held()
        told = await asyncio.to_thread(meters.told, origin)
    charges = told["charges"]
    lost = [number for number in charges if number not in known]
    twice = [number for number, times in charges.items() if times > 1]
    print(f"{calls:,} calls in {seconds:.0f} s, {IN_FLIGHT} in flight, {stats}")
    print(f"ends: {dict(ends)}")
    print(f"the service: at most {told['most']} connections; faults: {told['faults']}")
    print(f"charges {sum(charges.values()):,}, lost {len(lost)}, twice {len(twice)}")
    print(f"after a quarter: {warm}; at the end: {last}; closed: {after}")
    whole = sum(ends.values()) == calls
    return whole and not lost and not twice and not meters.grown(warm, last, after)


async def with_leavers(calls: int, seed: int) -> bool:
    """Leave the consumption at random; what is charged is a result, logged, or untold."""
    dice, log, ends = random.Random(seed), Log(), Counter[str]()
    logging.getLogger("changeclothes_async").addHandler(log)
    results: set[int] = set()
    left = 0
    numbers = iter(range(calls))

    async def consume(one: AsyncChangeClothes) -> None:
        async for outcome in one.as_completed(jobs(numbers)):
            found = _RESULT.search(outcome.result.result_img_url) if outcome.result else None
            if found:
                results.add(int(found[1]))
            ends[type(outcome.error).__name__] += 1

    with meters.serving(seed, refusals=True) as origin:
        async with client(origin) as one:
            started, warm = time.monotonic(), meters.held()
            while True:
                task = asyncio.create_task(consume(one))
                done, _ = await asyncio.wait({task}, timeout=dice.uniform(0, _STAY))
                if done:
                    break
                left += 1
                task.cancel()
                await asyncio.wait({task})
                if left == _SETTLED:
                    warm = meters.held()
            seconds, last, stats = time.monotonic() - started, meters.held(), one.stats
        after = meters.held()
        told = await asyncio.to_thread(meters.told, origin)
    logging.getLogger("changeclothes_async").removeHandler(log)
    charges, known = told["charges"], results | log.results | set(told["untold"])
    lost = [number for number in charges if number not in known]
    twice = [number for number, times in charges.items() if times > 1]
    print(f"{calls:,} jobs in {seconds:.0f} s, {IN_FLIGHT} in flight, left {left} times, {stats}")
    print(f"the service: at most {told['most']} connections; faults: {told['faults']}")
    print(f"{len(results):,} results taken, {len(log.results):,} logged")
    print(f"charges {sum(charges.values()):,}, lost {len(lost)}, twice {len(twice)}")
    print(f"left {_SETTLED} times: {warm}; at the end: {last}; closed: {after}")
    return not lost and not twice and not meters.grown(warm, last, after)
