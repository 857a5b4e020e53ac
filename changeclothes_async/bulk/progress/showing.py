"""A bar kept up to date while a run goes on; a bar that fails is logged and never stops the run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from changeclothes_async.bulk.progress.bars import Bar
from changeclothes_async.bulk.progress.tally import Tally

_log = logging.getLogger("changeclothes_async")

_REFRESH = 0.1


@asynccontextmanager
async def shown(bar: Bar | None, tally: Tally) -> AsyncIterator[None]:
    """Show a tally on a bar, if there is one, and at the end what it has come to."""
    if bar is None:
        yield
        return
    ticking = asyncio.create_task(_tick(bar, tally))
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        try:
            bar.close(tally.snapshot())
        except Exception:  # as where the terminal is gone; what was made is not
            _log.exception("The bar could not be closed; fix its close.")


async def _tick(bar: Bar, tally: Tally) -> None:
    try:
        while True:
            bar.update(tally.snapshot())
            await asyncio.sleep(_REFRESH)
    except Exception:
        _log.exception("The bar failed, and the run goes on without it; fix its update.")
