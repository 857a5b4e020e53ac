"""Whether a run may make one more call: its budget, its reasons to stop, and its listener.

Rules of this file:

* A budget counts claims and is never exceeded by one; a claim that cost nothing is put back.
* A run that stops makes no further claims, and lets cells go that only wait for their turn.
* A listener that fails stops the run; it never comes between an answer and the ledger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from changeclothes_async import errors
from changeclothes_async.bulk.calls import outcomes
from changeclothes_async.bulk.ledger import states
from changeclothes_async.bulk.progress import events
from changeclothes_async.bulk.progress import tally as tallies
from changeclothes_async.protocol import answers
from changeclothes_async.transport import sending

_LIGHT: tuple[type[errors.ChangeClothesError], ...] = (errors.BudgetSpent, errors.AccountError)
"""Reasons not to buy, the lightest first; for any other, nothing more is fetched either."""


class Turn:
    """What a cell's task waits for; `failure` is what it waits to make good.

    While another attempt is `on_wire`, nobody knows how that failure ends.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.failure: errors.ServiceFailed | None = None
        self.on_wire = False

    def let_go(self) -> None:
        """Wait no more."""
        if self._task:
            self._task.cancel()


class Permits:
    """A run's leave to make calls, asked for before each claim."""

    def __init__(
        self, max_calls: int | None, on_event: events.OnEvent | None, tally: tallies.Tally
    ) -> None:
        self._max_calls = max_calls
        self._on_event = on_event
        self._tally = tally
        self._claims = 0
        self._spent = errors.BudgetSpent(f"the budget of {max_calls} calls is spent")
        self._waiting: set[Turn] = set()
        self._ran_out = False
        self.stopped: errors.ChangeClothesError | None = None
        self.defect: BaseException | None = None

    def take(self) -> None:
        """Take one call out of the budget. Raises BatchStopped when no more may be made."""
        if self.stopped is None and self._claims == self._max_calls:
            self._ran_out = True
            self.stop(self._spent)
        if self.stopped is not None:
            raise errors.BatchStopped("The run is stopping; this cell was not sent.")
        self._claims += 1
        self._tally.calls += 1
        self._tally.in_flight += 1

    @property
    def ended_by(self) -> errors.ChangeClothesError | None:
        """What kept the run from going through all its cells."""
        return self.stopped or (self._spent if self._ran_out else None)

    def answered(self) -> None:
        """Take note that one fewer call is under way."""
        self._tally.in_flight -= 1

    def put_back(self) -> None:
        """Put a call back that cost nothing."""
        self._claims -= 1
        self._tally.calls -= 1
        if self.stopped is self._spent:
            self.stopped = None  # the call that cost nothing may take its own place again
            self._tally.may_send = True

    @property
    def may_fetch(self) -> bool:
        """Whether what earlier runs paid may still be fetched."""
        return self.stopped is None or isinstance(self.stopped, _LIGHT)

    def stop(self, reason: errors.ChangeClothesError) -> None:
        """Make no further claims; what is under way arrives, what only waits is let go.

        Of several reasons the heaviest counts: an empty budget hides no wish to stop.
        """
        if self.stopped is None or _weight(reason) > _weight(self.stopped):
            self.stopped = reason
        self._tally.may_send = False
        for turn in self._waiting:
            turn.let_go()

    def breaks(self, defect: BaseException) -> None:
        """Stop for a defect of the program, which is raised when the run has ended."""
        self.defect = self.defect or defect
        self.stop(errors.BatchStopped(f"A defect stopped the run: {defect!r}."))

    def waits(self, turn: Turn) -> None:
        """Take note that a cell waits for its turn; a run that is stopping lets it go at once."""
        self._waiting.add(turn)
        if self.stopped is not None:
            turn.let_go()

    def goes(self, turn: Turn) -> None:
        """Take note that a cell waits no more."""
        self._waiting.discard(turn)

    def tell(self, event: events.Event) -> None:
        """Report an event to whoever asked for them."""
        events.tell(self._on_event, event, self.breaks)


def _weight(reason: errors.ChangeClothesError) -> int:
    return next((n for n, kind in enumerate(_LIGHT) if isinstance(reason, kind)), len(_LIGHT))


@dataclass(slots=True)
class Permitted:
    """A journal that asks the run for leave before each claim, and reports what came of it."""

    page: sending.Journal
    permits: Permits
    turn: Turn

    async def claim(self, attempt: int) -> None:
        """Take a call out of the budget, and write the claim down."""
        self.permits.goes(self.turn)
        self.permits.take()
        try:
            await self.page.claim(attempt)
        except errors.ChangeClothesError:
            self.permits.answered()
            self.permits.put_back()
            raise
        self.turn.on_wire = True

    def sent(self, size: int, whole: bool) -> None:
        """Hand on."""
        self.page.sent(size, whole)

    async def settle(self, outcome: answers.Ending) -> None:
        """Write the end down, and put back what cost nothing."""
        if isinstance(outcome, errors.AccountError):
            # Now, before anything is awaited: this attempt's slot is free for the next cell.
            self.permits.stop(outcome)
        self.permits.answered()
        await self.page.settle(outcome)
        self.turn.on_wire = False
        if isinstance(outcome, errors.ServiceFailed):
            self.turn.failure = outcome
        elif outcomes.event_of(outcome) is states.JobEvent.GIVE_BACK:
            self.permits.put_back()
        else:
            return  # no other attempt follows
        self.permits.waits(self.turn)
