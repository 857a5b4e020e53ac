"""How a run's progress is shown: a bar in a terminal, a bar in a notebook, lines in a log.

A bar draws the snapshots it is handed and counts nothing itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol, TextIO

from changeclothes_async import arguments
from changeclothes_async.bulk.progress import telling
from changeclothes_async.bulk.progress.tally import Snapshot


class Bar(Protocol):
    """Something that shows snapshots."""

    def update(self, snapshot: Snapshot) -> None:
        """Show how it is going; called often."""

    def close(self, snapshot: Snapshot) -> None:
        """Show how it ended."""


def bar_for(progress: bool | Bar, stream: TextIO | None = None) -> Bar | None:
    """Choose the bar that suits where this runs; a bar of your own is taken as it is.

    A notebook gets its own, a terminal with rich installed a live one, and everything else lines
    on `stream`, which is stderr unless given. False is no bar.
    """
    if not isinstance(progress, bool):
        arguments.expect("progress", progress, "True, False or a bar", has=("update", "close"))
        return progress
    if not progress:
        return None
    if _in_notebook():
        return NotebookBar()
    stream = stream or sys.stderr
    if stream is None:  # a program without a console
        return None
    is_dumb = os.environ.get("TERM") == "dumb"  # it takes no line back, as an editor's shell
    if stream.isatty() and not is_dumb and find_spec("rich"):
        from changeclothes_async.bulk.progress import terminal

        return terminal.RichBar(stream)
    return LineBar(partial(print, file=stream, flush=True))


class LineBar:
    """Says a plain line at the start, every few seconds, when stopping begins, and at the end.

    `say` takes each line: a partial of `print`, or a logger's `info`.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._pace = _Pace(every, clock)

    def update(self, snapshot: Snapshot) -> None:
        """Say how far the run is, if it is time."""
        if self._pace.due(snapshot):
            self._say(telling.line(snapshot, _aside(snapshot, telling.STOPPING)))

    def close(self, snapshot: Snapshot) -> None:
        """Say how the run ended."""
        self._say(telling.line(snapshot, telling.took(snapshot)))


class NotebookBar:
    """Draws one output below the cell and keeps it up to date; what stays suits an export.

    `show` is IPython's `display`, or a function like it.
    """

    def __init__(
        self,
        show: Callable[..., Any] | None = None,
        *,
        every: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = show or _display()
        self._pace = _Pace(every, clock)
        self._output: Any = None

    def update(self, snapshot: Snapshot) -> None:
        """Draw anew, if it is time: each drawing is a message to the browser."""
        if self._pace.due(snapshot):
            self._draw(snapshot, _aside(snapshot, telling.STOPPING_CELL))

    def close(self, snapshot: Snapshot) -> None:
        """Draw how the run ended."""
        self._draw(snapshot, telling.took(snapshot))

    def _draw(self, snapshot: Snapshot, aside: str) -> None:
        bundle = {
            "text/plain": telling.line(snapshot, aside),
            "text/html": _html(snapshot, aside),
        }
        if self._output:
            self._output.update(bundle, raw=True)
        else:
            self._output = self._show(bundle, raw=True, display_id=True)


class _Pace:
    """Says when it is time to show something: at first, now and then, and when stopping begins."""

    def __init__(self, every: float, clock: Callable[[], float]) -> None:
        self._every = every
        self._clock = clock
        self._next = float("-inf")
        self._stopping = False

    def due(self, snapshot: Snapshot) -> bool:
        now = self._clock()
        if now < self._next and snapshot.stopping == self._stopping:
            return False
        self._next, self._stopping = now + self._every, snapshot.stopping
        return True


# Middle tones, which carry on a white page and on a black one.
_COLOURS = {
    "saved": "#2f9e5f",
    "paid": "#3b8fd0",
    "in_flight": "#3b8fd080",
    "unsure": "#d29922",
    "failed": "#d1495b",
    "damaged": "#d1495b",
    "open": "transparent",
}

# Styles stand inline alone, since an export keeps those and nothing else.
_FRAME = """\
<div style="max-width:44rem;font:13px/1.7 system-ui,sans-serif">
<div role="progressbar" aria-valuemin="0" aria-valuemax="{total}" aria-valuenow="{saved}" \
style="display:flex;height:8px;border-radius:4px;overflow:hidden;background:rgba(128,128,128,.25)">\
{strip}</div>
<div style="display:flex;flex-wrap:wrap;gap:0 1.2em;font-variant-numeric:tabular-nums">\
<b>{ratio}</b>{facts}<span style="margin-left:auto">{aside}</span></div>
</div>"""


def _html(snapshot: Snapshot, aside: str) -> str:
    stretches = telling.stretches(snapshot, 1000)
    return _FRAME.format(
        total=snapshot.total,
        saved=snapshot.saved,
        strip="".join(
            f'<span style="width:{width / 10}%;background:{_COLOURS[name]}"></span>'
            for name, width in stretches
        ),
        ratio=telling.ratio(snapshot),
        facts="".join(f"<span>{words}</span>" for _, words in telling.facts(snapshot)),
        aside=aside,
    )


def _aside(snapshot: Snapshot, stopping: str) -> str:
    return stopping if snapshot.stopping else telling.left(snapshot)


def _display() -> Callable[..., Any]:
    from IPython.display import display

    return display


def _in_notebook() -> bool:
    """Tell whether a kernel, and so a notebook's front end, runs this."""
    loaded = sys.modules.get("IPython")
    shell = loaded.get_ipython() if loaded else None
    return getattr(shell, "kernel", None) is not None
