"""A folder for runs, and a service with a quick client of it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from changeclothes_async import client as clients
from tests.bulk import service as services


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Give a run's folder; in memory where there is such a place, since runs flush every file."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is private
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder) / "lookbook"


@pytest.fixture
async def service() -> AsyncIterator[services.Service]:
    """Run a service that makes whatever it is asked for, until its `reply` is replaced."""
    async with services.Service() as running:
        yield running


@pytest.fixture
def quick(
    client: Callable[..., clients.AsyncChangeClothes], service: services.Service
) -> Callable[..., clients.AsyncChangeClothes]:
    """Make clients of the service that pause for milliseconds between attempts."""
    return lambda **options: services.quick(client(service.url, **options))
