"""Ctrl-C during a single call: the first waits for what may be paid, the second stops now.

Nothing is sent after the first: a call that only waits to be sent is given up at once, and one that
is on the wire is not tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from changeclothes_async.cli import printing

if TYPE_CHECKING:
    from changeclothes_async.bulk.progress.events import Event


class Stop:
    """A call that may be stopped; it hears the call's events, to know what stopping it costs."""

    def __init__(self) -> None:
        self.asked = False
        self._closing: asyncio.Future[None] | None = None
        self._is_under_way = False
        self._is_whole = False
        self._perhaps_paid = False
        self._paid = False

    def hear(self, event: Event) -> None:
        """Take note of how far the call is."""
        if event.kind == "claimed":
            self._is_under_way = True
        elif event.kind == "sent":
            self._is_whole = True
        elif event.kind == "answered":
            self._is_under_way = self._is_whole = event.error is None
            self._perhaps_paid |= event.error is not None and event.error.money != "not spent"
        elif event.kind == "paid":
            self._paid = True

    def arrived(self) -> None:
        """Take note of the result, which is waited for until it is saved."""
        self._is_under_way = self._paid = True

    def first(self, close: Callable[[], Awaitable[None]]) -> None:
        """Say that the call is waited for, and `close` its client; or stop, where it only waits."""
        self.asked = True
        if not self._is_under_way:
            self.second()
            return
        self._closing = asyncio.ensure_future(close())
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
