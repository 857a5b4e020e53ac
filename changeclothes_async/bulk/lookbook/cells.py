"""The cells of a finished grid, and the heads of its rows and columns, as plain frozen data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.transport.places import Spot

KINDS = ("saved", "failed", "unsure", "open")
"""The four things that people ask about."""

_KIND = {
    State.SAVED: "saved",
    State.FAILED: "failed",
    State.DAMAGED: "failed",
    State.UNSURE: "unsure",
}
_WORDS = {
    State.OPEN: "not sent",
    State.CLAIMED: "in flight",
    State.PAID: "paid, not fetched",
    State.SAVED: "picture missing",
    State.FAILED: "failed",
    State.UNSURE: "unsure",
    State.DAMAGED: "answer damaged",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A model, a garment, or a prompt (`text`); `url` where its picture is only an address."""

    name: str
    picture: Path | None = None
    url: str | None = None
    text: str | None = None

    @property
    def words(self) -> str:
        """What stands for it where there is no picture to show."""
        return self.text or (self.url and urlsplit(self.url).hostname) or self.name


@dataclass(frozen=True, slots=True)
class Cell:
    """What one job came to.

    `path` and `mask` are the saved pictures, each None where there is none: a `Path`, or, at a
    place such as `s3://bucket/lookbook`, a `UPath`, which is used like one. `error` is the last
    one, `attempts` counts the requests that were started, `money` is an error's `money`.
    """

    model: str
    garment: str
    name: str
    state: State
    path: Spot | None
    mask: Spot | None
    error: errors.ChangeClothesError | None
    result_img_url: str | None
    mask_img_url: str | None
    seed: int | None
    attempts: int
    money: errors.Money

    def __repr__(self) -> str:
        more = f"; {self.path or repr(self.error)}" if self.path or self.error else ""
        return f"<Cell {self.name}: {self.state}, {self.money}{more}>"

    @property
    def kind(self) -> str:
        """One of `KINDS`: saved, failed, unsure or open.

        A paid one whose picture could not be fetched has failed; the next run fetches it.
        """
        if self.state is State.PAID and self.error:
            return "failed"
        return _KIND.get(self.state, "open")

    @property
    def words(self) -> str:
        """Why there is no picture, in two or three words."""
        if self.state is State.FAILED and self.error:
            return re.sub(r"(?<!^)(?=[A-Z])", " ", type(self.error).__name__).lower()
        return _WORDS[self.state]

    def _repr_html_(self) -> str:
        from changeclothes_async.bulk.lookbook import preview  # which draws what is defined here

        return preview.cell(self)

    def as_dict(self) -> dict[str, Any]:
        """All of it as strings and numbers, fit for JSON or a table; None for what is not there."""
        error = self.error
        return {
            "model": self.model,
            "garment": self.garment,
            "name": self.name,
            "state": self.state.value,
            "path": str(self.path) if self.path else None,
            "mask": str(self.mask) if self.mask else None,
            "result_img_url": self.result_img_url,
            "mask_img_url": self.mask_img_url,
            "seed": self.seed,
            "attempts": self.attempts,
            "money": self.money,
            "error": type(error).__name__ if error else None,
            "code": error.code if error else None,
            "message": error.message if error else None,
            "next_step": error.next_step if error else None,
        }


class Cells(Protocol):
    """All places of a grid, read when they are asked for; a batch of jobs has one column.

    `rows` are the models, or a batch's jobs; `columns` the garments or prompts.
    """

    rows: Sequence[Head]
    columns: Sequence[Head]

    def at(self, row: int, column: int) -> Cell:
        """Return one cell."""
        ...

    def read(self, places: Iterable[tuple[int, int]]) -> Iterator[Cell]:
        """Yield some cells, by row and column: cheaper than one by one."""
        ...

    def __iter__(self) -> Iterator[Cell]:
        """Walk over all cells, row by row."""
        ...


def tally(kinds: Mapping[str, int]) -> str:
    """Say a count of `KINDS` in words, such as "45 saved, 3 failed, 1 unsure"."""
    said = [f"{count:,} {kind}" for kind, count in kinds.items() if count]
    return ", ".join(said) or "nothing"


def size(cells: Cells) -> str:
    """Say how large the grid is, such as "6 models × 9 garments", or a batch: "7 jobs"."""
    rows, columns = len(cells.rows), len(cells.columns)
    if columns == 1 and not cells.columns[0].name:  # a batch's column
        return names.counted(rows, "job")
    across = "prompt" if all(head.text is not None for head in cells.columns) else "garment"
    return f"{names.counted(rows, 'model')} × {names.counted(columns, across)}"
