"""httpx's AsyncClient, files handed over open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from io import BufferedReader
from typing import TypeAlias

import httpx

from benchmarks.peers import HEADERS, PATH, Carry, carrying
from benchmarks.workloads import CATEGORY, Job, Picture

_Part: TypeAlias = tuple[str | None, str | BufferedReader, str | None]


def _part(stack: ExitStack, picture: Picture) -> _Part:
    if isinstance(picture, str):
        return (None, picture, None)  # a text in a multipart form: a part without a filename
    return (picture.name, stack.enter_context(picture.open("rb")), "image/jpeg")


async def _call(client: httpx.AsyncClient, job: Job) -> str:
    with ExitStack() as stack:
        response = await client.post(
            PATH,
            data={"category": CATEGORY, "garmentDesc": job.desc},
            files={"modelImg": _part(stack, job.model), "garmentImg": _part(stack, job.garment)},
        )
    envelope = response.raise_for_status().json()
    if envelope["code"] != 200:
        raise RuntimeError(envelope["msg"])
    return str(envelope["data"]["resultImgUrl"])


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One client, with room for all calls in flight."""
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(
        base_url=origin, headers=HEADERS, limits=limits, timeout=300
    ) as client:
        yield carrying(lambda job: _call(client, job), in_flight)
