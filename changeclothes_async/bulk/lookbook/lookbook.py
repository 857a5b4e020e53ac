"""What came out of a grid: its cells by name, in tables, as one picture, as a page."""

from __future__ import annotations

import csv
import difflib
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from changeclothes_async import arguments, errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook import cells as data
from changeclothes_async.bulk.lookbook import gallery, preview
from changeclothes_async.bulk.lookbook.cells import Cell, Cells
from changeclothes_async.transport import saving
from changeclothes_async.transport.places import Spot

Key: TypeAlias = str | int

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Lookbook:
    """The cells of a grid, models down and garments across, read when they are asked for.

    `lookbook["woman-01", "red-tie-tee"]` is a cell, by names or by numbers; a batch of jobs has
    one column, and `lookbook["job"]` does. `out` is where the pictures are: a `Path`, or a `UPath`
    at a place such as `s3://bucket/lookbook`. `stopped` is what ended the run early: an
    Interrupted, a BudgetSpent, or the error after which no other cell could succeed; None where
    nothing did.
    """

    def __init__(
        self, cells: Cells, out: Spot, stopped: errors.ChangeClothesError | None = None
    ) -> None:
        self._cells = cells
        self.out = out
        self.stopped = stopped

    def __len__(self) -> int:
        return len(self._cells.rows) * len(self._cells.columns)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    def __getitem__(self, key: tuple[Key, Key] | Key) -> Cell:
        row, column = key if isinstance(key, tuple) else (key, self._only_column())
        models, garments = self._row_numbers, self._column_numbers
        if row not in models and row in garments and column in models:
            raise KeyError(f"The order is (model, garment): write lookbook[{column!r}, {row!r}].")
        return self._cells.at(_number(models, row, "model"), _number(garments, column, "garment"))

    def __repr__(self) -> str:
        stopped = f"; stopped: {self.stopped.message}" if self.stopped else ""
        counts = data.tally(self.kinds)
        return f"<Lookbook {data.size(self._cells)}: {counts}{stopped}; {self.out}>"

    def _repr_html_(self) -> str:
        return preview.html(self._cells, repr(self).strip("<>"), self.out / "index.html")

    @property
    def models(self) -> list[str]:
        """The names of the rows."""
        return [head.name for head in self._cells.rows]

    @property
    def garments(self) -> list[str]:
        """The names of the columns: garments or prompts."""
        return [head.name for head in self._cells.columns]

    @property
    def saved(self) -> list[Cell]:
        """The cells whose picture is there."""
        return self._having("saved")

    @property
    def failed(self) -> list[Cell]:
        """The cells that did not work, each with its `error`.

        Damaged answers and paid pictures that could not be fetched are among them.
        """
        return self._having("failed")

    @property
    def unsure(self) -> list[Cell]:
        """The cells that may have been paid without an answer."""
        return self._having("unsure")

    @property
    def counts(self) -> dict[State, int]:
        """How many cells are at each state, all states named; counted once."""
        states, _, _ = self._counted
        return {state: states[state] for state in State}

    @property
    def kinds(self) -> dict[str, int]:
        """How many cells are saved, failed, unsure and open."""
        _, kinds, _ = self._counted
        return {kind: kinds[kind] for kind in data.KINDS}

    @cached_property
    def _counted(self) -> tuple[Counter[State], Counter[str], dict[str, array[int]]]:
        """Walk over all cells once: their counts, and the numbers of those that people look for."""
        states, kinds = Counter[State](), Counter[str]()
        numbers = {kind: array("Q") for kind in ("failed", "unsure")}
        for number, cell in enumerate(self._cells):
            kind = cell.kind
            states[cell.state] += 1
            kinds[kind] += 1
            if kind in numbers:
                numbers[kind].append(number)
        return states, kinds, numbers

    def _having(self, kind: str) -> list[Cell]:
        if not self.kinds[kind]:
            return []
        across = len(self._cells.columns)
        _, _, known = self._counted
        numbers = known.get(kind, range(len(self)))
        some = self._cells.read(divmod(number, across) for number in numbers)
        return [cell for cell in some if cell.kind == kind]

    @property
    def ok(self) -> bool:
        """Whether every cell is saved."""
        return self.counts[State.SAVED] == len(self)

    def to_dicts(self) -> Iterator[dict[str, Any]]:
        """Yield each cell as a dict of strings and numbers, row by row."""
        return (cell.as_dict() for cell in self)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write one line per cell, in UTF-8, and return the path. Raises SaveFailed.

        A text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        target = arguments.local(path)
        with saving.placed(target) as part, part.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            for number, row in enumerate(self.to_dicts()):
                if number == 0:
                    table.writerow(row.keys())
                table.writerow(map(_harmless, row.values()))
        return target

    def contact_sheet(
        self,
        path: str | os.PathLike[str],
        *,
        cell: int = 240,
        font: str | os.PathLike[str] | None = None,
    ) -> Path:
        """Draw the whole grid as one picture, and return its path.

        `cell` is a picture's width in pixels; a large grid is drawn smaller, a huge one cut, with
        a note. The suffix decides: .png, .jpg, .jpeg or .webp. `font` is a TrueType file for names
        in letters that Pillow's own font lacks, such as Chinese ones.
        Raises MissingExtra without Pillow, InvalidInput and SaveFailed.
        """
        try:
            from changeclothes_async.bulk.lookbook import sheet  # Pillow is an extra
        except ImportError:
            raise errors.missing_extra("A contact sheet needs Pillow", "pictures") from None
        return sheet.save(self._cells, data.tally(self.kinds), arguments.local(path), cell, font)

    def gallery(self) -> Spot:
        """Write `index.html` into `out`, a page that opens from disk, and return its path.

        Raises SaveFailed.
        """
        _, _, numbers = self._counted
        troubled = sorted(chain(*numbers.values()))
        return gallery.write(self._cells, self.kinds, troubled, self.out, self.stopped)

    def _only_column(self) -> int:
        if len(self._cells.columns) == 1:
            return 0
        raise KeyError("A cell of a grid has two names: write lookbook[model, garment].")

    @cached_property
    def _row_numbers(self) -> dict[str, int]:
        return {head.name: number for number, head in enumerate(self._cells.rows)}

    @cached_property
    def _column_numbers(self) -> dict[str, int]:
        return {head.name: number for number, head in enumerate(self._cells.columns)}


def _number(numbers: dict[str, int], key: Key, what: str) -> int:
    if isinstance(key, int):
        return range(len(numbers))[key]
    if key in numbers:
        return numbers[key]
    near = difflib.get_close_matches(key, numbers, n=3, cutoff=0.5) or list(numbers)[:3]
    raise KeyError(f"There is no {what} {key!r}; did you mean {' or '.join(map(repr, near))}?")


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
