"""aiohttp by hand with `gather` over one batch after the other, as many loops are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice

from benchmarks.peers import Carry
from benchmarks.peers.aiohttp_open import answer_of, form_of, session_for
from benchmarks.workloads import Job


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """Start a batch when the slowest call of the one before has ended."""
    async with session_for(origin, in_flight) as session:

        async def carry(jobs: Iterable[Job]) -> None:
            queue = iter(jobs)
            while batch := list(islice(queue, in_flight)):
                await asyncio.gather(*(answer_of(session, form_of(job)) for job in batch))

        yield carry
