"""What the ledger hands out: a claim, an entry, an attempt and its facts, a picture.

Times are unix seconds of the wall clock; they inform and never decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.transport import places


@dataclass(frozen=True, slots=True)
class Claim:
    """The permission to pay for a job once; whoever holds it settles it.

    `attempt` counts from 1; `before` is the state the claim found the job in.
    """

    identity: bytes
    attempt: int
    before: State
    claimed_at: float


@dataclass(frozen=True, slots=True)
class Facts:
    """How an attempt ended: the answer as received, and what was made of it.

    `body` is the raw answer (capped by the caller); `code` and `msg` are the envelope's;
    `error` is the class name of the error and `message` its words; `elapsed` is in seconds.
    """

    http_status: int | None = None
    body: bytes = field(default=b"", repr=False)
    code: int | None = None
    msg: str | None = None
    error: str | None = None
    message: str | None = None
    money: errors.Money = "not spent"
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as the ledger knows it.

    `name` is the cell's that claimed it last; `attempts` counts claims, and `money` is what all of
    them may have cost together. `facts` and `settled_at` are those of the outcome its state rests
    on, None before the first.
    """

    identity: bytes
    endpoint: str
    name: str
    state: State
    attempts: int
    claimed_at: float
    settled_at: float | None
    facts: Facts | None
    money: errors.Money = "not spent"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the audit: how one attempt ended; a late outcome adds a line of its own."""

    attempt: int
    started_at: float
    ended_at: float
    event: JobEvent
    facts: Facts


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """A picture that was put in place: whose it is, and the file as it was then."""

    identity: bytes
    saved: places.Saved
