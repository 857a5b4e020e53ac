"""Runs a sandbox in a thread with a loop of its own, for callers without a running loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Protocol


class Startable(Protocol):
    """What is started and stopped on one loop."""

    async def start(self) -> None:
        """Start serving."""

    async def stop(self) -> None:
        """Stop serving."""


class Background:
    """A thread in which something serves until it is stopped."""

    def __init__(self, served: Startable) -> None:
        self._served = served
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="changeclothes-sandbox", daemon=True
        )

    def start(self) -> None:
        """Return once it serves; raises what its start raised."""
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Return once it has stopped."""
        self._ready.result().call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self) -> None:
        try:
            await self._served.start()
        except BaseException as error:  # it belongs to the thread that waits
            self._ready.set_exception(error)
            return
        self._ready.set_result(asyncio.get_running_loop())
        await self._stopped.wait()
        await self._served.stop()
