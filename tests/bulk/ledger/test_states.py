"""The table of transitions, cell by cell, and the two rules that stand over it."""

from __future__ import annotations

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import states
from changeclothes_async.bulk.ledger.states import JobEvent, State

# A line a state; the columns are the events in their order, and a dot is a refused pair.
TABLE = """
         claim   resend  give_back fail    lose    damage  pay    save   miss
open     claimed claimed open      failed  unsure  damaged paid   .      .
claimed  .       .       open      failed  unsure  damaged paid   .      .
paid     .       .       paid      paid    paid    paid    paid   saved  paid
saved    .       .       saved     saved   saved   saved   saved  saved  paid
failed   claimed claimed failed    failed  failed  damaged paid   .      .
unsure   .       claimed open      failed  unsure  damaged paid   .      .
damaged  .       claimed damaged   damaged damaged damaged paid   .      .
"""


def _cells() -> list[tuple[State, JobEvent, State | None]]:
    head, *lines = (line.split() for line in TABLE.strip().splitlines())
    return [
        (State(line[0]), JobEvent(event), None if word == "." else State(word))
        for line in lines
        for event, word in zip(head, line[1:], strict=True)
    ]


def test_the_table_here_is_whole() -> None:
    """Every state meets every event."""
    assert len({(state, event) for state, event, _ in _cells()}) == len(State) * len(JobEvent)


@pytest.mark.parametrize(("state", "event", "reached"), _cells())
def test_each_cell(state: State, event: JobEvent, reached: State | None) -> None:
    """A pair leads where the table says, or is refused in words that name both."""
    if reached is not None:
        assert states.after(state, event) is reached
    else:
        with pytest.raises(errors.LedgerError, match=f"'{event}'.* {state}"):
            states.after(state, event)


@pytest.mark.parametrize("event", sorted(states.OUTCOMES))
@pytest.mark.parametrize("state", [State.PAID, State.SAVED])
def test_what_was_paid_stays_paid(state: State, event: JobEvent) -> None:
    """No outcome, of whichever attempt, takes a result away."""
    for latest in (True, False):
        assert states.settled(state, event, before=State.UNSURE, latest=latest) is state


@pytest.mark.parametrize("before", [State.OPEN, State.FAILED, State.UNSURE, State.DAMAGED])
@pytest.mark.parametrize("state", [State.CLAIMED, State.UNSURE])
def test_given_back_as_it_was_found(state: State, before: State) -> None:
    """A resend that was not sent leaves the doubt about the older attempt standing."""
    assert states.settled(state, JobEvent.GIVE_BACK, before=before, latest=True) is before


@pytest.mark.parametrize("event", sorted(states.OUTCOMES - {JobEvent.PAY}))
@pytest.mark.parametrize("state", sorted(State))
def test_an_older_attempt_moves_nothing(state: State, event: JobEvent) -> None:
    """What an older attempt came to says nothing about the one under way."""
    assert states.settled(state, event, before=State.OPEN, latest=False) is state


@pytest.mark.parametrize("state", sorted(State))
def test_an_older_attempts_result_counts(state: State) -> None:
    """A result is a result, whichever attempt brings it and however late."""
    reached = states.settled(state, JobEvent.PAY, before=State.OPEN, latest=False)
    assert reached is (State.SAVED if state is State.SAVED else State.PAID)


@pytest.mark.parametrize("event", sorted(set(JobEvent) - states.OUTCOMES))
def test_only_outcomes_settle(event: JobEvent) -> None:
    """A settle with anything that ends no attempt is refused, also where the table allows it."""
    with pytest.raises(errors.LedgerError, match="ends no attempt"):
        states.settled(State.PAID, event, before=State.OPEN, latest=True)
