"""A ledger read in the calling thread, for a moment, also while a run is writing to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from changeclothes_async.bulk.ledger import opening, tables
from changeclothes_async.bulk.ledger.records import Entry, SavedPicture
from changeclothes_async.bulk.ledger.states import State


@contextmanager
def at(path: Path) -> Iterator[Glance]:
    """Look into the ledger at `path`; raises LedgerError where there is none that can be read."""
    try:
        with opening.for_reading(path) as db:
            yield Glance(db)
    except (sqlite3.Error, OSError) as error:
        raise opening.blame(path, error) from error


@dataclass(frozen=True, slots=True)
class Glance:
    """What can be asked; see the methods of `ledger.Ledger` with these names."""

    _db: sqlite3.Connection

    def entries(self, identities: Sequence[bytes]) -> dict[bytes, Entry]:
        """Look up the entries of those that were ever claimed."""
        return tables.entries(self._db, identities)

    def pictures(self, names: Sequence[str]) -> dict[str, SavedPicture]:
        """Look up the pictures of those names that were put in place."""
        return tables.pictures(self._db, names)

    def counts(self) -> dict[State, int]:
        """Count the jobs at each state; every state is there."""
        return tables.counts(self._db)

    def recall(self, key: str) -> str | None:
        """Return what was kept under `key`."""
        return tables.recall(self._db, key)
