"""What a run works on: rows and columns with names, and the job in each cell.

A job is made when it is asked for, since there may be a million.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.protocol import fields, images, requests

_PAGE = 256
_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One row or column: its name, and its picture or its prompt."""

    name: str
    image: images.Image | None = field(default=None, repr=False)
    category: fields.Category | None = None
    prompt: str | None = None
    seed: int | None = None


Examine = Callable[[images.Image], Awaitable[images.Image]]


class Work(Protocol):
    """Rows times columns of jobs; a batch has one column, whose name is empty."""

    rows: Sequence[Item]
    columns: Sequence[Item]

    def job(self, row: int, column: int) -> requests.Job:
        """Make the job of a cell."""
        ...

    async def examine(self, examine: Examine) -> None:
        """Look at every picture once, so that what cannot be sent is known before anything is."""


def walk(work: Work) -> Iterator[tuple[int, int]]:
    """Walk over all cells, row by row."""
    for row in range(len(work.rows)):
        for column in range(len(work.columns)):
            yield row, column


def pages(cells: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Cut a walk into pages, so that a ledger is asked once for each of them."""
    rest = iter(cells)
    return iter(lambda: list(islice(rest, _PAGE)), [])


def cell_name(work: Work, row: int, column: int) -> str:
    """Name a cell; also its picture's file, without the suffix."""
    return names.cell(work.rows[row].name, work.columns[column].name)


def listed(some: Sequence[str], most: int = 5) -> str:
    """Name the first of some things, and say how many more there are."""
    more = f" and {len(some) - most:,} more" if len(some) > most else ""
    return ", ".join(some[:most]) + more


def refuse(refused: Sequence[errors.NotAnImage]) -> None:
    """Raise where pictures were refused: the error of a single one, or one that lists them."""
    if not refused:
        return
    if len(refused) == 1:
        raise refused[0]
    more = f"… and {len(refused) - _REFUSED:,} more\n" if len(refused) > _REFUSED else ""
    raise errors.NotAnImage(
        f"{len(refused):,} pictures cannot be sent:\n"
        + "".join(f"{error.message}\n" for error in refused[:_REFUSED])
        + more,
        next_step="Fix them or leave them out, and run it again; nothing was sent.",
    )
