"""All that reads and writes the ledger's tables, as functions of a connection.

A function here either refuses before it has written anything or does all of its work, since
many of them share one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from typing import Any, TypeVar

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import schema, states
from changeclothes_async.bulk.ledger.records import Attempt, Claim, Entry, Facts, SavedPicture
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.transport import places

T = TypeVar("T")

_CALL = "id, identity, endpoint, name, state, attempts, claimed_at, ended_at"
_ENTRY = f"SELECT {_CALL}, {schema.FACTS} FROM calls"  # noqa: S608 (constants)
_FIND = "SELECT state, attempts FROM calls WHERE identity = ?"
_MOVE = "UPDATE calls SET state = ? WHERE identity = ?"
_TELL = f"UPDATE calls SET ({schema.END}) = (?,?,?,?,?,?,?,?,?,?,?,?), state = ? WHERE identity = ?"  # noqa: S608 (constants)
_TELL_FIRST = f"{_TELL} AND state = 'claimed' AND attempts = ? AND event IS NULL"
_KEEP_FIRST = f"""
INSERT INTO attempts (call, {schema.END}) SELECT id, {schema.END} FROM calls
WHERE identity = ? AND event IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM attempts WHERE call = calls.id)
"""  # noqa: S608 (constants)
_KEEP = f"""
INSERT INTO attempts (call, {schema.END}) SELECT id, ?,?,?,?,?,?,?,?,?,?,?,? FROM calls
WHERE identity = ?
"""  # noqa: S608 (constants)
_LARGEST = 2**63 - 1
_AT_ONCE = 500  # SQLite before 3.32 takes 999 values in a statement


def claim(
    db: sqlite3.Connection, identity: bytes, endpoint: str, name: str, event: JobEvent, now: float
) -> Claim | Entry:
    """Return the permission to pay, or the entry that stands against it."""
    new = db.execute(
        "INSERT INTO calls (identity, endpoint, name, state, attempts, claimed_at)"
        " VALUES (?, ?, ?, 'claimed', 1, ?) ON CONFLICT (identity) DO NOTHING",
        (identity, endpoint, name, now),
    )
    if new.rowcount:
        return Claim(identity, 1, State.OPEN, now)
    state, attempts = _find(db, identity)
    if states.TRANSITIONS.get((state, event)) is not State.CLAIMED:
        return next(_entries(db, "WHERE identity = ?", (identity,)))[1]
    db.execute(
        "UPDATE calls SET state = 'claimed', name = ?, attempts = ?, claimed_at = ?"
        " WHERE identity = ?",
        (name, attempts + 1, now, identity),
    )
    return Claim(identity, attempts + 1, state, now)


def settle(db: sqlite3.Connection, held: Claim, event: JobEvent, facts: Facts, now: float) -> State:
    """Record how an attempt ended; its facts become the entry's when they moved the job."""
    end = (held.attempt, held.claimed_at, now, event.value, *_stored(facts))
    # Nearly always it is the first end of the job's only attempt, and nothing needs to be read.
    reached = states.settled(State.CLAIMED, event, before=held.before, latest=True)
    first = (*end, reached.value, held.identity, held.attempt)
    if db.execute(_TELL_FIRST, first).rowcount:
        return reached
    return _settle_again(db, held, event, end)


def _settle_again(
    db: sqlite3.Connection, held: Claim, event: JobEvent, end: tuple[Any, ...]
) -> State:
    state, attempts = _find(db, held.identity)
    reached = states.settled(state, event, before=held.before, latest=held.attempt == attempts)
    db.execute(_KEEP_FIRST, (held.identity,))
    db.execute(_KEEP, (*end, held.identity))
    if states.is_as_before(event, held.before):
        # It keeps the facts that made it so.
        db.execute(_MOVE, (reached.value, held.identity))
    elif reached is not state:
        db.execute(_TELL, (*end, reached.value, held.identity))
    return reached


def save(db: sqlite3.Connection, name: str, picture: SavedPicture) -> None:
    """Make the job saved, its picture's file known under `name`."""
    _step(db, picture.identity, JobEvent.SAVE)
    db.execute(
        "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)",
        (name, picture.identity, *astuple(picture.saved)),
    )


def miss(db: sqlite3.Connection, name: str, identity: bytes) -> None:
    """Make the job paid and no longer saved, its picture under `name` forgotten."""
    _step(db, identity, JobEvent.MISS)
    db.execute("DELETE FROM pictures WHERE name = ? AND identity = ?", (name, identity))


def abandon(db: sqlite3.Connection, now: float) -> None:
    """Make every claimed job unsure; for when whoever claimed them is known to be dead."""
    lost = Facts(
        error="Unsure",
        message="The program ended before this call's answer was written down.",
        money="maybe spent",
    )
    claimed = db.execute(
        "SELECT identity, attempts, claimed_at FROM calls WHERE state = 'claimed'"
    ).fetchall()
    for identity, attempt, started_at in claimed:
        settle(db, Claim(identity, attempt, State.OPEN, started_at), JobEvent.LOSE, lost, now)


def remember(db: sqlite3.Connection, key: str, value: str) -> None:
    """Keep `value` under `key`."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def recall(db: sqlite3.Connection, key: str) -> str | None:
    """Return what was kept under `key`."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row and str(row[0])


def entries(db: sqlite3.Connection, identities: Sequence[bytes]) -> dict[bytes, Entry]:
    """Look up the entries of those identities that are known."""
    found = (
        entry
        for some in _batches(identities)
        for _, entry in _entries(db, f"WHERE identity IN ({_marks(some)})", some)
    )
    return {entry.identity: entry for entry in found}


def page(db: sqlite3.Connection, wanted: Sequence[State], last: int) -> list[tuple[int, Entry]]:
    """Read the next entries after row `last`, by age, each with its row."""
    among = f"AND state IN ({_marks(wanted)})" if wanted else ""
    rest = f"WHERE id > ? {among} ORDER BY id LIMIT {_AT_ONCE}"
    return list(_entries(db, rest, (last, *wanted)))


def attempts(db: sqlite3.Connection, identity: bytes) -> list[Attempt]:
    """Read the audit of one job, in the order in which outcomes were reported."""
    ends = db.execute(
        f"SELECT {schema.END} FROM attempts WHERE call = (SELECT id FROM calls WHERE identity = ?)"  # noqa: S608 (constants)
        " ORDER BY id",
        (identity,),
    ).fetchall() or db.execute(
        f"SELECT {schema.END} FROM calls WHERE identity = ? AND event IS NOT NULL",  # noqa: S608 (constants)
        (identity,),
    )
    return [Attempt(end[0], end[1], end[2], JobEvent(end[3]), Facts(*end[4:])) for end in ends]


def pictures(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, SavedPicture]:
    """Look up the pictures of those names that are known."""
    found: dict[str, SavedPicture] = {}
    for some in _batches(names):
        rows = db.execute(f"SELECT * FROM pictures WHERE name IN ({_marks(some)})", some)  # noqa: S608 (question marks)
        found.update((row[0], SavedPicture(row[1], places.Saved(*row[2:]))) for row in rows)
    return found


def copies(db: sqlite3.Connection, identity: bytes) -> dict[str, SavedPicture]:
    """Look up all pictures of a job, by name."""
    rows = db.execute("SELECT * FROM pictures WHERE identity = ?", (identity,))
    return {row[0]: SavedPicture(row[1], places.Saved(*row[2:])) for row in rows}


def counts(db: sqlite3.Connection) -> dict[State, int]:
    """Count the jobs at each state, all states named."""
    known = dict(db.execute("SELECT state, count(*) FROM calls GROUP BY state").fetchall())
    return {state: known.get(state, 0) for state in State}


def _find(db: sqlite3.Connection, identity: bytes) -> tuple[State, int]:
    row = db.execute(_FIND, (identity,)).fetchone()
    if row is None:
        raise _unknown(identity)
    return State(row[0]), row[1]


def _unknown(identity: bytes) -> errors.LedgerError:
    return errors.LedgerError(
        f"The ledger knows no job {identity.hex()}.",
        next_step="Claim a job before anything else is told of it; nothing was changed.",
    )


def _step(db: sqlite3.Connection, identity: bytes, event: JobEvent) -> None:
    state, _ = _find(db, identity)
    reached = states.after(state, event)
    if reached is not state:
        db.execute(_MOVE, (reached.value, identity))


def _entries(
    db: sqlite3.Connection, rest: str, values: Sequence[Any]
) -> Iterator[tuple[int, Entry]]:
    for row in db.execute(f"{_ENTRY} {rest}", values):
        call, identity, endpoint, name, state, attempts, claimed_at, settled_at, *facts = row
        end = None if settled_at is None else Facts(*facts)
        last = end.money if end else "not spent"
        money = _worst(db, call, last) if attempts > 1 else last
        known = (identity, endpoint, name, State(state), attempts, claimed_at, settled_at, end)
        yield call, Entry(*known, money)


def _worst(db: sqlite3.Connection, call: int, last: errors.Money) -> errors.Money:
    found = db.execute("SELECT DISTINCT money FROM attempts WHERE call = ?", (call,))
    return errors.worst(last, *(money for (money,) in found))


def _stored(facts: Facts) -> tuple[Any, ...]:
    """Turn facts into what SQLite can hold: no answer is too strange to be written down."""
    code = facts.code
    return (
        facts.http_status,
        facts.body,
        code if code is None or -_LARGEST <= code <= _LARGEST else None,
        _text(facts.msg),
        facts.error,
        _text(facts.message),
        facts.money,
        facts.elapsed,
    )


def _text(words: str | None) -> str | None:
    # Lone surrogates, which JSON can spell and UTF-8 cannot.
    return words and words.encode("utf-8", "backslashreplace").decode()


def _batches(values: Sequence[T]) -> Iterable[list[T]]:
    rest = iter(values)
    return iter(lambda: list(islice(rest, _AT_ONCE)), [])


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
