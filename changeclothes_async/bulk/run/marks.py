"""The mark that a run leaves at a remote place: which ledger knows what was paid for it.

A place whose ledger is not here, since it was lost or is another machine's, would be paid for
twice. A folder needs no mark, since it holds its ledger.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import glance, ledger

if TYPE_CHECKING:  # fsspec is an extra
    from changeclothes_async.transport.remote import Remote

_log = logging.getLogger("changeclothes_async")

_FILE = "ledger.json"
_ID = "id"


@dataclass(frozen=True, slots=True)
class _Mark:
    ledger: str
    host: str
    path: str
    note: str = "What is here was paid through this ledger; without it, it would be paid again."


def check(place: Remote, path: Path) -> None:
    """Look whether the ledger at `path` is the place's; nothing is changed.

    Raises LedgerError where it is another one or there is none, SaveFailed where nobody can tell.
    """
    mark = _found(place)
    if mark and mark.ledger != _known(path):
        raise errors.LedgerError(
            f"{place.url} was filled under a ledger that is not here: {mark.path} on {mark.host}.",
            next_step=f"Bring that file to {path} and run it again, or choose another out; "
            "nothing was sent.",
        )


async def leave(place: Remote, path: Path, book: ledger.Ledger) -> None:
    """Mark the place, which also shows that it can be written; errors as those of `check`."""
    known = await book.recall(_ID)
    if known is None:
        known = secrets.token_hex(16)
        await book.remember(_ID, known)
    mark = _Mark(known, socket.gethostname(), str(path))
    await asyncio.to_thread(_leave, place, path, mark)
    _log.info("The ledger of %s is %s.", place.url, path)


def _leave(place: Remote, path: Path, mark: _Mark) -> None:
    data = json.dumps(asdict(mark), indent=1, ensure_ascii=False).encode()
    try:
        new = place.create(_FILE, data)  # of two runs that begin at once, one is told
    except errors.SaveFailed:
        new = False  # not every store can do that; whether it can be written at all is seen now
    if not new:
        check(place, path)
        place.write(_FILE, data)


def _found(place: Remote) -> _Mark | None:
    data = place.read(_FILE)
    try:
        return _Mark(**json.loads(data)) if data is not None else None
    except (ValueError, TypeError):
        failure = errors.LedgerError(
            f"{place.url}/{_FILE}, which names the ledger, cannot be read.",
            next_step="Restore it, or choose another out; nothing was sent.",
        )
    raise failure


def _known(path: Path) -> str | None:
    if not path.exists():
        return None
    with glance.at(path) as book:
        return book.recall(_ID)
