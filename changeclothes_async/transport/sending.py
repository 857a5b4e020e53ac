"""One body, as many attempts as are safe.

Rules of this file:

* A call is on the wire from the claim of an attempt until that attempt is settled: if its callers
  go away it still arrives (see `flights`), but no further attempt follows.
* A slot is held only while on the wire, not in a pause, nor while the end is written down.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from changeclothes_async import errors, settings
from changeclothes_async.protocol import answers, multipart, retries
from changeclothes_async.transport import flights, limits, logs, trying, uploads
from changeclothes_async.transport.sender import Sender

Post: TypeAlias = Callable[[str, uploads.Upload, float], Awaitable[answers.Ending]]
"""What carries one attempt to the wire: to a URL, in so many seconds; `Session.post` does."""

_COMMON = {"image/jpeg", "image/png", "image/webp"}
_ENDLESS = contextlib.nullcontext()


class Journal(Protocol):
    """What each attempt is reported to, in this order; a page of the ledger is one.

    `claim` returns once the attempt is written down, or raises to forbid it; `settle` returns once
    its end is.
    """

    async def claim(self, attempt: int) -> None:
        """Write down that an attempt is about to be made."""

    def sent(self, size: int, whole: bool) -> None:
        """Take note of bytes handed to the socket; `whole` with the last of a request."""

    async def settle(self, outcome: answers.Ending) -> None:
        """Write down how the attempt ended."""


class Call:
    """One body on its way: the attempts, their number, and the time they took.

    Its `flight` does the work of `paid`; `name` is what the log calls it. Its deadline counts from
    when it `began`, in the loop's time, which is now if its pictures were not read before.
    """

    def __init__(
        self,
        sender: Sender,
        flight: flights.Flight[Any],
        path: str,
        framed: Callable[[], Awaitable[multipart.Body]],
        options: settings.Settings,
        *,
        journal: Journal | None = None,
        name: str = "a call",
        post: Post | None = None,
        began: float | None = None,
    ) -> None:
        self._sender = sender
        self._flight = flight
        self._post = post or sender.session.post
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._url = options.base_url + path
        self._framed = framed
        self._body: multipart.Body | None = None
        self._options = options
        self._journal = journal
        self._started = self._loop.time() if began is None else began
        self._ends = self._started + options.deadline if options.deadline else None
        self._last: errors.ChangeClothesError | None = None
        self._money: errors.Money = "not spent"
        self.attempts = 0

    async def paid(self) -> tuple[answers.Made, int]:
        """Send until it is answered or no further attempt is safe: the result, the attempts.

        Any error knows the attempts made, the seconds they took, and what all of them together
        may have cost.
        """
        try:
            made = await trying.tried(self._attempt, self._backoff, self._sender.limits.rest)
        except errors.ChangeClothesError as error:
            error.attempts, error.elapsed = self.attempts, self._elapsed
            if errors.worst(self._money, error.money) != error.money:
                error.money = self._money
                error.next_step += " An earlier attempt of this call may have cost credits."
            logs.call_ended(self._name, self.attempts, self._elapsed, error)
            raise
        except asyncio.CancelledError:
            logs.call_ended(self._name, self.attempts, self._elapsed, None)
            raise
        logs.call_ended(self._name, self.attempts, self._elapsed, made)
        return made, self.attempts

    @property
    def _elapsed(self) -> float:
        return self._loop.time() - self._started

    def _backoff(self, error: errors.ChangeClothesError, attempt: int) -> float | None:
        """Return the pause before another attempt, None where none may follow."""
        if self._sender.closing or not self._flight.is_wanted:
            return None
        if not retries.is_safe(self._options.retry, error, attempt):
            return None
        # The pause after a refusal is everybody's: it was drawn before, and `limits` waits for it.
        is_refused = isinstance(error, errors.Refused)
        pause = 0.0 if is_refused else retries.pause(self._options.retry, error, attempt)
        wait = max(pause, self._sender.limits.pause_left)
        if self._ends is not None and self._loop.time() + wait >= self._ends:
            return None
        return pause

    async def _attempt(self) -> answers.Made:
        """Queue for a slot, and make an attempt with it."""
        outcome = await self._carried(await self._queue())
        if isinstance(outcome, answers.Made):
            return outcome
        self._last = outcome
        self._money = errors.worst(outcome.money, self._money)
        raise outcome

    async def _queue(self) -> limits.Slot:
        try:
            async with asyncio.timeout_at(self._ends) if self._ends else _ENDLESS:
                with self._sender.limits.queued():
                    self._body = self._body or await self._framed()
                    return await self._sender.limits.slot()
        except TimeoutError:
            late = self._last or too_late(self._options, is_read=self._body is not None)
            late.final = True
        raise late

    async def _carried(self, slot: limits.Slot) -> answers.Ending:
        """Make one attempt and write down how it ended."""
        flight, attempts = self._flight, self._sender.attempts
        attempts.add(flight.task)
        try:
            # In this order: who closes the client in another thread is seen here, or sees this.
            if self._sender.closing:
                self._sender.limits.give_back(slot)
                raise self._last or errors.ClientClosed("The client was closed before it was sent.")
            outcome = await self._ended(slot)
            if not isinstance(outcome, answers.Made):
                self._complete(outcome)
            await self._settle(outcome)
            return outcome
        finally:
            flight.on_wire = False
            attempts.discard(flight.task)

    def _complete(self, error: errors.ChangeClothesError) -> None:
        """Put into an error what the answer does not tell, before it is written down."""
        error.attempts, error.elapsed = self.attempts, self._elapsed
        if isinstance(error, errors.InvalidParam) and self._body:
            error.args = (f"{error.message}{_of_formats(self._body)}",)

    async def _ended(self, slot: limits.Slot) -> answers.Ending:
        """Make one attempt, with its claim before it, and return its end."""
        assert self._body  # noqa: S101 - framed while queueing
        journal, sender = self._journal, self._sender
        upload = uploads.Upload(self._body, journal.sent if journal else None)
        number, began = self.attempts + 1, self._loop.time()
        try:
            if journal:
                await journal.claim(number)
            self.attempts = number
            sender.counts.retried += number > 1
            self._flight.on_wire = True
            outcome = await self._outcome(upload)
        except asyncio.CancelledError:
            outcome = interrupted(upload)
            if not sender.aborting:
                logs.broken_off(self._name, outcome)
                await self._settle(outcome)
                raise
        finally:
            sender.limits.give_back(slot)
        logs.attempt_ended(self._name, number, self._loop.time() - began, outcome)
        self._count(slot, outcome)
        return outcome

    async def _outcome(self, upload: uploads.Upload) -> answers.Ending:
        left = self._ends - self._loop.time() if self._ends else self._options.timeout
        if left <= 0:  # it passed while the claim was written down
            return errors.NotSent(
                f"The deadline of {self._options.deadline:g} s passed before this was sent.",
                final=True,
                next_step="Raise deadline=…, and check that the ledger's disk is not too slow.",
            )
        self._sender.counts.sent += 1
        logs.attempt_begins(self._name, self.attempts, upload.length)
        return await self._post(self._url, upload, min(left, self._options.timeout))

    async def _settle(self, outcome: answers.Ending) -> None:
        if self._journal:
            await self._journal.settle(outcome)

    def _count(self, slot: limits.Slot, outcome: answers.Ending) -> None:
        counts, shared = self._sender.counts, self._sender.limits
        if isinstance(outcome, answers.Made):
            counts.paid += 1
        else:
            counts.failed += 1
            counts.unsure += isinstance(outcome, errors.Unsure)
        if isinstance(outcome, errors.Refused) and not outcome.final:
            shared.refused(slot, retries.pause(self._options.retry, outcome, self.attempts))
        else:
            shared.went_well()


def _of_formats(body: multipart.Body) -> str:
    """Name the formats that a service may have refused; nobody documents which it reads."""
    rare = sorted(each.suffix[1:].upper() for each in body.formats if each.mime not in _COMMON)
    named = " and ".join(rare)
    return f" A picture was sent as {named}; prepare=… sends it as a JPEG." if rare else ""


def too_late(options: settings.Settings, *, is_read: bool) -> errors.NotSent:
    """Return the end of a call whose deadline passed before it had a slot, or its pictures."""
    if is_read:
        what, step = "a slot was free", "or max_concurrency=…, or ask for less at once"
    else:
        what, step = "its pictures were read", "or read them before you make the call"
    return errors.NotSent(
        f"The deadline of {options.deadline:g} s passed before {what}.",
        final=True,
        next_step=f"Raise deadline=… {step}.",
    )


def interrupted(upload: uploads.Upload) -> errors.ChangeClothesError:
    """Return the end of an attempt that was stopped."""
    if upload.sent_whole:
        return errors.Unsure("The call was stopped after its request was sent whole.")
    return errors.NotSent("The call was stopped before its request was sent whole.", final=True)
