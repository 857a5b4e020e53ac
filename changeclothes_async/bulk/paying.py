"""A call through the ledger: claimed before the first byte, settled once its end is understood.

Equal calls in flight are one call: whoever asks second waits for the first one's result. The
call itself belongs to nobody in particular; it is given up only when all who asked have left.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from changeclothes_async import errors
from changeclothes_async.bulk import ledger, states
from changeclothes_async.protocol import answers
from changeclothes_async.transport import sending

Paid: TypeAlias = tuple[answers.Made, int]
Again: TypeAlias = Callable[[ledger.Entry], bool]
Send: TypeAlias = Callable[["Page"], Awaitable[Paid]]

_LARGEST_KEPT = 2**20


def _failed(entry: ledger.Entry) -> bool:
    return entry.state is states.State.FAILED


class Payments:
    """Makes calls through one ledger, each job at most once at a time."""

    def __init__(self, book: ledger.Ledger) -> None:
        self._book = book
        self._under_way: dict[bytes, _Shared] = {}

    async def pay(
        self,
        identity: bytes,
        endpoint: str,
        send: Send,
        *,
        name: str = "",
        again: Again = _failed,
    ) -> Paid:
        """Give what was paid for this job before, or make the call, or join one under way.

        A job that ended without a result raises what it ended with, unless `again` says that this
        end is no reason not to send it; for an unsure one only a person can say so.
        """
        shared = self._under_way.get(identity)
        if shared is None or shared.loop is not asyncio.get_running_loop():
            paying = self._paid(identity, endpoint, send, name, again)
            shared = self._under_way[identity] = _Shared(paying)
            shared.task.add_done_callback(lambda _: self._forget(identity, shared))
        return await shared.joined()

    async def _paid(
        self, identity: bytes, endpoint: str, send: Send, name: str, again: Again
    ) -> Paid:
        entry = (await self._book.entries([identity])).get(identity)
        event = states.Event.CLAIM
        if entry and entry.state is not states.State.OPEN:
            known = outcome_of(entry)
            if isinstance(known, answers.Made):
                return known, entry.attempts
            if entry.state is states.State.CLAIMED or not again(entry):
                raise known
            event = states.Event.RESEND
        return await send(Page(self._book, identity, endpoint, name, event))

    async def close(self) -> None:
        """Close the ledger."""
        await self._book.close()

    def _forget(self, identity: bytes, shared: _Shared) -> None:
        if self._under_way.get(identity) is shared:
            del self._under_way[identity]


async def opened(path: str | os.PathLike[str]) -> Payments:
    """Open a ledger to pay through."""
    return Payments(await ledger.Ledger.open(Path(path)))


class _Shared:
    """One call that several may wait for."""

    def __init__(self, paying: Awaitable[Paid]) -> None:
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.ensure_future(paying)
        self._waiting = 0

    async def joined(self) -> Paid:
        """Wait for the call; when the last one who waits leaves, no further attempt is made."""
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.task.cancel()


@dataclass
class Page:
    """The ledger's page of one job: its attempts, each claimed and settled."""

    book: ledger.Ledger
    identity: bytes
    endpoint: str
    name: str
    event: states.Event = states.Event.CLAIM
    _claim: ledger.Claim | None = None

    async def claim(self, attempt: int) -> None:
        """Write the claim down; raises what stands against it."""
        del attempt  # the ledger counts over all runs
        granted = await self.book.claim(
            self.identity, endpoint=self.endpoint, name=self.name, event=self.event
        )
        if isinstance(granted, ledger.Entry):
            raise _refused(granted)
        self._claim = granted

    def sent(self, size: int, whole: bool) -> None:
        """Write nothing: what was handed over is known by how the attempt ends."""

    async def settle(self, outcome: sending.Outcome) -> None:
        """Write the end of the attempt down; a paid result is never lost to a full disk."""
        assert self._claim  # noqa: S101 - an attempt begins with its claim
        try:
            await self.book.settle(self._claim, event_of(outcome), facts_of(outcome))
        except errors.LedgerError as error:
            if not isinstance(outcome, answers.Made):
                raise
            lost = errors.LedgerError(
                f"{error.message} The paid result is at {outcome.result_img_url}.",
                money="spent",
                raw=outcome.raw,
                next_step="Note the result's address; mend the disk before you go on.",
            )
        else:
            return
        raise lost


def event_of(outcome: sending.Outcome) -> states.Event:
    """Tell which event of the table an attempt's end is."""
    if isinstance(outcome, answers.Made):
        return states.Event.PAY
    if isinstance(outcome, errors.Unsure):
        return states.Event.LOSE
    if isinstance(outcome, errors.Damaged):
        return states.Event.DAMAGE
    refused_for_good = isinstance(outcome, errors.Refused) and outcome.final
    if isinstance(outcome, errors.ServiceFailed | errors.JobError) or refused_for_good:
        return states.Event.FAIL
    return states.Event.GIVE_BACK


def facts_of(outcome: sending.Outcome) -> ledger.Facts:
    """Give what the ledger keeps of an attempt's end; enough to give it again."""
    if isinstance(outcome, answers.Made):
        return ledger.Facts(
            http_status=outcome.raw.status, body=outcome.raw.body, code=200, money="spent"
        )
    return ledger.Facts(
        http_status=outcome.http_status,
        body=outcome.raw.body[:_LARGEST_KEPT] if outcome.raw else b"",
        code=outcome.code,
        msg=outcome.msg,
        error=type(outcome).__name__,
        message=outcome.message,
        money=outcome.money,
        elapsed=outcome.elapsed,
    )


def outcome_of(entry: ledger.Entry) -> sending.Outcome:
    """Give again what a job ended with, out of its entry: a result, or an error."""
    facts = entry.facts
    if entry.state is states.State.CLAIMED or facts is None:
        return _refused(entry)
    raw = answers.Raw(facts.http_status or 0, {}, facts.body) if facts.body else None
    if raw and entry.state in {states.State.PAID, states.State.SAVED}:
        return answers.decode(replace(raw, status=200))
    kind = getattr(errors, facts.error or "", errors.Unsure)
    error: errors.ChangeClothesError = kind(
        facts.message or "",
        code=facts.code,
        msg=facts.msg,
        http_status=facts.http_status,
        attempts=entry.attempts,
        elapsed=facts.elapsed,
        raw=raw,
    )
    return error


def _refused(entry: ledger.Entry) -> errors.ChangeClothesError:
    return errors.LedgerBusy(
        f"The ledger does not allow this call: the job is {entry.state.value}.",
        next_step="Look at it with `changeclothes ledger`, or wait until the other call has ended.",
    )
