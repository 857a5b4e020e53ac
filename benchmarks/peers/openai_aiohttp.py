"""openai's `images.edit` with paths, over its aiohttp transport; its retries are off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI, DefaultAioHttpClient

from benchmarks.peers import KEY, Carry, carrying
from benchmarks.peers.openai_httpx import edit


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One client; its pool of 1,000 connections has room for all."""
    async with AsyncOpenAI(
        api_key=KEY, base_url=f"{origin}/v1", max_retries=0, http_client=DefaultAioHttpClient()
    ) as client:
        yield carrying(lambda job: edit(client, job), in_flight)
