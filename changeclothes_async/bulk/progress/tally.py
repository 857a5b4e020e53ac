"""How a run is going, counted from the ledger at its start and from what happens after that."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from changeclothes_async.bulk.ledger.states import State

_RECENT = 64
_EARLY = 1.0  # seconds in which a rate is chance
_SHOWN = (State.SAVED, State.PAID, State.FAILED, State.UNSURE, State.DAMAGED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment: cells by state, seconds, cells per second.

    `calls` counts the attempts of this run, without those that were turned away before any work
    and left their cells as they were. `damaged` are paid cells whose answer held no usable result.
    """

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
    damaged: int = 0


class Tally:
    """Counts a run's cells by state: from the ledger at its start, by what happens after that.

    The ledger knows all jobs at once; the walk over the work meets cell after cell, and also those
    that share a job. The larger of the two counts is nearer to the truth until the walk has ended.
    """

    def __init__(
        self,
        total: int,
        clock: Callable[[], float] = time.monotonic,
        max_calls: int | None = None,
    ) -> None:
        self._clock = clock
        self._started = clock()
        # The start counts as an end: the first cells have all been made since then, and when many
        # are under way at once they end within moments of each other.
        self._ends: deque[float] = deque([self._started], maxlen=_RECENT)
        self._known: Counter[State] = Counter()
        self._walked: Counter[State] = Counter()
        self._total = total
        self._max_calls = max_calls
        self.calls = self.in_flight = 0
        self.may_send = True
        self.stopping = False

    def stays(self, state: State) -> None:
        """Count a cell for which nothing is done."""
        self._walked[state] += 1

    def leaves(self, state: State) -> None:
        """Take a cell out of the state in which the ledger knew it."""
        self._known[state] -= 1

    def enters(self, state: State) -> None:
        """Count a cell that came to a state now."""
        self._known[state] += 1
        self._walked[state] += 1
        if state not in {State.PAID, State.OPEN}:
            self._ends.append(self._clock())

    def moves(self, before: State, after: State) -> None:
        """Count a cell of this run that came to another state."""
        self.leaves(before)
        self._walked[before] -= 1
        self.enters(after)

    def recount(self, known: dict[State, int]) -> None:
        """Count from the ledger: at first, and anew where nobody heard how calls ended."""
        self._known = Counter(known)
        self._walked.clear()

    def snapshot(self) -> Snapshot:
        """Return the counts as they are now; those of a larger grid are cut to this one's size."""
        saved, paid, failed, unsure, damaged = (self._count(state) for state in _SHOWN)
        left = max(0, self._total - saved - paid - failed - unsure - damaged - self.in_flight)
        now = self._clock()
        elapsed = now - self._started
        since = now - self._ends[0] if len(self._ends) > 2 and elapsed >= _EARLY else 0.0
        rate = (len(self._ends) - 1) / since if since > 0 else 0.0
        return Snapshot(
            total=self._total,
            saved=saved,
            paid=paid,
            in_flight=self.in_flight,
            failed=failed,
            unsure=unsure,
            open=left,
            calls=self.calls,
            elapsed=elapsed,
            rate=rate,
            seconds_left=(self._to_send(left) + self.in_flight) / rate if rate else None,
            stopping=self.stopping,
            damaged=damaged,
        )

    def _to_send(self, left: int) -> int:
        """Return how many of the cells that are left will be waited for."""
        if not self.may_send:
            return 0
        return left if self._max_calls is None else min(left, max(0, self._max_calls - self.calls))

    def _count(self, state: State) -> int:
        return min(self._total, max(0, self._known[state], self._walked[state]))
