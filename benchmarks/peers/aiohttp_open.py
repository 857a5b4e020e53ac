"""aiohttp by hand as its documentation shows it: files handed over open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.peers import HEADERS, PATH, Carry, carrying
from benchmarks.workloads import CATEGORY, Job, Picture


def form_of(job: Job) -> aiohttp.FormData:
    """Fill the form, always multipart; aiohttp closes the files."""
    form = aiohttp.FormData(default_to_multipart=True)
    _add(form, "modelImg", job.model)
    _add(form, "garmentImg", job.garment)
    form.add_field("category", CATEGORY)
    form.add_field("garmentDesc", job.desc)
    return form


def _add(form: aiohttp.FormData, name: str, picture: Picture) -> None:
    if isinstance(picture, str):
        form.add_field(name, picture)
    else:
        file = picture.open("rb")
        form.add_field(name, file, filename=picture.name, content_type="image/jpeg")


async def answer_of(session: aiohttp.ClientSession, form: aiohttp.FormData) -> str:
    """Find the result's URL, or fail."""
    async with session.post(PATH, data=form) as response:
        envelope = await response.json()
    if envelope["code"] != 200:
        raise RuntimeError(envelope["msg"])
    return str(envelope["data"]["resultImgUrl"])


def session_for(origin: str, in_flight: int) -> aiohttp.ClientSession:
    """One session, with room for all calls in flight."""
    return aiohttp.ClientSession(
        origin,
        headers=HEADERS,
        connector=aiohttp.TCPConnector(limit=in_flight),
        timeout=aiohttp.ClientTimeout(total=300),
        raise_for_status=True,
    )


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One session, a form a call."""
    async with session_for(origin, in_flight) as session:
        yield carrying(lambda job: answer_of(session, form_of(job)), in_flight)
