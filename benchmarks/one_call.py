"""What one call costs by itself: in a program that runs already, and in one made for it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Found
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table
from benchmarks.workloads import WORKLOADS

_PEERS = ["sockets", "aiohttp_open", "ours", "ours_ledger", "httpx_open", "fashn_base64",
          "requests_threads"]  # fmt: skip
_REFERENCE = "aiohttp_open"


def ask(rounds: int) -> Iterator[Table]:
    """One call after the other, and a whole process with one call in it."""
    work = WORKLOADS["url"]
    with harness.sink() as origin, harness.files_of(work) as files:

        def warm(peer: str) -> Found:
            flags = ("--in-flight", 1, "--calls", 200)
            return harness.run("worker", peer, work.name, origin, files, *flags)

        one_by_one = harness.in_turn(rounds, _PEERS, warm)
        process = harness.in_turn(
            rounds, _PEERS, lambda peer: harness.once(peer, work, origin, files)
        )
    columns = (
        Column("one by one, CPU", one_by_one, "cpu", "µs", _REFERENCE),
        Column("one by one, answered after", one_by_one, "wall", "µs", _REFERENCE),
        Column("a process for one call, CPU", process, "cpu", "ms", _REFERENCE),
        Column("a process for one call, ended after", process, "wall", "ms", _REFERENCE),
    )
    yield Table("one_call", "One call at a time", {it: TITLES[it] for it in _PEERS}, columns)
