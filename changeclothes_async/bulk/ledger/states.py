"""The states of a paid job, and the one table of what may follow what.

Two rules stand over the table, and `settled` keeps both:

* A claim that is given back leaves the job as the claim found it. A resend that never left
  this machine, or that failed, says nothing about the older attempt: it stays unsure, or paid
  and damaged.
* The outcome of an older attempt, arriving late, can only bring a result; otherwise it is
  recorded and moves nothing, since it says nothing about the attempt that came after it.
"""

from __future__ import annotations

from enum import StrEnum

from changeclothes_async import errors


class State(StrEnum):
    """Where a job stands; only an open one is sent unless a person asks for more."""

    OPEN = "open"
    CLAIMED = "claimed"
    PAID = "paid"
    SAVED = "saved"
    FAILED = "failed"
    UNSURE = "unsure"
    DAMAGED = "damaged"


class JobEvent(StrEnum):
    """What can happen to a job in the ledger; what `on_event` is told are `events.Event`s."""

    CLAIM = "claim"
    """Permission to pay is asked for."""
    RESEND = "resend"
    """The same, by a person who accepts that it may be paid twice."""
    GIVE_BACK = "give_back"
    """Not sent, refused, or an error of the account: not spent."""
    FAIL = "fail"
    """The service answered that it failed, or will not do this job."""
    LOSE = "lose"
    """Sent whole, and no readable answer came."""
    DAMAGE = "damage"
    """Paid, but the answer holds no usable result."""
    PAY = "pay"
    """A result came."""
    SAVE = "save"
    """A picture is in place."""
    MISS = "miss"
    """A saved picture is gone or broken."""


OUTCOMES = frozenset(
    {JobEvent.GIVE_BACK, JobEvent.FAIL, JobEvent.LOSE, JobEvent.DAMAGE, JobEvent.PAY}
)
"""The events that can end an attempt."""

_S, _E = State, JobEvent

TRANSITIONS: dict[tuple[State, JobEvent], State] = {
    (_S.OPEN, _E.CLAIM): _S.CLAIMED,
    (_S.OPEN, _E.RESEND): _S.CLAIMED,
    # Nothing is in flight for an open job. An end that is reported all the same is believed, since
    # open is the one state in which a job is sent unasked.
    (_S.OPEN, _E.GIVE_BACK): _S.OPEN,
    (_S.OPEN, _E.FAIL): _S.FAILED,
    (_S.OPEN, _E.LOSE): _S.UNSURE,
    (_S.OPEN, _E.DAMAGE): _S.DAMAGED,
    (_S.OPEN, _E.PAY): _S.PAID,
    (_S.CLAIMED, _E.GIVE_BACK): _S.OPEN,
    (_S.CLAIMED, _E.FAIL): _S.FAILED,
    (_S.CLAIMED, _E.LOSE): _S.UNSURE,
    (_S.CLAIMED, _E.DAMAGE): _S.DAMAGED,
    (_S.CLAIMED, _E.PAY): _S.PAID,
    (_S.FAILED, _E.CLAIM): _S.CLAIMED,
    (_S.FAILED, _E.RESEND): _S.CLAIMED,
    (_S.FAILED, _E.GIVE_BACK): _S.FAILED,
    (_S.FAILED, _E.FAIL): _S.FAILED,
    (_S.FAILED, _E.LOSE): _S.FAILED,
    (_S.FAILED, _E.DAMAGE): _S.DAMAGED,
    (_S.FAILED, _E.PAY): _S.PAID,
    (_S.UNSURE, _E.RESEND): _S.CLAIMED,
    (_S.UNSURE, _E.GIVE_BACK): _S.OPEN,
    (_S.UNSURE, _E.FAIL): _S.FAILED,
    (_S.UNSURE, _E.LOSE): _S.UNSURE,
    (_S.UNSURE, _E.DAMAGE): _S.DAMAGED,
    (_S.UNSURE, _E.PAY): _S.PAID,
    (_S.DAMAGED, _E.RESEND): _S.CLAIMED,
    (_S.DAMAGED, _E.GIVE_BACK): _S.DAMAGED,
    (_S.DAMAGED, _E.FAIL): _S.DAMAGED,
    (_S.DAMAGED, _E.LOSE): _S.DAMAGED,
    (_S.DAMAGED, _E.DAMAGE): _S.DAMAGED,
    (_S.DAMAGED, _E.PAY): _S.PAID,
    (_S.PAID, _E.GIVE_BACK): _S.PAID,
    (_S.PAID, _E.FAIL): _S.PAID,
    (_S.PAID, _E.LOSE): _S.PAID,
    (_S.PAID, _E.DAMAGE): _S.PAID,
    (_S.PAID, _E.PAY): _S.PAID,
    (_S.PAID, _E.SAVE): _S.SAVED,
    (_S.PAID, _E.MISS): _S.PAID,
    (_S.SAVED, _E.GIVE_BACK): _S.SAVED,
    (_S.SAVED, _E.FAIL): _S.SAVED,
    (_S.SAVED, _E.LOSE): _S.SAVED,
    (_S.SAVED, _E.DAMAGE): _S.SAVED,
    (_S.SAVED, _E.PAY): _S.SAVED,
    (_S.SAVED, _E.SAVE): _S.SAVED,
    (_S.SAVED, _E.MISS): _S.PAID,
}
"""What follows; a pair that is not here is refused."""


def after(state: State, event: JobEvent) -> State:
    """Return the state that `event` leads to from `state`.

    Raises `LedgerError` for a pair that the table refuses.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise errors.LedgerError(
            f"The event {event.value!r} cannot happen to a job that is {state.value}.",
            next_step="Look at the job's state first; nothing was changed.",
        ) from None


def is_as_before(event: JobEvent, before: State) -> bool:
    """Tell whether an attempt's end leaves a job as its claim found it, with all that is known."""
    if event is JobEvent.FAIL:
        return before in {State.UNSURE, State.DAMAGED}
    return event is JobEvent.GIVE_BACK and before is not State.OPEN


def settled(state: State, event: JobEvent, *, before: State, latest: bool) -> State:
    """Return the state after an attempt ended with `event` while the job stood at `state`.

    `before` is the state that the attempt's claim found; `latest` says that no other attempt
    was started since. Raises `LedgerError` for an event that ends no attempt.
    """
    if event not in OUTCOMES:
        raise errors.LedgerError(
            f"The event {event.value!r} ends no attempt.",
            next_step="Settle with one of give_back, fail, lose, damage and pay.",
        )
    if not latest and event is not JobEvent.PAY:
        return state
    reached = after(state, event)
    undone = reached is State.OPEN or (reached is State.FAILED and is_as_before(event, before))
    return before if undone else reached
