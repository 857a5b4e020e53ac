"""A call through the ledger: claimed before the first byte, settled once its end is understood.

Equal calls in flight are one call: whoever asks second waits for the first one's result. The
call itself belongs to nobody in particular; it is given up only when all who asked have left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from changeclothes_async import errors
from changeclothes_async.bulk.calls import outcomes
from changeclothes_async.bulk.ledger import ledger, states
from changeclothes_async.protocol import answers
from changeclothes_async.transport import flights, logs

_log = logging.getLogger("changeclothes_async")

Paid: TypeAlias = tuple[answers.Made, int]
Again: TypeAlias = Callable[[ledger.Entry], bool]
Send: TypeAlias = Callable[["Page"], Awaitable[Paid]]

# Of each loop its own: a flight can be joined only where it goes on.
_Key: TypeAlias = tuple[asyncio.AbstractEventLoop, bytes]

_UNKNOWN = {states.State.OPEN, states.State.CLAIMED}
"""Here only a claim can tell: an earlier one that nobody received may just be given back."""
_GIVEN = {states.State.PAID, states.State.SAVED}


def _failed(entry: ledger.Entry) -> bool:
    return entry.state is states.State.FAILED


class Payments:
    """Makes calls through one ledger, each job at most once at a time."""

    def __init__(self, book: ledger.Ledger) -> None:
        self.book = book
        self._under_way: dict[_Key, flights.Flight[Paid]] = {}

    async def pay(
        self,
        identity: bytes,
        endpoint: str,
        send: Send,
        *,
        name: str = "",
        again: Again | None = None,
        look: bool = True,
    ) -> Paid:
        """Return what was paid for this job before, or make the call, or join one under way.

        A job that ended without a result raises that error again, unless `again` says that it may
        be sent once more: by default where it failed, since only a person can say so of an unsure
        one. Without `look` the claim finds out what is known: cheaper, where a slot is free for it.
        """
        key = asyncio.get_running_loop(), identity
        if not self.is_under_way(identity):
            flight: flights.Flight[Paid] = flights.Flight(partial(self._left, key))
            page = Page(self.book, flight, identity, endpoint, name)
            self._under_way[key] = flight.begin(self._paid(page, send, again or _failed, look))
        flight = self._under_way[key]
        try:
            return await flight.joined()
        finally:
            if flight.is_over:
                self._forget(key, flight.task)

    def is_under_way(self, identity: bytes) -> bool:
        """Whether this loop makes a call for this job already, which `pay` would join."""
        flight = self._under_way.get((asyncio.get_running_loop(), identity))
        return flight is not None and not flight.is_over

    def _left(self, key: _Key, task: asyncio.Task[Paid]) -> None:
        task.add_done_callback(partial(self._forget, key))

    def _forget(self, key: _Key, task: asyncio.Task[Paid]) -> None:
        if key in self._under_way and self._under_way[key].task is task:
            del self._under_way[key]

    async def _paid(self, page: Page, send: Send, again: Again, look: bool) -> Paid:
        entry = (await self.book.entries([page.identity])).get(page.identity) if look else None
        if entry and entry.state not in _UNKNOWN:
            if entry.state in _GIVEN or not again(entry):
                return _given(entry)
            if entry.state is not states.State.FAILED:
                # Only then: what became unsure since this look was accepted by nobody.
                page.event = states.JobEvent.RESEND
        try:
            return await send(page)
        except errors.LedgerBusy:
            if page.stands is None:
                raise
        except (errors.Unsure, errors.Damaged) as error:
            outcomes.held(error)
            raise
        return _given(page.stands)


@dataclass
class Page:
    """The ledger's page of one job: its attempts, each claimed and settled."""

    book: ledger.Ledger
    flight: flights.Flight[Paid]
    identity: bytes
    endpoint: str
    name: str
    event: states.JobEvent = states.JobEvent.CLAIM
    stands: ledger.Entry | None = None
    """What the ledger answered instead of a claim."""
    claimed: ledger.Claim | None = None
    """The latest attempt's claim, also when it is settled: its end may be heard of again."""
    _claim: ledger.Claim | None = None

    async def claim(self, attempt: int) -> None:
        """Write the claim down; raises what stands against it."""
        del attempt  # the ledger counts over all runs
        granted = await self.book.claim(
            self.identity, endpoint=self.endpoint, name=self.name, event=self.event
        )
        if isinstance(granted, ledger.Entry):
            self.stands = granted
            raise outcomes.refused(granted)
        self._claim = self.claimed = granted

    def sent(self, size: int, whole: bool) -> None:
        """Write nothing: what was handed over is known by how the attempt ends."""

    async def settle(self, outcome: answers.Ending) -> None:
        """Write the end of the attempt down; what was paid is never lost to a full disk."""
        if self._claim is None:
            return  # stopped while it was claimed: the ledger gives back what nobody received
        try:
            await self.book.settle(
                self._claim, outcomes.event_of(outcome), outcomes.facts_of(outcome)
            )
        except errors.LedgerError as error:
            if not isinstance(outcome, answers.Made) and outcome.money == "not spent":
                raise
            lost = _unwritten(outcome, error)
            _log.error("%s", lost.message)  # perhaps nobody waits for it any more
        except asyncio.CancelledError:
            # The ledger goes on writing, but nobody will hear of it if it cannot.
            if isinstance(outcome, answers.Made):
                words = "Stopped while a paid result was written down: %s"
                _log.warning(words, outcome.result_img_url)
            raise
        else:
            return
        finally:
            self._claim = None
        raise lost


def _unwritten(outcome: answers.Ending, error: errors.LedgerError) -> errors.LedgerError:
    """Return the error for an end that may have cost credits and that the ledger cannot take."""
    if isinstance(outcome, answers.Made):
        said, keep = f"The paid result is at {outcome.result_img_url}.", "the result's address"
    else:
        said = f"The call itself ended: {logs.words(outcome)}."
        keep = "the answer in error.raw" if outcome.raw else "that"
    return errors.LedgerError(
        f"{error.message} {said}",
        money="spent" if isinstance(outcome, answers.Made) else outcome.money,
        raw=outcome.raw,
        next_step=f"Note {keep}; fix the disk before you go on.",
    )


def _given(entry: ledger.Entry) -> Paid:
    known = outcomes.outcome_of(entry)
    if isinstance(known, answers.Made):
        return known, entry.attempts
    raise known
