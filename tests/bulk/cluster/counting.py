"""A service that counts as in flight what somebody still waits for; charges go into a file.

    python -m tests.bulk.cluster.counting CHARGES SECONDS

prints its address, and when its input ends the peak in flight. It outlives whoever is killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from typing import Any

from tests.bulk.service import Service


class Counting(Service):
    """A service with a `peak`; who is gone is not in flight, as with any server's connections."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asking: set[asyncio.StreamReader] = set()
        self.peak = 0

    async def _answer(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        if head.startswith(b"POST "):
            self._asking.add(reader)
            waiting = sum(not (r.at_eof() or r.exception()) for r in self._asking)
            self.peak = max(self.peak, waiting)
        try:
            return await super()._answer(head, reader)
        finally:
            self._asking.discard(reader)


async def serve(charges: str, seconds: float) -> None:
    """Charge first, then take a while: who is killed meanwhile has paid."""
    file = os.open(charges, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    dice = random.Random(seconds)

    async def reply(cell: str) -> None:
        os.write(file, f"{cell}\n".encode())
        await asyncio.sleep(dice.uniform(0, seconds))

    async with Counting(reply, charge=lambda _: None) as service:
        print(service.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(service.peak, flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2])))
