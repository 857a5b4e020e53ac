"""The ledger's tables.

A call's own row holds the end that its state rests on. Nearly every call ends once, and a row of
its own for each end would double what is written; `attempts` lists all ends of the other calls.
"""

from __future__ import annotations

VERSION = 2
APPLICATION = 0x43434C47  # "CCLG", by which a ledger is told from any other SQLite file

FACTS = "http_status, body, code, msg, error, message, money, elapsed"
END = f"attempt, started_at, ended_at, event, {FACTS}"
_COLUMNS = """
    attempt INTEGER,
    started_at REAL,
    ended_at REAL,
    event TEXT,
    http_status INTEGER,
    code INTEGER,
    msg TEXT,
    error TEXT,
    message TEXT,
    money TEXT,
    elapsed REAL,
    body BLOB
"""
"""How an attempt ended; the body last, so that what stands before a long one is found at once."""

# Not STRICT: SQLite before 3.37 (RHEL 9, Debian 11) cannot even read such a table.
SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    claimed_at REAL NOT NULL,
    {_COLUMNS}
);
CREATE INDEX calls_by_state ON calls (state);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    call INTEGER NOT NULL REFERENCES calls (id),
    {_COLUMNS}
);
CREATE INDEX attempts_by_call ON attempts (call);
CREATE TABLE pictures (
    name TEXT PRIMARY KEY,
    identity BLOB NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX pictures_by_identity ON pictures (identity);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
