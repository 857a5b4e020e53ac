"""A client's listener: told of every attempt, and of how each call ended.

A listener that fails is logged and disturbs nothing: it cannot come between an answer and its
place in the ledger, nor between a paid result and whoever waits for it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from changeclothes_async import errors
from changeclothes_async.bulk.calls import outcomes
from changeclothes_async.bulk.progress import events
from changeclothes_async.protocol import answers

if TYPE_CHECKING:  # aiohttp and tenacity load with the first call, not with the package
    from changeclothes_async.transport import sending

_log = logging.getLogger("changeclothes_async")

Page = TypeVar("Page", bound="sending.Journal | None")


class Listener:
    """Tells `on_event` of single calls, which it numbers: "try_on-1" and so on."""

    def __init__(self, on_event: events.OnEvent | None) -> None:
        self._on_event = on_event
        self._numbers = itertools.count(1)

    def tell(self, event: events.Event) -> None:
        """Pass an event to the listener; an error of its own is logged."""
        events.tell(self._on_event, event, _logged)

    @contextmanager
    def call(self, kind: str) -> Iterator[str]:
        """Name a call, and tell of an error that ends it."""
        name = f"{kind}-{next(self._numbers)}"
        try:
            yield name
        except errors.ChangeClothesError as error:
            in_doubt = outcomes.is_in_doubt(error)
            self.tell(events.Event("unsure" if in_doubt else "failed", name, error=error))
            raise

    def journal(self, name: str, page: Page) -> Page | sending.Journal:
        """Return a journal that tells of a call's attempts, around the ledger's page, if any."""
        return TellingJournal(self.tell, name, page) if self._on_event else page

    def beside(self, other: events.OnEvent | None) -> events.OnEvent | None:
        """Return one function for a run's listener and this one; that of the run may stop it."""
        if self._on_event is None or other is None:
            return other or (self.tell if self._on_event else None)

        def both(event: events.Event) -> None:
            self.tell(event)
            other(event)

        return both


@dataclass(slots=True)
class TellingJournal:
    """A journal that tells a listener, around the ledger's page."""

    tell: events.OnEvent
    name: str
    page: sending.Journal | None
    attempt: int = 0

    async def claim(self, attempt: int) -> None:
        """Tell of an attempt once it is written down."""
        if self.page:
            await self.page.claim(attempt)
        self.attempt = attempt
        self._tell("claimed")

    def sent(self, size: int, whole: bool) -> None:
        """Tell of bytes, and of the whole request."""
        self._tell("sent" if whole else "sending", bytes=size)

    async def settle(self, outcome: answers.Ending) -> None:
        """Tell of an answer, and of a payment once it is written down.

        In the attempt's own task: a caller that has gone does not keep it from being told.
        """
        is_paid = isinstance(outcome, answers.Made)
        try:
            self._tell("answered", error=None if is_paid else outcome)
        finally:  # also where the listener ends the program
            if self.page:
                await self.page.settle(outcome)
        if is_paid:
            self._tell("paid")

    def _tell(self, kind: events.Kind, **facts: Any) -> None:
        self.tell(events.Event(kind, self.name, attempt=self.attempt, **facts))


def _logged(failure: BaseException) -> None:
    _log.error("on_event failed, and the call goes on; fix the function.", exc_info=failure)
