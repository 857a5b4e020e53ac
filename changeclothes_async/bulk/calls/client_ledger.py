"""A client's own ledger: opened by whoever needs it first, in whichever loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from asyncio import wrap_future
from concurrent.futures import Future
from typing import TYPE_CHECKING

from changeclothes_async import errors

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
        from changeclothes_async.bulk.calls import paying, services

        with self._lock:  # loops of several threads may be the first
            if self.opening is None or (self.opening.done() and self.opening.exception()):
                self.opening = paying.opening(self._path, base_url)
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
