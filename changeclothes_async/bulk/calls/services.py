"""Whose calls a ledger holds: those of the service, or of a sandbox on this machine.

One job at both is two jobs: what a sandbox drew is not what anybody wants to have paid for, and a
ledger would give it again for ever.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from changeclothes_async import errors, settings
from changeclothes_async.bulk.ledger import ledger

_KEY = "service"


async def check(book: ledger.Ledger, base_url: str) -> None:
    """Raise LedgerError where one of the two is on this machine and the other is not.

    Which address it is does not matter: a sandbox has another port each time, and a service may
    have several names.
    """
    known = await book.recall(_KEY)
    if known is not None and _is_here(known) != _is_here(base_url):
        raise errors.LedgerError(
            f"The ledger {book.path} holds calls of {known}, and this client calls {base_url}.",
            next_step="Choose another one (for a run, another out) for each of the two; nothing "
            "was sent.",
        )


async def settle(book: ledger.Ledger, base_url: str) -> None:
    """Check, and write down whose calls a new ledger holds."""
    await check(book, base_url)
    if await book.recall(_KEY) is None:
        await book.remember(_KEY, base_url)


def _is_here(url: str) -> bool:
    return settings.is_loopback(urlsplit(url).hostname or "")
