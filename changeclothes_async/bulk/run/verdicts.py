"""What a call's error means for its cell, and whether other cells can still succeed."""

from __future__ import annotations

from dataclasses import dataclass

from changeclothes_async import errors
from changeclothes_async.bulk.calls import outcomes
from changeclothes_async.bulk.ledger import states
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.bulk.progress import events

_STATES = {JobEvent.FAIL: State.FAILED, JobEvent.LOSE: State.UNSURE, JobEvent.DAMAGE: State.DAMAGED}
_KINDS: dict[State, events.Kind] = {
    State.FAILED: "failed",
    State.UNSURE: "unsure",
    State.DAMAGED: "unsure",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell's state, and whether the run `stops`; `is_news` where no ledger knows the error."""

    state: State
    stops: bool = False
    is_news: bool = False

    @property
    def kind(self) -> events.Kind:
        """The kind of event that reports it."""
        return _KINDS.get(self.state, "given back")


def of(error: errors.ChangeClothesError, before: State) -> Verdict:
    """Judge the error of a call whose cell stood at `before`."""
    if isinstance(error, errors.NotAnImage):
        return Verdict(State.FAILED, is_news=True)
    if outcomes.is_unwritten(error):
        return Verdict(State.UNSURE, stops=True, is_news=True)
    event = outcomes.event_of(error)
    if isinstance(error, errors.BatchStopped):  # an earlier attempt of it may have been paid
        return Verdict(before if error.money == "not spent" else _after(JobEvent.FAIL, before))
    # What is given back is the account's trouble, the ledger's, or a network's that stays away.
    return Verdict(_after(event, before), stops=event is JobEvent.GIVE_BACK)


def _after(event: JobEvent, before: State) -> State:
    return before if states.is_as_before(event, before) else _STATES.get(event, before)
