"""The clients compared, one small file each, as an engineer who knows that library writes them.

A peer is `peer(origin, in_flight)`: an async context whose value carries jobs, all of them, and
returns when every one has its answer. What a peer shares with the others is here.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias, cast

from benchmarks.workloads import Job

Carry: TypeAlias = Callable[[Iterable[Job]], Awaitable[object]]
Peer: TypeAlias = Callable[[str, int], AbstractAsyncContextManager[Carry]]

KEY = "sk-benchmark"
PATH = "/api/openapi/change-clothes-ai"
HEADERS = {"Authorization": f"Bearer {KEY}"}

# A peer's file, and what it is called in a table.
TITLES = {
    "idle": "an idle program (the machine's own noise)",
    "sockets": "bare sockets, encoded ahead, `sendfile` (the floor)",
    "aiohttp_open": "hand-written aiohttp, files handed over open",
    "aiohttp_whole": "hand-written aiohttp, files read whole",
    "aiohttp_batches": "hand-written aiohttp, `gather` over batches",
    "ours": "changeclothes_async",
    "ours_as_completed": "changeclothes_async, `as_completed`",
    "ours_ledger": "changeclothes_async, with a ledger",
    "httpx_open": "httpx",
    "openai_httpx": "openai `images.edit` over httpx",
    "openai_aiohttp": "openai `images.edit` over aiohttp",
    "fashn_base64": "fashn (Base64 in JSON)",
    "requests_threads": "the API page's `requests` sample in threads",
}


def load(name: str) -> Peer:
    """Find the peer of this file name; what it imports loads with it."""
    return cast("Peer", importlib.import_module(f"benchmarks.peers.{name}").peer)


def carrying(call: Callable[[Job], Awaitable[object]], in_flight: int) -> Carry:
    """Carry jobs by calling for each, `in_flight` at a time."""

    async def carry(jobs: Iterable[Job]) -> None:
        queue = iter(jobs)

        async def work() -> None:
            for job in queue:
                await call(job)

        async with asyncio.TaskGroup() as workers:
            for _ in range(in_flight):
                workers.create_task(work())

    return carry
