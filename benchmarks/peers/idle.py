"""Nothing is sent: what the meters find on this machine when a program does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from benchmarks.peers import Carry
from benchmarks.workloads import Job


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """Pause in place of the jobs."""
    del origin, in_flight

    async def carry(jobs: Iterable[Job]) -> None:
        del jobs
        await asyncio.sleep(0.5)

    yield carry
