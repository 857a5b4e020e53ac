"""What the tests share: pictures, clients, loops, and whole answers without a socket."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses
import pytest

from changeclothes_async import client as clients
from changeclothes_async.bulk.ledger import ledger
from tests import clocks, peers


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "swift: the test's loop time jumps over pauses")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would every process that a test starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("swift"):
        return {"swift": clocks.JumpingLoop}
    return {"plain": asyncio.new_event_loop}


Client = Callable[..., clients.AsyncChangeClothes]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Make clients for a peer or an origin; they are closed at the end."""
    made = []

    def make(peer: peers.Peer | str, **options: Any) -> clients.AsyncChangeClothes:
        origin = peer if isinstance(peer, str) else peer.url
        made.append(clients.AsyncChangeClothes(peers.KEY, origin, **options))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


class _Response(aiohttp.ClientResponse):
    """aiohttp's answer, made the way that aioresponses makes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=SimpleNamespace(output_size=0), **kwargs)


@pytest.fixture
def answered() -> Iterator[Callable[..., None]]:
    """Say what https://api.example answers to any POST: status=, body= or payload=, headers=."""
    with aioresponses.aioresponses() as mock:

        def say(**answer: Any) -> None:
            mock.post(
                "https://api.example/api/openapi/change-clothes-ai",
                response_class=_Response,
                repeat=True,
                **answer,
            )

        yield say


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "Worker", clocks.Worker)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHANGECLOTHES_API_KEY", "CHANGECLOTHES_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
