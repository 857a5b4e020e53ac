"""What happens in a call and to a cell, as reported to `on_event`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from changeclothes_async import errors

Kind: TypeAlias = Literal[
    "claimed",
    "sending",
    "sent",
    "answered",
    "paid",
    "placed",
    "saved",
    "failed",
    "unsure",
    "given back",
    "waiting",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one cell.

    `kind` is, of an attempt: "claimed" (written down), "sending" (`bytes` more are handed over),
    "sent" (whole), "answered" (understood, not yet written down); of its cell: "paid" (written
    down), "placed" (the picture is on the disk), "saved" (and that is written down), "failed",
    "unsure", "given back" (not spent, and still to do), "waiting" (for the network or service).
    A single call's `cell` is its number, such as "try_on-1", and "paid", "failed" or "unsure" its
    end. `attempt` counts a call's attempts from 1: a "claimed" with 2 is the first retry.
    """

    kind: Kind
    cell: str
    bytes: int = 0
    error: errors.ChangeClothesError | None = None
    at: float = field(default_factory=time.time)
    attempt: int = 0


OnEvent: TypeAlias = Callable[[Event], None]
"""What `on_event` takes: a function that is called with each `Event`, and returns at once."""


def tell(
    on_event: OnEvent | None, event: Event, on_failure: Callable[[BaseException], object]
) -> None:
    """Pass an event to a listener, if there is one, and its own error to `on_failure`."""
    if on_event is None:
        return
    try:
        on_event(event)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # as of a cancelled future's result(), which cancels no call
        on_failure(failure)
