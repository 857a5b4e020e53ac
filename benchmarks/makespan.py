"""How much longer than necessary many calls take, when each takes a very different time."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heapreplace
from itertools import islice
from pathlib import Path

from benchmarks import harness, sink
from benchmarks.harness import Found
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table
from benchmarks.workloads import TINY

_PEERS = ["aiohttp_open", "aiohttp_batches", "ours", "ours_as_completed"]
_LIMIT, _CALLS, _MEDIAN = 32, 640, 0.4


def ask(rounds: int) -> Iterator[Table]:
    """Compare wall time with what a limit of 32 allows, with lognormal call times."""
    with harness.files_of() as files:
        samples = harness.in_turn(rounds, _PEERS, lambda peer: _over(peer, files))
    columns = (
        Column("above what the limit allows", samples, "over", "%"),
        Column("makespan", samples, "makespan", "s"),
    )
    title = f"{_CALLS:,} calls of lognormal length, {_LIMIT} in flight"
    yield Table("makespan", title, {it: TITLES[it] for it in _PEERS}, columns)


def _over(peer: str, files: Path) -> Found:
    flags = ("--in-flight", _LIMIT, "--calls", _CALLS)
    with harness.sink(_MEDIAN) as origin:
        found = harness.run("worker", peer, "url", origin, files, *flags)
    makespan = found["wall"] * _CALLS / 1e6
    return {"makespan": makespan, "over": 100 * (makespan / allowed() - 1)}


def allowed() -> float:
    """Find the seconds that the same calls take when a free place is never left empty.

    A sink draws its waits in the order of arrival, so the measured calls have those that come
    after the warm-ups'.
    """
    before = TINY.calls + _LIMIT
    places = [0.0] * _LIMIT
    heapify(places)
    for wait in islice(sink.waits(_MEDIAN), before, before + _CALLS):
        heapreplace(places, places[0] + wait)
    return max(places)
