"""What a call costs the client, by the size of what it uploads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import harness
from benchmarks.harness import Samples
from benchmarks.peers import TITLES
from benchmarks.report import Column, Table
from benchmarks.workloads import WORKLOADS

_ALL = ["sockets", "aiohttp_open", "aiohttp_whole", "ours", "httpx_open", "openai_httpx",
        "openai_aiohttp", "fashn_base64", "requests_threads"]  # fmt: skip
_TAKING_URLS = [name for name in _ALL if not name.startswith("openai")]
_FEW = ["sockets", "aiohttp_open", "aiohttp_whole", "ours", "httpx_open"]
_MORE = ("small, distinct", "large, distinct", "large, 64 at once")
# Whether the kernel wakes the server for each piece of a large file is another in each process.
_TIMES = {"large": 3}


def ask(rounds: int) -> Iterator[Table]:
    """Processor time a call, and memory where it can grow."""
    with harness.sink() as origin:
        url, small, large = (
            _samples(rounds, origin, name, peers)
            for name, peers in (("url", _TAKING_URLS), ("small", _ALL), ("large", _ALL))
        )
        columns = [_cpu("url", url), _cpu("small", small), _cpu("large", large)]
        columns.append(_memory("large", large))
        yield _table("upload", "Client CPU per call, and memory growth", _ALL, columns)

        found = {name: _samples(rounds, origin, name, _FEW) for name in _MORE}
        columns = [_cpu(name, found[name]) for name in _MORE]
        columns += [_memory(name, found[name]) for name in _MORE[1:]]
        yield _table("upload-more", "The same with other files each call, and at 64", _FEW, columns)


def _samples(rounds: int, origin: str, name: str, peers: Sequence[str]) -> Samples:
    with harness.files_of(WORKLOADS[name]) as files:
        return harness.in_turn(
            rounds * _TIMES.get(name, 1),
            peers,
            lambda peer: harness.run("worker", peer, name, origin, files),
        )


def _cpu(name: str, samples: Samples) -> Column:
    return Column(name, samples, "cpu", "µs", "aiohttp_open")


def _memory(name: str, samples: Samples) -> Column:
    return Column(f"memory growth, {name}", samples, "memory", "MB")


def _table(name: str, title: str, peers: Sequence[str], columns: Sequence[Column]) -> Table:
    return Table(name, title, {peer: TITLES[peer] for peer in peers}, tuple(columns))
