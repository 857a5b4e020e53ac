"""A plan and a finished run summed up, in words for people and as data for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import printing

if TYPE_CHECKING:
    from changeclothes_async.bulk.lookbook.cells import Cell
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.run.planning import Plan

_SHOWN = 5


def plan(planned: Plan) -> Iterator[str]:
    """Say what a run would do, a line for each thing."""
    yield f"{planned.cells:,} cells"
    for count, words in (
        (planned.saved, "saved already"),
        (planned.to_fetch, "paid, whose pictures are only fetched"),
        (planned.failed, "failed; --retry-failed sends them again"),
        (planned.unsure, "unsure, perhaps paid; --resend-unsure sends them again"),
        (planned.duplicates, "the same as another cell, and paid once"),
        (
            planned.to_send,
            f"to send, each a call that costs; {_size(planned.upload_bytes)} to upload",
        ),
    ):
        if count or count is planned.to_send:
            yield f"{count:>9,}  {words}"
    yield "Nothing was sent."


def run(lookbook: Lookbook, calls: int, *, gallery: bool) -> Iterator[str]:
    """Say what came out, what to do about the rest, and where it is."""
    from changeclothes_async.bulk.lookbook import cells

    spent = "1 call" if calls == 1 else f"{calls:,} calls"
    yield f"{cells.tally(lookbook.counts)}; {spent} spent in this run."
    yield from _cells(
        "Failed",
        lookbook.failed,
        "--retry-failed sends them again, and each call may cost.",
    )
    yield from _cells(
        "Unsure, sent without an answer and perhaps paid",
        lookbook.unsure,
        "Look at the account's history; --resend-unsure sends them again, and may pay them twice.",
    )
    if lookbook.stopped:
        yield f"{_red('Stopped')}: {lookbook.stopped}"
    if left := cells.by_kind(lookbook.counts)["open"]:
        yield f"Run the same line again for the {left:,} that are left."
    yield f"Pictures: {lookbook.out}"
    if gallery:
        yield f"Gallery:  {lookbook.out / 'index.html'}"


def run_facts(lookbook: Lookbook, calls: int, *, gallery: bool) -> dict[str, Any]:
    """Give the same as data; cells as `Lookbook.to_dicts` gives them."""
    from changeclothes_async.bulk.lookbook import cells

    stopped = lookbook.stopped
    told = printing.told(stopped) if isinstance(stopped, errors.ChangeClothesError) else stopped
    return {
        "counts": cells.by_kind(lookbook.counts),
        "calls": calls,
        "stopped": told,
        "failed": [cell.as_dict() for cell in lookbook.failed],
        "unsure": [cell.as_dict() for cell in lookbook.unsure],
        "out": lookbook.out,
        "gallery": lookbook.out / "index.html" if gallery else None,
    }


def _cells(title: str, some: Sequence[Cell], next_step: str) -> Iterator[str]:
    if not some:
        return
    yield f"{_red(title)}:"
    for cell in some[:_SHOWN]:
        yield f"  {cell.name}  {cell.error.message if cell.error else cell.words}"
    if len(some) > _SHOWN:
        yield f"  … and {len(some) - _SHOWN:,} more: `changeclothes ledger` of the folder lists all"
    yield f"  {next_step}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def _red(words: str) -> str:
    return click.style(words, fg="red")
