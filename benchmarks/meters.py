"""What the client's process spent: processor time, memory above the start, stalls of its loop."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.001


def cpu_seconds() -> float:
    """User and system time of this process so far, all threads."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


class Memory:
    """The peak of resident memory above what was resident when this was made (Linux)."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
        self._start = _resident("VmRSS")

    def growth(self) -> float:
        """In MB, never below zero."""
        return max(0.0, _resident("VmHWM") - self._start) / 1e6


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024.0 * int(it.split()[1]) for it in lines if it.startswith(f"{field}:"))


@dataclass
class Stall:
    """The longest that a due callback waited for the loop, in seconds.

    `longest` is wall time, in which other programs have their share; `busy` is the processor time
    of the loop's own thread between two ticks.
    """

    longest: float = 0.0
    busy: float = 0.0


@contextmanager
def stalls() -> Iterator[Stall]:
    """Tick once a millisecond on the running loop and keep the worst lateness."""
    stall = Stall()
    ticking = asyncio.ensure_future(_tick(stall))
    try:
        yield stall
    finally:
        ticking.cancel()


async def _tick(stall: Stall) -> None:
    while True:
        due, busy = time.perf_counter() + _EVERY, time.thread_time()
        await asyncio.sleep(_EVERY)
        stall.longest = max(stall.longest, time.perf_counter() - due)
        stall.busy = max(stall.busy, time.thread_time() - busy)
