"""Whose calls a ledger holds: those of the service, or of a sandbox on this machine.

One job at both is two jobs: what a sandbox drew is not what anybody wants to have paid for, and a
ledger would give it again for ever.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import glance, ledger, states
from changeclothes_async.protocol import addresses

_KEY = "service"


def check(path: Path, base_url: str) -> None:
    """Raise LedgerError where one of the two is on this machine and the other is not.

    Which address it is does not matter: a sandbox has another port each time, and a service may
    have several names. Nothing is held and nothing is changed; a ledger without calls is anybody's.
    """
    if not os.path.exists(path):  # noqa: PTH110 - False for a path too long to be one
        return
    with glance.at(path) as book:
        known = book.recall(_KEY)
        if known and not _is_alike(known, base_url) and _was_used(book.counts()):
            raise _anothers(path, known, base_url)


async def note(book: ledger.Ledger, base_url: str) -> None:
    """Write down whose calls a ledger holds from now on; raises as `check` does.

    Another client may have opened it meanwhile, or long before.
    """
    known = await book.recall(_KEY)
    if known and _is_alike(known, base_url):
        return
    if known and _was_used(await book.counts()):
        raise _anothers(book.path, known, base_url)
    await book.remember(_KEY, base_url)


def _was_used(counts: Mapping[states.State, int]) -> bool:
    """Tell whether any job ever got further than a call that was not sent."""
    return any(count for state, count in counts.items() if state is not states.State.OPEN)


def _is_alike(known: str, base_url: str) -> bool:
    return addresses.is_here(known) == addresses.is_here(base_url)


def _anothers(path: Path, known: str, base_url: str) -> errors.LedgerError:
    return errors.LedgerError(
        f"The ledger {path} holds calls of {known}, and this client calls {base_url}.",
        next_step="Give each of the two a ledger of its own (a run: another out), or go on "
        "with the address it was started with; nothing was sent.",
    )
