"""A log is told from a damaged one, byte by byte and commit by commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from changeclothes_async.bulk.ledger import wal

FRAME = 24 + 1024


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Keep the log of four commits of one frame each from being cleared away."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA page_size = 1024")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE notes (note)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(4):
            db.execute("INSERT INTO notes VALUES (?)", (number,))
        copy = tmp_path / "copy"
        copy.write_bytes((tmp_path / "ledger.db-wal").read_bytes())
        assert copy.stat().st_size == 32 + 4 * FRAME
        yield copy


def spoil(log: Path, place: int) -> bool:
    whole = log.read_bytes()
    log.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    try:
        return wal.damaged(log)
    finally:
        log.write_bytes(whole)


def test_a_whole_log_is_whole(log: Path) -> None:
    """The log as SQLite wrote it is not damaged; nor is none, or an empty one."""
    assert not wal.damaged(log)
    assert not wal.damaged(log.with_name("none"))
    log.write_bytes(b"")
    assert not wal.damaged(log)


def test_a_spoilt_byte_is_found(log: Path) -> None:
    """A byte changed anywhere before the last two commits is damage."""
    places = [*range(4), *range(8, 32, 3), *range(32, 32 + 24), *range(32, 32 + 2 * FRAME, 41)]
    assert [place for place in places if not spoil(log, place)] == []


def test_the_last_commit_may_be_torn(log: Path) -> None:
    """A log that ends in the middle of a commit is what a power failure leaves."""
    whole = log.read_bytes()
    for length in range(len(whole) - FRAME, len(whole), 97):
        log.write_bytes(whole[:length])
        assert not wal.damaged(log)
    log.write_bytes(whole)
    assert not spoil(log, len(whole) - 1)


def test_a_long_last_commit_may_be_torn(tmp_path: Path) -> None:
    """The frames of one commit reach the disk in any order, so the last may lack its first."""
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE notes (note)")
        log = tmp_path / "ledger.db-wal"
        first = log.stat().st_size
        db.execute("INSERT INTO notes VALUES (zeroblob(40000))")
        assert log.stat().st_size > first + 9 * 4096
        assert not spoil(log, first + 100)
        db.execute("INSERT INTO notes VALUES (1)")
        assert spoil(log, first + 100)


def test_an_older_round_is_no_damage(tmp_path: Path) -> None:
    """Frames left over from before the log was begun anew are not taken for lost commits."""
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE notes (note)")
        for number in range(9):
            db.execute("INSERT INTO notes VALUES (?)", (number,))
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        db.execute("INSERT INTO notes VALUES (9)")
        log = tmp_path / "ledger.db-wal"
        assert log.stat().st_size > 9 * 4096
        assert not wal.damaged(log)
