"""How a run is going: events as they happen, and snapshots counted from the ledger."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from changeclothes_async import errors
from changeclothes_async.bulk.states import State

_RECENT = 64


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one cell.

    `kind` is, of an attempt: "claimed" (written down), "sending" (`bytes` more are handed over),
    "sent" (whole), "answered" (understood, not yet written down); of its cell: "paid" (written
    down), "placed" (the picture is on the disk), "saved" (and that is written down), "failed",
    "unsure", "given back" (not spent, and still to do), "waiting" (for the network or service).
    """

    kind: str
    cell: str
    bytes: int = 0
    error: errors.ChangeClothesError | None = None
    at: float = field(default_factory=time.time)


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment: cells by state, calls spent in this run, seconds, cells per second."""

    total: int
    saved: int
    paid: int
    in_flight: int
    failed: int
    unsure: int
    open: int
    calls: int
    elapsed: float
    rate: float
    seconds_left: float | None
    stopping: bool


class Bar(Protocol):
    """Something that shows snapshots."""

    def update(self, snapshot: Snapshot) -> None:
        """Show how it is going; called often."""

    def close(self, snapshot: Snapshot) -> None:
        """Show how it ended."""


class Tally:
    """Counts a run's cells: from the ledger at its start, by what happens after that."""

    def __init__(
        self, total: int, known: dict[State, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._started = clock()
        self._ends: deque[float] = deque(maxlen=_RECENT)
        self.total = total
        self.calls = self.in_flight = 0
        self.stopping = False
        self.recount(known)

    def recount(self, known: dict[State, int]) -> None:
        """Take the counts from the ledger."""
        self.saved = known.get(State.SAVED, 0)
        self.paid = known.get(State.PAID, 0)
        self.failed = known.get(State.FAILED, 0)
        self.unsure = known.get(State.UNSURE, 0) + known.get(State.DAMAGED, 0)

    def left(self, state: State | None) -> None:
        """Take a cell out of the count of a state it is about to leave."""
        if state is State.FAILED:
            self.failed -= 1
        elif state in {State.UNSURE, State.DAMAGED}:
            self.unsure -= 1
        elif state is State.PAID:
            self.paid -= 1
        elif state is State.SAVED:
            self.saved -= 1

    def returned(self, state: State | None) -> None:
        """Put a cell back that left its state for nothing."""
        self.failed += state is State.FAILED
        self.unsure += state in {State.UNSURE, State.DAMAGED}

    def ended(self) -> None:
        """Take note that one more cell is done, for the rate."""
        self._ends.append(self._clock())

    def snapshot(self) -> Snapshot:
        """Give the counts as they are now; a ledger of a larger grid is cut to this one's size."""
        now = self._clock()
        known = min(self.total, self.saved + self.paid + self.failed + self.unsure)
        left = max(0, self.total - known - self.in_flight)
        since = now - self._ends[0] if len(self._ends) > 1 else 0.0
        rate = (len(self._ends) - 1) / since if since > 0 else 0.0
        to_do = left + self.in_flight
        return Snapshot(
            total=self.total,
            saved=min(self.saved, self.total),
            paid=max(0, self.paid),
            in_flight=self.in_flight,
            failed=self.failed,
            unsure=self.unsure,
            open=left,
            calls=self.calls,
            elapsed=now - self._started,
            rate=rate,
            seconds_left=to_do / rate if rate else None,
            stopping=self.stopping,
        )
