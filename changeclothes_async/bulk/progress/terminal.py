"""The bar of a terminal, drawn with rich: a strip of colours, and the run in numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from changeclothes_async.bulk.progress import lifting, telling
from changeclothes_async.bulk.progress.tally import Snapshot

_STYLES = {
    "saved": "green",
    "paid": "cyan",
    "in_flight": "cyan",
    "unsure": "yellow",
    "failed": "red",
    "damaged": "red",
    "open": "bright_black",
}


class RichBar:
    """Draws two lines at the foot of a terminal, and a third while the run is being stopped."""

    def __init__(self, stream: TextIO | None = None, *, console: Console | None = None) -> None:
        self._snapshot: Snapshot | None = None
        self._closed = False
        self._stream = stream or sys.stderr
        self._lifted = ExitStack()
        # It draws on its own eight times a second, however often it is updated. What is printed
        # meanwhile goes above it, except into a stdout that somebody reads through a pipe.
        self._live = Live(
            console=console or Console(file=stream),
            get_renderable=self._drawn,
            refresh_per_second=8,
            redirect_stdout=sys.stdout.isatty(),
        )

    def update(self, snapshot: Snapshot) -> None:
        """Show this from the next drawing on."""
        self._snapshot = snapshot
        if not self._live.is_started:
            self._live.start()
            self._lifted.enter_context(lifting.above(self._stream))

    def close(self, snapshot: Snapshot) -> None:
        """Leave the last state on the screen and give the terminal back."""
        self._closed = True
        self.update(snapshot)
        self._live.stop()
        self._lifted.close()

    def _drawn(self) -> RenderableType:
        if not self._snapshot:
            return ""
        rows = [_head(self._snapshot, closed=self._closed), _facts(self._snapshot)]
        if self._snapshot.stopping and not self._closed:
            rows.append(Text(telling.STOPPING, "yellow"))
        return Group(*rows)


class _Strip:
    """A stretch for each state, as wide as there is room."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        full, thin = ("#", "-") if options.ascii_only else ("━", "─")
        strip = Text(no_wrap=True)
        for name, width in telling.stretches(self._snapshot, options.max_width):
            strip.append((thin if name in {"in_flight", "open"} else full) * width, _STYLES[name])
        yield strip


def _head(snapshot: Snapshot, *, closed: bool) -> RenderableType:
    aside = telling.took(snapshot) if closed else telling.left(snapshot)
    head = Table.grid(expand=True, padding=(0, 0, 0, 2))
    head.add_column(ratio=1)
    head.add_column(justify="right", no_wrap=True)
    head.add_column(justify="right", no_wrap=True)
    head.add_row(_Strip(snapshot), Text(telling.ratio(snapshot), "bold"), Text(aside, "dim"))
    return head


def _facts(snapshot: Snapshot) -> RenderableType:
    facts = (Text(words, _STYLES.get(name, "")) for name, words in telling.facts(snapshot))
    return Text("   ").join(facts)
