"""A run over a work: claim, call, settle, save, for each cell that is still to do.

Rules of this file:

* The ledger decides what is sent; a run is resumed by running it again.
* An error of the account, an empty budget or a wish to stop ends the claims (see `permits`); what
  is under way arrives, is settled and saved.
* What is paid is fetched even by a run that may not buy anything: results may expire.
* While the network or the service is away, cells wait and try again; none is given up for it
  unless it stays away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from changeclothes_async import errors
from changeclothes_async.bulk.calls import callers, outcomes, paying
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.progress import bars, events, showing, tally
from changeclothes_async.bulk.run import (
    buying,
    interrupts,
    keeping,
    permits,
    planning,
    trust,
    verdicts,
)
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import answers
from changeclothes_async.transport import places

if TYPE_CHECKING:  # an extra
    from changeclothes_async.bulk.cluster.crew import Crew
    from changeclothes_async.bulk.cluster.engine import Where

_BACKLOG = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run may do and by whom, what it leaves, and where it reports how it is going."""

    wishes: planning.Wishes = field(default_factory=planning.Wishes)
    max_calls: int | None = None
    cluster: Where | None = None
    masks: bool = True
    gallery: bool = True
    on_event: events.OnEvent | None = None
    bar: bars.Bar | None = None


class Run:
    """One run: its cells under way, and what became of them."""

    def __init__(
        self,
        work: works.Work,
        place: places.Place,
        caller: callers.Caller,
        book: ledger.Ledger,
        terms: Terms,
        crew: Crew | None = None,
    ) -> None:
        self._work, self._place, self._caller = work, place, caller
        self._book, self._terms, self._crew = book, terms, crew
        self._keeper = keeping.Keeper(place, caller.fetcher, book, crew, masks=terms.masks)
        at_once = caller.options.max_concurrency
        # Twice the limit, so that a free slot always finds a cell that waits for it.
        self._ahead = asyncio.Semaphore(2 * at_once)
        self._backlog = asyncio.Semaphore(2 * at_once + _BACKLOG)
        self._tasks: set[asyncio.Task[None]] = set()
        self._trust_in_answers = trust.in_answers(at_once)
        self._trust_in_results = trust.in_results(at_once)
        self._tally = tally.Tally(len(work.rows) * len(work.columns), max_calls=terms.max_calls)
        self._has_paid = False
        self._permits = permits.Permits(terms.max_calls, terms.on_event, self._tally)
        self._buyer = buying.Buyer(
            caller, paying.Payments(book), self._permits, crew, self._heard_late
        )
        self._aborting: asyncio.Future[None] | None = None
        self.problems: dict[str, errors.ChangeClothesError] = {}

    @property
    def ended_by(self) -> errors.ChangeClothesError | None:
        """What stopped it early."""
        return self._permits.ended_by

    async def run(self) -> None:
        """Work through all cells; what stopped it early is then in `ended_by`.

        Raises what `on_event` raised, when all that was under way is written down.
        """
        known = await self._book.counts()
        self._tally.recount(known)
        self._has_paid = bool(known[State.PAID] or known[State.SAVED])
        async with showing.shown(self._terms.bar, self._tally):
            try:
                with interrupts.handled(self._interrupted, self._abort):
                    await self._feed()
                    while self._tasks:
                        await asyncio.wait(self._tasks)
            finally:
                await self._wind_up()
        if self._permits.defect:
            raise self._permits.defect

    async def _wind_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._aborting:
            await self._aborting
            self._tally.recount(await self._book.counts())

    async def close(self) -> None:
        """Dismiss the crew, and write down what it reports until then."""
        if self._crew:
            await self._crew.close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _feed(self) -> None:
        planner = planning.Planner(self._work, self._book, self._place, self._terms.wishes)
        try:
            async for planned in planner.steps():
                if self._is_over():
                    return
                if not self._wants(planned.step):
                    self._tally.stays(planned.state)
                    continue
                if planned.step is planning.Step.SEND:
                    await self._ahead.acquire()
                await self._backlog.acquire()
                if self._is_over():
                    return
                self._start(self._cell(planned))
        except errors.SaveFailed as error:  # of a store that cannot be looked at any more
            self._permits.stop(error)

    def _is_over(self) -> bool:
        """Tell whether nothing more is begun, not even fetching what earlier runs paid."""
        may_go_on = self._has_paid and self._permits.may_fetch
        return self._permits.stopped is not None and not may_go_on

    def _wants(self, step: planning.Step) -> bool:
        if step is planning.Step.SEND:
            return not self._permits.stopped
        return step is planning.Step.FETCH

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()):
            self._permits.breaks(defect)

    async def _cell(self, planned: planning.Planned) -> None:
        try:
            if planned.step is planning.Step.SEND:
                made = await self._bought(planned)
            else:
                made = _known(planned)
                if planned.lost:
                    await self._book.miss(planned.name, planned.identity)
                self._tally.leaves(planned.state)
                self._tally.enters(State.PAID)
            if made is not None:
                await self._saved(planned, made)
        finally:
            self._backlog.release()

    async def _bought(self, planned: planning.Planned) -> answers.Made | None:
        """Make a cell's call; None where it ended in an error, which is then counted."""
        self._tally.leaves(planned.state)
        turn = permits.Turn()
        self._permits.waits(turn)
        error: errors.ChangeClothesError
        try:
            made = await self._buyer.buy(planned, turn)
        except asyncio.CancelledError:
            if turn.failure is None or turn.on_wire:
                self._tally.enters(planned.state)
                raise
            error = turn.failure  # which it was let go from making good
        except errors.ChangeClothesError as caught:
            error = caught
        else:
            self._trust_in_answers.heard()
            self._tally.enters(State.PAID)
            return made
        finally:
            self._permits.goes(turn)
            self._ahead.release()
        self._failed(planned, error)
        return None

    def _heard_late(
        self, planned: planning.Planned, page: paying.Page, outcome: answers.Ending
    ) -> None:
        if page.claimed:
            self._start(self._corrected(planned, page.claimed, outcome))

    async def _corrected(
        self, planned: planning.Planned, claim: ledger.Claim, outcome: answers.Ending
    ) -> None:
        """Write down how an attempt ended that had been given up as unsure."""
        event, facts = outcomes.event_of(outcome), outcomes.facts_of(outcome)
        self._tally.moves(State.UNSURE, await self._book.settle(claim, event, facts))
        if isinstance(outcome, answers.Made):
            self._tell("paid", planned.name)
            await self._saved(planned, outcome)

    def _failed(self, planned: planning.Planned, error: errors.ChangeClothesError) -> None:
        verdict = verdicts.of(error, planned.state)
        if verdict.is_news:
            self.problems[planned.name] = error
        if verdict.stops:
            self._permits.stop(error)
        if reason := self._trust_in_answers.lost(error, planned.identity):
            self._permits.stop(reason)
        self._tally.enters(verdict.state)
        self._tell(verdict.kind, planned.name, error)

    async def _saved(self, planned: planning.Planned, made: answers.Made) -> None:
        try:
            placed = partial(self._tell, "placed", planned.name)
            await self._keeper.keep(planned, made, placed)
        except errors.ChangeClothesError as error:
            self.problems[planned.name] = error
            self._tell("failed", planned.name, error)
            reason: errors.ChangeClothesError | None = error
            if isinstance(error, errors.DownloadFailed):
                # What was paid long ago may be gone for good, and is no reason to buy nothing new.
                is_new = planned.step is planning.Step.SEND
                reason = self._trust_in_results.lost(error, planned.identity) if is_new else None
            if reason:
                self._permits.stop(reason)
            return
        self._trust_in_results.heard()
        self._tally.moves(State.PAID, State.SAVED)
        self._tell("saved", planned.name)

    def _tell(
        self, kind: events.Kind, cell: str, error: errors.ChangeClothesError | None = None
    ) -> None:
        self._permits.tell(events.Event(kind, cell, error=error))

    def _interrupted(self) -> None:
        self._permits.stop(errors.Interrupted("interrupted"))
        self._tally.stopping = True

    def _abort(self) -> None:
        self._aborting = self._caller.senders.abort()
        for task in self._tasks:
            task.cancel()


def _known(planned: planning.Planned) -> answers.Made | None:
    """Return the result that was paid for before."""
    outcome = outcomes.outcome_of(planned.entry) if planned.entry else None
    return outcome if isinstance(outcome, answers.Made) else None
