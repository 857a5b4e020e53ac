"""changeclothes_async as its README shows it, all features on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.peers import KEY, Carry, carrying
from benchmarks.workloads import CATEGORY, Job
from changeclothes_async import AsyncChangeClothes


@asynccontextmanager
async def carried_by_client(origin: str, in_flight: int, **options: Any) -> AsyncIterator[Carry]:
    """One client with these options beside the usual ones."""
    async with AsyncChangeClothes(
        api_key=KEY, base_url=origin, max_concurrency=in_flight, **options
    ) as client:

        async def call(job: Job) -> str:
            look = await client.try_on(
                model=job.model, garment=job.garment, category=CATEGORY, garment_desc=job.desc
            )
            return look.result_img_url

        yield carrying(call, in_flight)


peer = carried_by_client
