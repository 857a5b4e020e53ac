"""What is said to a person who stops a single call, at the instants that no server can wait for."""

from __future__ import annotations

import pytest

from changeclothes_async import Event, NotSent, Refused, TryOnException, errors
from changeclothes_async.cli import stopping

FREE = "Stopped before the service took the call: it costs nothing."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "Stopped after the call was sent whole: it may be paid for."),
        (TryOnException("failed"), "Stopped after the call was sent whole: it may be paid for."),
        (Refused("busy"), FREE),
        (NotSent("unreachable"), FREE),
    ],
)
def test_an_answer_that_is_being_written_down_is_not_called_free(
    error: errors.ChangeClothesError | None, words: str
) -> None:
    """On a slow disk a second Ctrl-C may come between a result's arrival and its record."""
    stop = stopping.Stop()
    for kind in ("claimed", "sent", "answered"):
        stop.hear(Event(kind, "try_on-1", attempt=1, error=error if kind == "answered" else None))
    assert stop.last_words.startswith(words)
