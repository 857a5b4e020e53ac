"""fashn's SDK: pictures as Base64 data URIs in JSON, which is the only way it has for files."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fashn import AsyncFashn

from benchmarks.peers import KEY, Carry, carrying
from benchmarks.workloads import Job, Picture


def _inline(picture: Picture) -> str:
    if isinstance(picture, str):
        return picture
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


async def _run(client: AsyncFashn, job: Job) -> str:
    started = await client.predictions.run(
        model_name="tryon-v1.6",
        inputs={
            "model_image": _inline(job.model),
            "garment_image": _inline(job.garment),
            "category": "one-pieces",
        },
    )
    return started.id


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One client; only the call that starts a job is made, without its polling."""
    async with AsyncFashn(api_key=KEY, base_url=origin, max_retries=0) as client:
        yield carrying(lambda job: _run(client, job), in_flight)
