"""openai's `images.edit` with paths, over its default transport; its retries are off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from openai import AsyncOpenAI

from benchmarks.peers import KEY, Carry, carrying
from benchmarks.workloads import Job


async def edit(client: AsyncOpenAI, job: Job) -> str:
    """Send the job's files; this service takes no URLs."""
    files = [it for it in (job.model, job.garment) if isinstance(it, Path)]
    answer = await client.images.edit(image=files, prompt=job.desc, model="gpt-image-1")
    assert answer.data
    return str(answer.data[0].url)


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One client; its pool of 1,000 connections has room for all."""
    async with AsyncOpenAI(api_key=KEY, base_url=f"{origin}/v1", max_retries=0) as client:
        yield carrying(lambda job: edit(client, job), in_flight)
