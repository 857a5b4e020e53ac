"""changeclothes_async given all the jobs at once, outcomes taken as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from benchmarks.peers import KEY, Carry
from benchmarks.workloads import CATEGORY, Job
from changeclothes_async import AsyncChangeClothes, TryOn


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """Hand over the jobs; the client reads them lazily and keeps to its limit by itself."""
    async with AsyncChangeClothes(
        api_key=KEY, base_url=origin, max_concurrency=in_flight
    ) as client:

        async def carry(jobs: Iterable[Job]) -> None:
            tries = (
                TryOn(model=it.model, garment=it.garment, category=CATEGORY, garment_desc=it.desc)
                for it in jobs
            )
            async for outcome in client.as_completed(tries):
                if outcome.error:
                    raise outcome.error

        yield carry
