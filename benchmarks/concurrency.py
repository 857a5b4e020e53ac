"""What a call costs when many are in flight."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Samples
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table

_PEERS = ["aiohttp_open", "ours", "httpx_open"]
_LEVELS = (1, 4, 16, 64, 256, 1024)


def ask(rounds: int) -> Iterator[Table]:
    """Processor time of a call with two URLs, from 1 to 1,024 in flight."""
    with harness.sink() as origin:
        found = {level: _samples(rounds, origin, level) for level in _LEVELS}
    columns = [
        Column(str(level), samples, "cpu", "µs", "aiohttp_open") for level, samples in found.items()
    ]
    rows = {peer: TITLES[peer] for peer in _PEERS}
    title = "Client CPU per call by calls in flight (two URLs)"
    yield Table("concurrency", title, rows, tuple(columns), plot="lines")


def _samples(rounds: int, origin: str, level: int) -> Samples:
    flags = ("--in-flight", level, "--calls", max(256, 2 * level))
    with harness.files_of() as files:
        return harness.in_turn(
            rounds, _PEERS, lambda peer: harness.run("worker", peer, "url", origin, files, *flags)
        )
