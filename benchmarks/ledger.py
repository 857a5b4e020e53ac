"""What it costs that every call is claimed and settled durably in a ledger."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Samples
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table
from benchmarks.workloads import WORKLOADS

_PEERS = ["ours", "ours_ledger"]


def ask(rounds: int) -> Iterator[Table]:
    """Processor and wall time of a call with the ledger off and on, 32 in flight."""
    with harness.sink() as origin:
        found = {name: _samples(rounds, origin, name) for name in ("url", "small")}
    columns = tuple(
        Column(f"{name}, {what}", samples, measure, "µs", "ours")
        for name, samples in found.items()
        for measure, what in (("cpu", "CPU per call"), ("wall", "wall per call"))
    )
    yield Table("ledger", "Ledger off and on", {it: TITLES[it] for it in _PEERS}, columns)


def _samples(rounds: int, origin: str, name: str) -> Samples:
    with harness.files_of(WORKLOADS[name]) as files:
        return harness.in_turn(
            rounds, _PEERS, lambda peer: harness.run("worker", peer, name, origin, files)
        )
