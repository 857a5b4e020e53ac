"""What a command shows: words on stderr while it works, its result on stdout, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from changeclothes_async import errors

_NEXT_STEPS: dict[type[errors.ChangeClothesError], str] = {
    errors.MissingKey: (
        "Keys are made in the console of changeclothesai.online. "
        "Without an account: changeclothes demo, or changeclothes serve."
    ),
}


def say(words: str) -> None:
    """Tell the person at the terminal something that is no result."""
    click.echo(words, err=True)


def result(*lines: str) -> None:
    """Print a result."""
    for line in lines:
        click.echo(line)


def shown(words: Iterable[str], facts: dict[str, Any], *, as_json: bool) -> None:
    """Print a result in lines of words, or for scripts as one JSON object."""
    result(*([json.dumps(facts, ensure_ascii=False, indent=2, default=str)] if as_json else words))


def failure(error: errors.ChangeClothesError, *, as_json: bool) -> None:
    """Say what went wrong and what to do now; for scripts the same as a JSON object."""
    next_step = _NEXT_STEPS.get(type(error), error.next_step)
    click.echo(f"{click.style('Error:', fg='red')} {error.message} {next_step}", err=True)
    if as_json:
        shown((), told(error), as_json=True)


def told(error: errors.ChangeClothesError) -> dict[str, Any]:
    """Give an error as plain data."""
    return {
        "error": type(error).__name__,
        "message": error.message,
        "next_step": _NEXT_STEPS.get(type(error), error.next_step),
        "money": error.money,
        "code": error.code,
        "msg": error.msg,
        "http_status": error.http_status,
        "attempts": error.attempts,
    }


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Turn a spinner with the time it takes, on a terminal alone."""
    if not sys.stderr.isatty():
        yield
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as spinner:
        spinner.add_task(words, total=None)
        yield


def free(path: Path) -> Path:
    """Give a path that takes nothing's place, whatever its suffix: look, look-2 and so on."""
    tried, number = path, 1
    while tried.exists() or any(tried.parent.glob(f"{tried.name}.*")):
        number += 1
        tried = path.with_name(f"{path.name}-{number}")
    return tried
