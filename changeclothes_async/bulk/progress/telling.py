"""A run's progress in words and shares, which every bar shows in its own way."""

from __future__ import annotations

from collections.abc import Iterator

from changeclothes_async.bulk import names
from changeclothes_async.bulk.progress.tally import Snapshot

STOPPING = "finishing what is paid for; Ctrl-C again stops now"
STOPPING_CELL = "finishing what is paid for; interrupt again to stop now"


def line(snapshot: Snapshot, aside: str) -> str:
    """Say all of it in one line, `aside` (often `left` or `took`) at its end."""
    said = [ratio(snapshot), *(words for _, words in facts(snapshot)), aside]
    return ", ".join(words for words in said if words)


def facts(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield what is worth saying beside the share that is done, each with its field's name."""
    for name, words in (
        ("in_flight", "in flight"),
        ("paid", "to fetch"),
        ("failed", "failed"),
        ("damaged", "damaged"),
        ("unsure", "unsure"),
    ):
        if count := getattr(snapshot, name):
            yield name, f"{count:,} {words}"
    yield "calls", f"{names.counted(snapshot.calls, 'call')} sent"
    if snapshot.rate:
        slow = snapshot.rate < 1
        yield "rate", f"{snapshot.rate * 60:.1f}/min" if slow else f"{snapshot.rate:,.1f}/s"


def stretches(snapshot: Snapshot, width: int) -> Iterator[tuple[str, int]]:
    """Share out `width` among the states by their fields' names, what is left as "open"."""
    cells = drawn = 0
    for name in ("saved", "paid", "in_flight", "unsure", "damaged", "failed"):
        cells += getattr(snapshot, name)
        reached = min(width, round(width * cells / max(snapshot.total, 1)))
        yield name, reached - drawn
        drawn = reached
    yield "open", width - drawn


def ratio(snapshot: Snapshot) -> str:
    """Say how many pictures are in place, of how many."""
    return f"{snapshot.saved:,}/{snapshot.total:,} saved"


def left(snapshot: Snapshot) -> str:
    """Say how long it will take yet, or nothing where nobody knows."""
    return "" if snapshot.seconds_left is None else f"{_span(snapshot.seconds_left)} left"


def took(snapshot: Snapshot) -> str:
    """Say how long it took."""
    return f"in {_span(snapshot.elapsed)}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
