"""The API page's own Python sample, a call a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from io import BufferedReader

import requests

from benchmarks.peers import HEADERS, PATH, Carry
from benchmarks.workloads import CATEGORY, Job, Picture


def _value(stack: ExitStack, picture: Picture) -> str | BufferedReader:
    return picture if isinstance(picture, str) else stack.enter_context(picture.open("rb"))


def _call(origin: str, job: Job) -> str:
    """As the page has it: every field through `files`, a new connection each time."""
    with ExitStack() as stack:
        form = {
            "modelImg": _value(stack, job.model),
            "garmentImg": _value(stack, job.garment),
            "category": CATEGORY,
            "garmentDesc": job.desc,
        }
        response = requests.post(origin + PATH, files=form, headers=HEADERS, timeout=300)
    response.raise_for_status()
    return str(response.json().get("data", {}).get("resultImgUrl"))


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """As many threads as calls in flight; the loop stands still meanwhile."""
    with ThreadPoolExecutor(in_flight) as threads:

        async def carry(jobs: Iterable[Job]) -> None:
            for _ in threads.map(lambda job: _call(origin, job), jobs):
                pass

        yield carry
