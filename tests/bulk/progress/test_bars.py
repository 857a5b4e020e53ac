"""Bars: what each says of a snapshot, how often, and which one is chosen where."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from changeclothes_async.bulk.progress import bars, telling, terminal
from changeclothes_async.bulk.progress.tally import Snapshot

BEGUN = Snapshot(
    total=54,
    saved=12,
    paid=0,
    in_flight=8,
    failed=0,
    unsure=0,
    open=34,
    calls=0,
    elapsed=0.0,
    rate=0.0,
    seconds_left=None,
    stopping=False,
)
GOING = replace(
    BEGUN,
    saved=30,
    paid=2,
    failed=3,
    unsure=1,
    open=10,
    calls=24,
    elapsed=12.4,
    rate=2.34,
    seconds_left=83.2,
)
ENDED = replace(GOING, in_flight=0, paid=0, elapsed=4000)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Output:
    """What IPython's display gives: a handle whose output can be drawn anew."""

    def __init__(self) -> None:
        self.drawn: list[dict[str, str]] = []

    def show(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> Output:
        assert raw
        assert display_id
        self.drawn.append(bundle)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.drawn.append(bundle)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_screen(*snapshots: Snapshot, closed: Snapshot | None = None, width: int = 80) -> list[str]:
    """Give the lines that the last drawing wrote, without escape codes."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    bar = terminal.RichBar(console=console)
    for snapshot in snapshots:
        bar.update(snapshot)
    with console.capture() as captured:
        bar._live.refresh()
        if closed:
            bar.close(closed)
    if not closed:
        bar.close(snapshots[-1])
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", captured.get()).replace("\r", "\n").splitlines()


def test_a_line_names_only_what_there_is() -> None:
    """Zeroes and unknowns are left out; what is paid for is always said."""
    assert telling.line(BEGUN, telling.left(BEGUN)) == "12/54 saved, 8 in flight, 0 calls sent"
    assert telling.line(GOING, telling.left(GOING)) == (
        "30/54 saved, 8 in flight, 2 to fetch, 3 failed, 1 unsure, 24 calls sent, 2.3/s, 1:23 left"
    )


def test_a_damaged_answer_has_a_word_of_its_own() -> None:
    """It is paid, so it is neither failed nor unsure, and another option sends it again."""
    said = telling.line(replace(GOING, damaged=2), "")
    assert "3 failed, 2 damaged, 1 unsure" in said
    assert dict(telling.stretches(replace(GOING, damaged=2, open=8), 54))["damaged"] == 2


def test_times_are_said_in_minutes_and_from_an_hour_on_in_hours() -> None:
    """A duration reads like a clock."""
    assert telling.took(replace(GOING, elapsed=5)) == "in 0:05"
    assert telling.took(ENDED) == "in 1:06:40"


def test_a_slow_rate_is_said_by_the_minute() -> None:
    """A picture every twenty seconds reads as three a minute, not as 0.1 a second."""
    assert dict(telling.facts(replace(GOING, rate=0.05)))["rate"] == "3.0/min"


@pytest.mark.parametrize("width", [0, 1, 7, 40, 1000])
def test_stretches_fill_the_width_and_no_more(width: int) -> None:
    """Whatever the counts, the parts of a bar add up to its width."""
    over = replace(GOING, saved=60)
    for snapshot in (BEGUN, GOING, ENDED, over, replace(BEGUN, total=0, saved=0, in_flight=0)):
        parts = dict(telling.stretches(snapshot, width))
        assert sum(parts.values()) == width
        assert min(parts.values()) >= 0


def test_stretches_are_as_long_as_their_share() -> None:
    """At one column a cell, each state has as many columns as cells."""
    parts = dict(telling.stretches(GOING, 54))
    assert parts == {
        "saved": 30, "paid": 2, "in_flight": 8, "unsure": 1, "damaged": 0,
        "failed": 3, "open": 10,
    }  # fmt: skip


def test_lines_come_at_their_pace() -> None:
    """The first line comes at once, the next when its time has come, the last always."""
    said: list[str] = []
    clock = Clock()
    bar = bars.LineBar(said.append, every=5.0, clock=clock)
    bar.update(BEGUN)
    clock.now += 4.9
    bar.update(GOING)
    assert len(said) == 1
    clock.now += 0.1
    bar.update(GOING)
    bar.close(ENDED)
    assert len(said) == 3
    assert said[1].endswith("1:23 left")
    assert said[2].endswith("in 1:06:40")


def test_a_line_says_at_once_that_the_run_stops() -> None:
    """Whoever pressed Ctrl-C is told at once what happens, and only once."""
    said: list[str] = []
    bar = bars.LineBar(said.append, clock=Clock())
    bar.update(GOING)
    bar.update(replace(GOING, stopping=True))
    bar.update(replace(GOING, stopping=True))
    assert len(said) == 2
    assert telling.STOPPING in said[1]


def test_the_notebook_s_output_is_drawn_once_and_then_updated_at_its_pace() -> None:
    """One output a run, however many snapshots come."""
    output, clock = Output(), Clock()
    bar = bars.NotebookBar(output.show, every=0.25, clock=clock)
    for _ in range(10):
        bar.update(GOING)
    clock.now += 0.25
    bar.update(GOING)
    bar.close(ENDED)
    assert len(output.drawn) == 3
    assert output.drawn[-1]["text/plain"].endswith("in 1:06:40")


def test_the_notebook_says_how_to_stop_at_once_in_its_own_words() -> None:
    """There is no Ctrl-C in a notebook."""
    output = Output()
    bars.NotebookBar(output.show).update(replace(GOING, stopping=True))
    assert "interrupt again" in output.drawn[0]["text/plain"]
    assert "Ctrl-C" not in output.drawn[0]["text/html"]


def test_the_notebook_s_output_stands_alone() -> None:
    """An export keeps it: no script, no style sheet, and words for who cannot see the strip."""
    output = Output()
    bars.NotebookBar(output.show).close(ENDED)
    html = output.drawn[0]["text/html"]
    assert 'role="progressbar"' in html
    assert 'aria-valuenow="30"' in html
    assert "<b>30/54 saved</b>" in html
    assert "3 failed" in html
    assert "width:55.6%" in html  # 30 of 54
    assert "<script" not in html
    assert "<style" not in html


def test_the_notebook_s_bar_finds_ipython_s_display(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a function of its own it shows through IPython, here outside a kernel: as text."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    bars.NotebookBar().close(ENDED)
    assert "30/54 saved" in capsys.readouterr().out


def test_a_terminal_s_bar_shows_the_strip_and_the_numbers() -> None:
    """Two lines: the strip with what is done and left, and the run in numbers."""
    strip, facts = on_screen(GOING, width=100)[-2:]
    assert re.fullmatch("━{45}─{11}━{6}─{14}  30/54 saved  1:23 left", strip)
    assert facts == "8 in flight   2 to fetch   3 failed   1 unsure   24 calls sent   2.3/s"


def test_a_terminal_s_bar_fits_a_narrow_terminal() -> None:
    """No line is wider than the terminal."""
    screen = on_screen(GOING, closed=ENDED, width=40)
    assert max(map(len, screen)) == 40
    assert any("30/54 saved" in line for line in screen)


def test_a_terminal_s_bar_says_that_the_run_stops_and_then_no_more() -> None:
    """The note stands while the run drains, and goes when it has ended."""
    stopping = replace(GOING, stopping=True)
    assert on_screen(stopping)[-1] == telling.STOPPING
    assert telling.STOPPING not in on_screen(stopping, closed=replace(ENDED, stopping=True))[-3:]


def test_what_is_logged_goes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that was made before writes whole lines, and into its own stream again later."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    logger = logging.getLogger("tests.bar")
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    try:
        bar = terminal.RichBar(screen, console=Console(file=screen, force_terminal=True, width=80))
        bar.update(GOING)
        bar._live.refresh()
        logger.warning("a line of its own")
        bar.close(ENDED)
        logger.warning("after the bar")
    finally:
        logger.removeHandler(handler)
    before, _, rest = screen.getvalue().partition("a line of its own")
    assert before.endswith("\x1b[2K")  # the bar was taken off the screen
    assert "30/54 saved" in rest  # and drawn anew below
    assert rest.endswith("after the bar\n")
    assert handler.stream is screen


def test_no_bar_or_a_bar_of_one_s_own() -> None:
    """False is no bar, and a bar that is given is used as it is."""
    own = bars.LineBar(print)
    assert bars.bar_for(False) is None
    assert bars.bar_for(own) is own


def test_a_pipe_gets_lines_and_a_terminal_a_live_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read later, or by a terminal that takes no line back, gets no escape codes."""
    monkeypatch.setenv("TERM", "xterm")
    pipe = io.StringIO()
    line_bar = bars.bar_for(True, pipe)
    assert isinstance(line_bar, bars.LineBar)
    line_bar.update(BEGUN)
    assert pipe.getvalue() == "12/54 saved, 8 in flight, 0 calls sent\n"
    assert isinstance(bars.bar_for(True, Terminal()), terminal.RichBar)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(bars.bar_for(True, Terminal()), bars.LineBar)


def test_rich_and_ipython_load_only_when_used() -> None:
    """A bar for a pipe needs neither of the optional libraries."""
    script = (
        "import sys; from changeclothes_async.bulk.progress import bars; "
        "bars.bar_for(True, sys.stderr); "
        "print(sorted({'rich', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
