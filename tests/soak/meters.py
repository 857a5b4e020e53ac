"""What a process holds: memory, tasks, files, threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOM = 30
"""MB that allocators may take and keep."""


@dataclass(frozen=True)
class Held:
    """What this process holds at a moment; memory in MB, resident."""

    memory: float
    tasks: int
    files: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.memory:.0f} MB, {self.tasks} tasks, {self.files} files, {self.threads} threads"
        )


def held() -> Held:
    """Measure now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(asyncio.all_tasks()),
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
    )


def grown(warm: Held, last: Held, closed: Held) -> bool:
    """Tell whether more is held at the end than at work, or anything once all is closed."""
    left = closed.tasks > 1 or closed.files > warm.files or closed.threads > warm.threads
    return left or last.memory - warm.memory > _ROOM


@contextlib.contextmanager
def serving(seed: int, *, seconds: float = 0, refusals: bool = False) -> Iterator[str]:
    """Run the service in a process of its own; gives its origin."""
    order = [str(seed), str(seconds), str(int(refusals))]
    command = [sys.executable, "-m", "tests.soak.service", *order]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def told(origin: str) -> dict[str, Any]:
    """Ask the service what it charged."""
    with urllib.request.urlopen(f"{origin}/told") as answer:  # noqa: S310 - loopback
        said: dict[str, Any] = json.load(answer)
    said["charges"] = dict(said["charges"])
    return said
