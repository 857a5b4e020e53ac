"""Ctrl-C during a single call: the first waits for what may be paid, the second stops now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from changeclothes_async.cli import printing

if TYPE_CHECKING:
    from changeclothes_async.bulk.progress.events import Event


class Stop:
    """A call that may be stopped; it hears the call's events, to know what stopping it costs."""

    def __init__(self) -> None:
        self.asked = False
        self._is_whole = False
        self._perhaps_paid = False
        self._paid = False

    def hear(self, event: Event) -> None:
        """Take note of how far the call is."""
        if event.kind == "sent":
            self._is_whole = True
        elif event.kind == "answered":
            self._is_whole = False
            self._perhaps_paid |= event.error is not None and event.error.money != "not spent"
        elif event.kind == "paid":
            self._paid = True

    def first(self) -> None:
        """Say that the call is waited for."""
        self.asked = True
        printing.say("The call may be paid for already: waiting for it. Ctrl-C again stops now.")

    def second(self) -> None:
        """Stop now; `last_words` says what it may have cost."""
        for task in asyncio.all_tasks():
            task.cancel()

    @property
    def last_words(self) -> str:
        """What a person who stopped it needs to know."""
        if self._paid:
            return "Stopped."
        if self._is_whole or self._perhaps_paid:
            return (
                "Stopped after the call was sent whole: it may be paid for. "
                "Look at the account's history before you send it again."
            )
        return "Stopped before the service took the call: it costs nothing."
