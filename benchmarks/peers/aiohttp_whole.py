"""aiohttp by hand, each file read whole before its call: quick, and all of it in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.peers import Carry, carrying
from benchmarks.peers.aiohttp_open import answer_of, session_for
from benchmarks.workloads import CATEGORY, Job, Picture


def form_of(job: Job) -> aiohttp.FormData:
    """Fill the form, always multipart, with the files' bytes."""
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
        whole = picture.read_bytes()
        form.add_field(name, whole, filename=picture.name, content_type="image/jpeg")


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """One session, a form a call."""
    async with session_for(origin, in_flight) as session:
        yield carrying(lambda job: answer_of(session, form_of(job)), in_flight)
