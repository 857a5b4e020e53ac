"""A client's own ledger: opened by whoever needs it first, in whichever loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from asyncio import wrap_future
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from changeclothes_async import errors
from changeclothes_async.bulk import placing

if TYPE_CHECKING:  # SQLite loads with the first call, not with the package
    from changeclothes_async.bulk.calls import paying


class ClientLedger:
    """The ledger at a path; `payments` go through it, None as long as it is not open."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.opening: Future[paying.Payments] | None = None
        self.payments: paying.Payments | None = None

    async def opened(self, base_url: str) -> paying.Payments:
        """Open it for the calls of a service, if it is not. Raises LedgerError."""
        from changeclothes_async.bulk.calls import services

        with self._lock:  # loops of several threads may be the first
            if self.opening is None or (self.opening.done() and self.opening.exception()):
                self.opening = _begun(self._path, base_url)
            opening = self.opening
        payments = await asyncio.shield(wrap_future(opening))
        await services.note(payments.book, base_url)
        self.payments = payments
        return payments

    async def close(self) -> None:
        """Close it, where it was opened."""
        if self.opening:
            with contextlib.suppress(errors.LedgerError):  # told to whoever wanted to use it
                await (await wrap_future(self.opening)).book.close()


def _begun(path: str | os.PathLike[str], base_url: str) -> Future[paying.Payments]:
    """Begin to open a ledger to pay a service through, in a thread: it belongs to no loop."""
    from changeclothes_async.bulk.calls import paying, services
    from changeclothes_async.bulk.ledger import ledger

    def opened(here: Path) -> paying.Payments:
        services.check(here, base_url)
        return paying.Payments(ledger.Ledger.open_here(here))

    thread = ThreadPoolExecutor(1, "changeclothes-opening")
    try:
        return thread.submit(opened, placing.named(path))
    finally:
        thread.shutdown(wait=False)
