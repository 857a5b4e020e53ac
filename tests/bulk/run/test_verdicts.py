"""What a cell came to whose call ended in an error: a table."""

from __future__ import annotations

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.run import verdicts
from changeclothes_async.bulk.run.verdicts import Verdict

FAILED, UNSURE, OPEN = State.FAILED, State.UNSURE, State.OPEN

TABLE: list[tuple[errors.ChangeClothesError, Verdict, str]] = [
    (errors.TryOnException(), Verdict(FAILED), "failed"),
    (errors.HarmfulContent(), Verdict(FAILED), "failed"),
    (errors.Unsure(), Verdict(UNSURE), "unsure"),
    (errors.Damaged(), Verdict(State.DAMAGED), "unsure"),
    (errors.NotAnImage(), Verdict(FAILED, is_news=True), "failed"),
    (errors.InsufficientCredits(), Verdict(OPEN, stops=True), "given back"),
    (errors.NotSent(), Verdict(OPEN, stops=True), "given back"),
    (errors.LedgerError(), Verdict(OPEN, stops=True), "given back"),
    (errors.LedgerError(money="spent"), Verdict(UNSURE, stops=True, is_news=True), "unsure"),
    (errors.LedgerError(money="maybe spent"), Verdict(UNSURE, stops=True, is_news=True), "unsure"),
    (errors.BatchStopped(), Verdict(OPEN), "given back"),
    (errors.BatchStopped(money="maybe spent"), Verdict(FAILED), "failed"),
]


@pytest.mark.parametrize(("error", "verdict", "told"), TABLE, ids=lambda each: type(each).__name__)
def test_each_end_is_judged(error: errors.ChangeClothesError, verdict: Verdict, told: str) -> None:
    """Its state, whether another cell can succeed, and what is told of it."""
    assert verdicts.of(error, OPEN) == verdict
    assert verdict.kind == told


@pytest.mark.parametrize("before", [UNSURE, State.DAMAGED])
def test_what_may_be_paid_stays_so(before: State) -> None:
    """A resend that never left, or that failed, says nothing about the older attempt."""
    stopped = errors.BatchStopped(money="maybe spent")
    for error in (errors.NotSent(), errors.TryOnException(), stopped):
        assert verdicts.of(error, before).state is before
