"""A plan and a finished run summed up, in words for people and as data for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.cli import printing, wording

if TYPE_CHECKING:
    from pathlib import Path

    from changeclothes_async.bulk.lookbook.cells import Cell
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.run.planning import Plan
    from changeclothes_async.transport.places import Spot

_SHOWN = 5
_RESEND = "--resend-unsure sends them again, and may pay for them twice."
_SAID = {"unfetched": "not fetched", "open": "not sent"}  # as the gallery calls them
_SORTS = ("saved", "failed", "damaged", "unfetched", "unsure", "open")
_TROUBLES = (
    ("failed", "Failed", "--retry-failed sends them again, and each call may cost."),
    (
        "unfetched",
        "Paid, but not fetched",
        "Run the same line again: it fetches them, which costs nothing.",
    ),
    (
        "damaged",
        f"Damaged ({wording.DAMAGED})",
        f"`changeclothes ledger` of the folder with --json shows the answers; {_RESEND}",
    ),
    (
        "unsure",
        f"Unsure ({wording.UNSURE})",
        f"Look at the account's history; {_RESEND}",
    ),
)


@dataclass(slots=True)
class Spent:
    """The calls that a run sent, and how many of them are paid, surely or perhaps."""

    calls: int = 0
    paid: int = 0
    perhaps: int = 0


class Drawn(TypedDict):
    """What a run left to look at, each by its place."""

    gallery: Spot | None
    contact_sheet: Path | None


def plan(planned: Plan) -> Iterator[str]:
    """Say what a run would do, a line for each thing."""
    size = _size(planned.upload_bytes)
    yield names.counted(planned.cells, "cell")
    for count, words in (
        (planned.saved, "saved already"),
        (planned.to_fetch, "paid, whose pictures are only fetched"),
        (planned.failed, "failed; --retry-failed sends them again"),
        (planned.damaged, f"damaged: {wording.DAMAGED}; {_RESEND}"),
        (planned.unsure, f"unsure: {wording.UNSURE}; {_RESEND}"),
        (planned.duplicates, "the same as another cell, and paid once"),
        (planned.to_send, f"to send, each a call that costs; {size} to upload"),
    ):
        if count:
            yield f"{count:>9,}  {words}"
    yield "Nothing was sent." if planned.to_send else "There is nothing to send."


class Summary:
    """A finished run: its cells by what can be done about them, and what its calls cost.

    To a lookbook three of the four troubles are cells that failed.
    """

    def __init__(self, lookbook: Lookbook, spent: Spent, drawn: Drawn) -> None:
        self._lookbook, self._spent, self._drawn = lookbook, spent, drawn
        self._troubled: dict[str, list[Cell]] = {sort: [] for sort, _, _ in _TROUBLES}
        for cell in (*lookbook.failed, *lookbook.unsure):
            self._troubled[_sort(cell)].append(cell)
        counts = lookbook.kinds | {sort: len(some) for sort, some in self._troubled.items()}
        self._counts = {sort: counts[sort] for sort in _SORTS}

    def words(self) -> Iterator[str]:
        """Say what came out, what to do about the rest, and where it is."""
        tally = ", ".join(
            f"{count:,} {_SAID.get(sort, sort)}" for sort, count in self._counts.items() if count
        )
        yield f"{tally or 'nothing'}; {_spent(self._spent)}."
        for sort, title, next_step in _TROUBLES:
            yield from _cells(title, self._troubled[sort], next_step)
        stopped, out = self._lookbook.stopped, self._lookbook.out
        if stopped:
            yield f"{printing.red('Stopped')}: {_why(stopped)}"
        if left := self._counts["open"]:
            yield _rest(left, stopped)
        yield f"Pictures: {out}"
        if self._drawn["gallery"]:
            yield f"Gallery:  {self._drawn['gallery']}"
        if self._drawn["contact_sheet"]:
            yield f"Sheet:    {self._drawn['contact_sheet']}"

    def facts(self) -> dict[str, Any]:
        """Return the same as data; cells as `Lookbook.to_dicts` gives them."""
        cells = {sort: [cell.as_dict() for cell in some] for sort, some in self._troubled.items()}
        stopped, out = self._lookbook.stopped, self._lookbook.out
        return {
            "counts": self._counts,
            "calls": self._spent.calls,
            "paid": self._spent.paid,
            "perhaps_paid": self._spent.perhaps,
            "stopped": printing.as_data(stopped) if stopped else None,
            "failed": cells["failed"],
            "damaged": cells["damaged"],
            "unfetched": cells["unfetched"],
            "unsure": cells["unsure"],
            "out": out,
            **self._drawn,
        }


def _sort(cell: Cell) -> str:
    return {"damaged": "damaged", "paid": "unfetched"}.get(cell.state, cell.kind)


def _spent(spent: Spent) -> str:
    money = ((spent.paid, "paid"), (spent.perhaps, "perhaps paid"))
    known = ", ".join(f"{count:,} {words}" for count, words in money if count) or "none paid"
    sent = f"{names.counted(spent.calls, 'call')} sent in this run"
    return f"{sent}: {known}" if spent.calls else sent


def _why(stopped: errors.ChangeClothesError) -> str:
    if isinstance(stopped, errors.Interrupted | errors.BudgetSpent):
        return stopped.message  # the next step, for what is left, has a line of its own
    return printing.sentence(stopped)


def _rest(left: int, stopped: errors.ChangeClothesError | None) -> str:
    if isinstance(stopped, errors.BudgetSpent):  # which the same line gives once more, and no more
        return (
            f"Remaining: {left:,}. Run the same line again for as many calls more, "
            "or without --max-calls for all of them."
        )
    return f"Run the same line again for the remaining {left:,}."


def _cells(title: str, some: Sequence[Cell], next_step: str) -> Iterator[str]:
    if not some:
        return
    yield f"{printing.red(title)}:"
    width = printing.column(cell.name for cell in some[:_SHOWN])
    for cell in some[:_SHOWN]:
        yield f"  {cell.name:<{width}}  {_happened(cell)}"
    if len(some) > _SHOWN:
        yield f"  … and {len(some) - _SHOWN:,} more: `changeclothes ledger` of the folder lists all"
    yield f"  {next_step}"


def _happened(cell: Cell) -> str:
    return wording.message(cell.error) if cell.error else cell.words


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
