"""What a cell of a grid costs, from a thousand cells to a million."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Found, Samples
from benchmarks.report import Column, Table

# Models and garments; the large ones are planned only, since a million calls take an hour.
_SIZES = {
    "1,000 cells": (10, 100),
    "10,000 cells": (100, 100),
    "100,000 cells": (100, 1000, "--plan-only"),
    "1,000,000 cells": (1000, 1000, "--plan-only"),
}


def ask(rounds: int) -> Iterator[Table]:
    """Measure processor time a cell and memory in all, for a plan, a run and a second plan."""
    with harness.sink() as origin:

        def measure(size: str) -> Found:
            return harness.run("grid_worker", origin, *_SIZES[size])

        samples = harness.in_turn(rounds, list(_SIZES), measure)
    columns = (
        Column("plan, CPU per cell", samples, "plan", "µs"),
        Column("plan, memory growth", samples, "plan_memory", "MB"),
        Column("jobs made and handed out, CPU per cell", samples, "dispatch", "µs"),
        Column("the same, memory growth", samples, "dispatch_memory", "MB"),
        Column("run, CPU per cell", _with("run", samples), "run", "µs"),
        Column("run, memory growth", _with("run", samples), "run_memory", "MB"),
        Column("plan when all is paid, CPU per cell", _with("run", samples), "replan", "µs"),
    )
    yield Table("grid", "A grid, cell by cell", {size: size for size in _SIZES}, columns)


def _with(what: str, samples: Samples) -> Samples:
    return {size: found for size, found in samples.items() if what in found[0]}
