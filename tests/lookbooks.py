"""Grids that were never run: cells in memory, and tiny pictures on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook.cells import Cell, Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook

HARMFUL = errors.HarmfulContent("The service found it harmful.", code=10005, http_status=200)
LOST = errors.Unsure("No answer came.")
BROKEN = errors.Damaged("The answer names no result.")
WHY = {State.FAILED: HARMFUL, State.UNSURE: LOST, State.DAMAGED: BROKEN}


@dataclass
class Cells:
    """Cells that are made when they are asked for; all saved, but for those in `odd`."""

    rows: Sequence[Head]
    columns: Sequence[Head]
    out: Path
    odd: dict[tuple[int, int], State]
    made: int = 0

    def at(self, row: int, column: int) -> Cell:
        self.made += 1
        model, garment = self.rows[row].name, self.columns[column].name
        name = f"{model}__{garment}" if garment else model
        state = self.odd.get((row, column), State.SAVED)
        saved = state is State.SAVED
        error = WHY.get(state)
        return Cell(
            model=model,
            garment=garment,
            name=name,
            state=state,
            path=self.out / f"{name}.webp" if saved else None,
            mask=self.out / "masks" / f"{name}.webp" if saved else None,
            error=error,
            result_img_url=f"https://results.example/{row}/{column}.webp" if saved else None,
            mask_img_url=None,
            seed=7 if saved else None,
            attempts=0 if state is State.OPEN else 1,
            money="spent" if saved else error.money if error else "not spent",
        )

    def read(self, places: Iterable[tuple[int, int]]) -> Iterator[Cell]:
        return (self.at(*place) for place in places)

    def __iter__(self) -> Iterator[Cell]:
        return (self.at(r, c) for r in range(len(self.rows)) for c in range(len(self.columns)))


def cells(
    out: Path, rows: int = 2, columns: int = 3, odd: dict[tuple[int, int], State] | None = None
) -> Cells:
    """Make a grid of that size; one column is a batch, whose column has no name."""
    across = [Head(f"garment-{n}") for n in range(columns)] if columns > 1 else [Head("")]
    return Cells([Head(f"model-{n}") for n in range(rows)], across, out, odd or {})


def lookbook(
    out: Path, rows: int = 2, columns: int = 3, odd: dict[tuple[int, int], State] | None = None
) -> Lookbook:
    """Make a lookbook of such a grid."""
    return Lookbook(cells(out, rows, columns, odd), out)


def drawn(cells: Cells) -> Cells:
    """Put the pictures of the saved cells on disk, each of one colour of its own."""
    (cells.out / "masks").mkdir(parents=True, exist_ok=True)
    for number, cell in enumerate(cell for cell in cells if cell.kind == "saved"):
        for path in (cell.path, cell.mask):
            assert path
            picture(path, (number * 37 % 256, 90, number * 91 % 256))
    return cells


def picture(path: Path, colour: tuple[int, ...], mode: str = "RGB", **options: Any) -> Path:
    """Put one picture on disk."""
    Image.new(mode, (48, 64), colour).save(path, **options)
    return path
