"""Terms to hire with, orders to give, and clusters in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from changeclothes_async import TryOn
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster.worker import hire_agent, meet_agent
from changeclothes_async.transport import places
from tests import peers
from tests.bulk.cluster import engines
from tests.bulk.service import PICS, Service

Order = Callable[..., messages.AttemptOrder]


@pytest.fixture
def terms(service: Service, out: Path) -> messages.Terms:
    """Give what an agent of the service is hired with."""
    out.mkdir()
    (out / ".probe").touch()
    return messages.Terms(
        version=metadata.version("changeclothes-async"),
        base_url=service.url,
        connect_timeout=20.0,
        max_result_bytes=2**20,
        trust_env=False,
        place=places.Folder(out),
        probe=".probe",
        is_child=False,
    )


async def hire(
    name: str, terms: messages.Terms, worker: object = None
) -> messages.Hired | Exception:
    """Hire an agent of this process, with the key; `worker` is what dask would give."""
    secrets = messages.Secrets(api_key=peers.KEY, headers={}, proxy=None)
    sealed = secrets.sealed(await meet_agent(name))
    return await hire_agent(name, replace(terms, secrets=sealed), worker)


@pytest.fixture
def order(service: Service) -> Order:
    """Make orders of attempts at the service: of a number, for a cell."""

    def make(
        number: int,
        begin_by: float | None = None,
        *,
        model: bytes | None = None,
        timeout: float = 60.0,
        url: str = service.url,
    ) -> messages.AttemptOrder:
        job = TryOn(model=f"{PICS}m{number}.jpg", garment=f"{PICS}g0.jpg", category="dresses")
        pictures = dict(job.pictures())
        return messages.AttemptOrder(
            number,
            asyncio.get_running_loop().time() + 30 if begin_by is None else begin_by,
            url + job.endpoint,
            tuple(job.texts()),
            tuple((pictures | ({"modelImg": model} if model else {})).items()),
            timeout,
        )

    return make


@pytest.fixture
async def engine() -> AsyncIterator[Callable[..., engines.Engine]]:
    """Make clusters of workers by name; they end with the test."""
    made: list[engines.Engine] = []

    def make(*workers: str, private: bool = True) -> engines.Engine:
        made.append(engines.Engine(*workers, private=private))
        return made[-1]

    yield make
    for one in made:
        await one.end()
