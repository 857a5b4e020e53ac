"""Run the sink and each client in processes of their own, in turn, and compare within a round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeAlias

from benchmarks.workloads import TINY, Workload

Found: TypeAlias = dict[str, float]
Samples: TypeAlias = dict[str, list[Found]]

ROOT = Path(__file__).parents[1]


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]


@contextmanager
def sink(median_wait: float = 0.0) -> Iterator[str]:
    """Start a sink in its own process; the value is its origin."""
    command = _python("sink", "--median", median_wait)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@contextmanager
def files_of(*works: Workload) -> Iterator[Path]:
    """Make a folder with the files of these workloads, gone afterwards."""
    with TemporaryDirectory() as folder:
        for work in {TINY, *works}:
            work.make(Path(folder))
        yield Path(folder)


def run(module: str, *arguments: object) -> Found:
    """Run a module of this folder in a new process and read the JSON it prints."""
    command = _python(module, *arguments)
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    return {name: float(value) for name, value in json.loads(printed).items()}


def spent(*command: str) -> Found:
    """Milliseconds of processor and wall time that a whole process takes."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return {"cpu": (usage.ru_utime + usage.ru_stime) * 1e3, "wall": wall * 1e3}


def once(peer: str, work: Workload, origin: str, files: Path) -> Found:
    """Measure a whole process that makes one call and ends."""
    return spent(*_python("worker", peer, work.name, origin, files, "--once"))


def in_turn(rounds: int, names: Sequence[str], measure: Callable[[str], Found]) -> Samples:
    """Measure each name once a round, so that a slow minute of the machine meets all of them."""
    samples: Samples = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            samples[name].append(measure(name))
    return samples


def middle(samples: Samples, name: str, what: str) -> float:
    """Take the median over the rounds."""
    return median(found[what] for found in samples[name])


def ratio(samples: Samples, name: str, what: str, reference: str) -> float:
    """Take the median of the ratios to the reference, each formed within one round."""
    pairs = zip(samples[name], samples[reference], strict=True)
    return median(ours[what] / theirs[what] for ours, theirs in pairs if theirs[what])
