"""A run's driver, as a process that can be interrupted and killed.

    python -m tests.bulk.cluster.driving '{"url": …, "out": …, "size": [30, 50], "cluster": …}'

prints "stopping" when it was interrupted, and at last what became of the run, as JSON. Other names
are the client's options.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from changeclothes_async import AsyncChangeClothes, Snapshot
from tests import peers
from tests.bulk import service


class Bar:
    """A progress bar that only tells when the run begins to stop."""

    def __init__(self) -> None:
        self._is_told = False

    def update(self, snapshot: Snapshot) -> None:
        if snapshot.stopping and not self._is_told:
            self._is_told = True
            print("stopping", flush=True)

    def close(self, snapshot: Snapshot) -> None: ...


async def drive(url: str, out: str, size: list[int], cluster: Any, **options: Any) -> None:
    """Run a grid of addresses on a cluster."""
    async with AsyncChangeClothes(peers.KEY, url, **options) as client:
        work = service.grid(*size)
        how: dict[str, Any] = {"progress": Bar(), "gallery": False, "masks": False}
        lookbook = await client.run_grid(work, out, cluster=cluster, **how)
    print(json.dumps({"stopped": str(lookbook.stopped or ""), "unsure": len(lookbook.unsure)}))


if __name__ == "__main__":
    asyncio.run(drive(**json.loads(sys.argv[1])))
