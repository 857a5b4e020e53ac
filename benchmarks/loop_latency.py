"""How long a program stands still while it uploads sixteen files of 16 MiB at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table
from benchmarks.workloads import WORKLOADS

_PEERS = ["idle", "aiohttp_open", "aiohttp_whole", "ours", "httpx_open", "openai_httpx",
          "openai_aiohttp", "fashn_base64"]  # fmt: skip


def ask(rounds: int) -> Iterator[Table]:
    """Find the loop's worst stall, and the memory; peers that use no loop are left out."""
    work = WORKLOADS["sixteen"]
    with harness.sink() as origin, harness.files_of(work) as files:
        samples = harness.in_turn(
            rounds,
            _PEERS,
            lambda peer: harness.run("worker", peer, work.name, origin, files, "--tick"),
        )
    columns = (
        Column("longest stall of the loop", samples, "stall", "ms"),
        Column("longest without a pause, CPU", samples, "busy", "ms"),
        Column("memory growth", samples, "memory", "MB"),
        Column("CPU per upload", samples, "cpu", "µs"),
    )
    title = "Sixteen uploads of 16 MiB at once"
    yield Table("loop_latency", title, {it: TITLES[it] for it in _PEERS}, columns)
