"""How an attempt ended, as the ledger keeps it: an event and facts, and back again."""

from __future__ import annotations

from typing import Any

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import records, states
from changeclothes_async.protocol import answers

_LARGEST_KEPT = 2**20
_HELD: dict[type[errors.ChangeClothesError], str] = {
    errors.Unsure: "Look at the account's history before deciding; resend_unsure=True (in the "
    "shell --resend-unsure) sends it again, and may pay for it twice.",
    errors.Damaged: "Look into error.raw for the result, or show it to the service's support; "
    "resend_unsure=True (in the shell --resend-unsure) sends it again, and pays for it again.",
}
"""What to do now, also for those who read it in a gallery or in the shell's JSON."""


def event_of(outcome: answers.Ending) -> states.JobEvent:
    """Tell which event of the table an attempt's end is."""
    if isinstance(outcome, answers.Made):
        return states.JobEvent.PAY
    if isinstance(outcome, errors.Unsure):
        return states.JobEvent.LOSE
    if isinstance(outcome, errors.Damaged):
        return states.JobEvent.DAMAGE
    refused_for_good = isinstance(outcome, errors.Refused) and outcome.final
    if isinstance(outcome, errors.ServiceFailed | errors.JobError) or refused_for_good:
        return states.JobEvent.FAIL
    return states.JobEvent.GIVE_BACK


def is_unwritten(error: errors.ChangeClothesError) -> bool:
    """Tell whether a call that may have cost credits ended where no ledger could take its end."""
    return isinstance(error, errors.LedgerError) and error.money != "not spent"


def is_in_doubt(error: errors.ChangeClothesError) -> bool:
    """Tell whether nobody knows what a call cost, or what came of what was paid."""
    return isinstance(error, errors.Unsure | errors.Damaged) or is_unwritten(error)


def facts_of(outcome: answers.Ending) -> records.Facts:
    """Return what the ledger keeps of an attempt's end; enough to rebuild it."""
    if isinstance(outcome, answers.Made):
        return records.Facts(
            http_status=outcome.raw.status, body=outcome.raw.body, code=200, money="spent"
        )
    return records.Facts(
        http_status=outcome.http_status,
        body=outcome.raw.body[:_LARGEST_KEPT] if outcome.raw else b"",
        code=outcome.code,
        msg=outcome.msg,
        error=type(outcome).__name__,
        message=outcome.message,
        money=outcome.money,
        elapsed=outcome.elapsed,
    )


def outcome_of(entry: records.Entry) -> answers.Ending:
    """Rebuild what a job ended with from its entry: a result, or an error."""
    facts = entry.facts
    if entry.state is states.State.CLAIMED or facts is None:
        return refused(entry)
    raw = answers.Raw(facts.http_status or 0, {}, facts.body)
    if entry.state in {states.State.PAID, states.State.SAVED}:
        return answers.decode(raw)
    kind = getattr(errors, facts.error or "", errors.Unsure)
    error: errors.ChangeClothesError = kind(
        facts.message or "",
        code=facts.code,
        msg=facts.msg,
        http_status=facts.http_status,
        attempts=entry.attempts,
        money=entry.money,
        elapsed=facts.elapsed,
        raw=raw if facts.body else None,
        **_understood(kind, raw),
    )
    return held(error)


def _understood(kind: type[errors.ChangeClothesError], raw: answers.Raw) -> dict[str, Any]:
    """Return what the answer itself adds to the facts, where it is still understood."""
    again = answers.decode(raw)
    if not isinstance(again, kind):
        return {}
    return {"next_step": again.next_step, "final": again.final}


def held(error: errors.ChangeClothesError) -> errors.ChangeClothesError:
    """Return an error with the next step where a ledger keeps its job from being sent again."""
    error.next_step = _HELD.get(type(error), error.next_step)
    return error


def refused(entry: records.Entry) -> errors.LedgerBusy:
    """Return the error that says why a claim was not granted."""
    return errors.LedgerBusy(
        f"The ledger does not allow this call: the job is {entry.state.value}.",
        next_step="Look at it with `changeclothes ledger`, or wait until the other call has ended.",
    )
