"""changeclothes_async with every call claimed before it and settled after it in a ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import Carry
from benchmarks.peers.ours import carried_by_client


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """As `ours`, with a new ledger on disk."""
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        async with carried_by_client(origin, in_flight, ledger=ledger) as carry:
            yield carry
