"""What a command shows: words on stderr while it works, its result on stdout, JSON for scripts."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TextIO

import click

from changeclothes_async import errors
from changeclothes_async.cli import wording

_COUNTED = re.compile(r" *[\d,]+  ")
_STYLED = re.compile(r"(\x1b\[\d+m)([\w ,:]+)\x1b\[0m")
_NARROWEST = 40
_LONGEST_NAME = 48
_UNSAID = 500
_above: list[Callable[[str], object]] = []
"""What writes above a spinner, while one turns: click would write into it."""


def say(words: str) -> None:
    """Tell the person at the terminal something other than the result."""
    fitted = _fitted(words, sys.stderr)
    if _above:
        _above[-1](fitted)
        return
    try:
        click.echo(fitted, err=True)
    except OSError:  # nobody can read it, which is no reason to lose a call
        _close(sys.stderr)


def result(*lines: str) -> None:
    """Print a result, its lines as they are: they may be copied.

    Where stdout takes nothing, as on a full disk, it is said on stderr and ends the command.
    """
    try:
        for line in lines:
            click.echo(_escaped(line))
    except OSError as error:
        if error.errno == errno.EPIPE:  # a pager that was left; click ends quietly
            raise
        _close(sys.stdout)
        unsaid = textwrap.shorten(" ".join(lines), _UNSAID, placeholder=" …")
        raise click.ClickException(
            f"The result cannot be written to stdout ({error.strerror}). It is: {unsaid}"
        ) from None


def _escaped(text: str) -> str:
    """Escape the letters that stdout cannot take: a file's name may have some of no encoding."""
    out = sys.stdout
    if _takes(text, getattr(out, "errors", None) or "strict"):
        return text
    return text.encode(out.encoding, "backslashreplace").decode(out.encoding)


def _takes(text: str, how: str) -> bool:
    """Tell whether stdout has all letters of a text; without an encoding, as in memory, it has."""
    if encoding := getattr(sys.stdout, "encoding", None):
        try:
            text.encode(encoding, how)
        except UnicodeEncodeError:
            return False
    return True


def lines(*many: str) -> None:
    """Print a result in words, which a terminal may be too narrow for."""
    result(*(_fitted(line, sys.stdout) for line in many))


@contextmanager
def attended() -> Iterator[None]:
    """Keep what is only for unattended programs out of the log: a command says it in its words."""
    log = logging.getLogger("changeclothes_async")
    log.addFilter(_is_for_all)
    try:
        yield
    finally:
        log.removeFilter(_is_for_all)


def _is_for_all(record: logging.LogRecord) -> bool:
    return not hasattr(record, "unattended")


def _close(stream: TextIO) -> None:
    """Discard what a stream could not write: Python would try it again at exit."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def column(names: Iterable[str]) -> int:
    """Return the width of a column of names, in which very long ones do not count."""
    return max((len(name) for name in names if len(name) <= _LONGEST_NAME), default=0)


def shown(words: Iterable[str], facts: dict[str, Any], *, as_json: bool) -> None:
    """Print a result in lines of words, or for scripts as one JSON object."""
    if as_json:
        result(_as_json(facts))
    else:
        lines(*words)


def _as_json(facts: dict[str, Any]) -> str:
    """Return JSON with the letters as they are, or where stdout has not all of them, escaped."""
    written = json.dumps(facts, ensure_ascii=False, indent=2, default=str)
    return written if _takes(written, "strict") else json.dumps(facts, indent=2, default=str)


def failure(error: errors.ChangeClothesError, *, as_json: bool) -> None:
    """Say what went wrong and what to do now; for scripts the same as a JSON object."""
    say(f"{red('Error:')} {sentence(error)}")
    if as_json:
        shown((), as_data(error), as_json=True)


def red(words: str) -> str:
    """Colour words, unless NO_COLOR is set; without a terminal click takes the colour out again."""
    return words if os.environ.get("NO_COLOR") or _is_dumb() else click.style(words, fg="red")


def _is_dumb() -> bool:
    """Tell a terminal that knows no colour and takes no line back, as an editor's shell."""
    return os.environ.get("TERM") == "dumb"


def sentence(error: errors.ChangeClothesError) -> str:
    """Say what went wrong and what to do now, in the words of a shell."""
    happened = wording.message(error)
    between = "" if happened.endswith("\n") else " "
    return f"{happened}{between}{wording.next_step(error)}"


def as_data(error: errors.ChangeClothesError) -> dict[str, Any]:
    """Return an error as plain data."""
    return {
        "error": type(error).__name__,
        "message": wording.message(error),
        "next_step": wording.next_step(error),
        "money": error.money,
        "code": error.code,
        "msg": error.msg,
        "http_status": error.http_status,
        "attempts": error.attempts,
    }


def wrapped(line: str, width: int) -> str:
    """Break a line between words, and indent what follows; a path or an address stays whole."""
    if styled := _STYLED.match(line):  # a colour takes no room
        bare = wrapped(styled[2] + line[styled.end() :], width)
        return styled[0] + bare.removeprefix(styled[2])
    counted = _COUNTED.match(line)
    start = len(line) - len(line.lstrip())
    indent = counted.end() if counted else start + 2
    return textwrap.fill(
        line[start:],
        max(width, _NARROWEST),
        initial_indent=line[:start],  # within the text it is lost before a word longer than a line
        subsequent_indent=" " * indent,
        replace_whitespace=False,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fitted(words: str, stream: TextIO) -> str:
    """Fit words to a terminal; what a program reads keeps its lines."""
    if not stream.isatty():
        return words
    width = shutil.get_terminal_size().columns
    return "\n".join(wrapped(line, width) for line in words.split("\n"))


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Turn a spinner with the time it takes, on a terminal alone."""
    if not sys.stderr.isatty() or _is_dumb():
        yield
        return
    from rich import progress
    from rich.console import Console

    from changeclothes_async.bulk.progress import lifting

    stream, console = sys.stderr, Console(stderr=True)
    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.TimeElapsedColumn(),
    )
    turning = progress.Progress(*columns, console=console, transient=True, redirect_stdout=False)
    turning.add_task(words, total=None)
    with turning, lifting.above(stream):
        _above.append(partial(console.print, markup=False, highlight=False, soft_wrap=True))
        try:
            yield
        finally:
            _above.pop()
