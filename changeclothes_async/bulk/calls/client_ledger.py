"""A client's own ledger: opened by whoever needs it first, in whichever loop.

Clients of one process that are given the same path share it, so that a notebook's cell that makes
one can be run again. It is closed when the last of them is, or is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from asyncio import wrap_future
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakSet, WeakValueDictionary

from changeclothes_async import errors
from changeclothes_async.bulk import placing

if TYPE_CHECKING:  # SQLite loads with the first call, not with the package
    from changeclothes_async.bulk.calls import paying

_Key: TypeAlias = tuple[int, Path]
"""A process, since a fork takes no ledger along, and a path."""


class ClientLedger:
    """The ledger at a path; `payments` go through it, None as long as it is not open."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self.shared: _Shared | None = None
        self.payments: paying.Payments | None = None

    async def opened(self, base_url: str) -> paying.Payments:
        """Open it for the calls of a service, if it is not. Raises LedgerError."""
        from changeclothes_async.bulk.calls import services

        self.shared = _joined(placing.named(self._path), base_url, self)
        payments = await asyncio.shield(wrap_future(self.shared.opening))
        await services.note(payments.book, base_url)
        self.payments = payments
        return payments

    async def close(self) -> None:
        """Close it, where it was opened and nobody else uses it."""
        if self.shared and _left(self.shared, self):
            with contextlib.suppress(errors.LedgerError):  # told to whoever wanted to use it
                await (await wrap_future(self.shared.opening)).book.close()


class _Shared:
    """A ledger that is open, or being opened, and the clients that use it.

    Without any it is being closed, which its successor waits for.
    """

    def __init__(self, here: Path, base_url: str, before: _Shared | None) -> None:
        self.users: WeakSet[ClientLedger] = WeakSet()
        self.opening = _begun(here, base_url, before)

    @property
    def is_of_use(self) -> bool:
        """Whether others may join: it is neither being closed, nor could it not be opened."""
        return bool(self.users) and not (self.opening.done() and self.opening.exception())


_open: WeakValueDictionary[_Key, _Shared] = WeakValueDictionary()
_lock = threading.Lock()  # loops of several threads may be the first


def _joined(here: Path, base_url: str, user: ClientLedger) -> _Shared:
    """Return what opens the ledger for a user, begun if nobody has, or not successfully."""
    key = os.getpid(), here
    with _lock:
        shared = _open.get(key)
        if shared is None or not shared.is_of_use:
            shared = _open[key] = _Shared(here, base_url, shared)
        shared.users.add(user)
    return shared


def _left(shared: _Shared, user: ClientLedger) -> bool:
    """Take note that a user is done; tell whether it was the last one, for whom nobody may come."""
    with _lock:
        shared.users.discard(user)
        return not shared.users


def _begun(here: Path, base_url: str, before: _Shared | None) -> Future[paying.Payments]:
    """Begin to open a ledger to pay a service through, in a thread: it belongs to no loop."""
    from changeclothes_async.bulk.calls import paying, services
    from changeclothes_async.bulk.ledger import ledger

    def opened() -> paying.Payments:
        if before:
            with contextlib.suppress(errors.LedgerError):  # where it could not be opened
                before.opening.result().book.close_here()
        services.check(here, base_url)
        return paying.Payments(ledger.Ledger.open_here(here))

    thread = ThreadPoolExecutor(1, "changeclothes-opening")
    try:
        return thread.submit(opened)
    finally:
        thread.shutdown(wait=False)
