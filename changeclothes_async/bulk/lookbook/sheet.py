"""The contact sheet: a whole grid as one picture, models on the left, garments on top.

What a picture of bounded size cannot hold is left out, and the footer says so.
"""

from __future__ import annotations

import os
from functools import cache
from itertools import islice
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageOps

from changeclothes_async import arguments, errors
from changeclothes_async.bulk.lookbook import cells as data
from changeclothes_async.bulk.lookbook import layout, thumbs
from changeclothes_async.bulk.lookbook.cells import Cell, Cells, Head
from changeclothes_async.bulk.lookbook.layout import Layout
from changeclothes_async.bulk.lookbook.lettering import (
    Colour,
    Lettering,
    centred,
    cut,
    cut_amid,
    wrapped,
)
from changeclothes_async.transport import saving

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_INK, _SOFT, _LINE = (38, 35, 32), (122, 115, 107), (226, 221, 214)
_TILES: dict[str, tuple[Colour, Colour]] = {
    "head": ((240, 236, 230), _INK),
    "saved": ((240, 236, 230), _SOFT),
    "failed": ((250, 229, 224), (166, 50, 36)),
    "unsure": ((251, 239, 211), (138, 95, 8)),
    "open": ((244, 241, 236), _SOFT),
}


def save(
    cells: Cells, tally: str, target: Path, cell: int, font: str | os.PathLike[str] | None
) -> Path:
    """Draw the sheet into `target`, complete or not at all, and return the path."""
    check_suffix(target)
    arguments.expect("cell", cell, "a whole number of pixels", int)
    if cell < layout.NARROWEST:
        raise errors.InvalidInput(
            f"cell={cell} is too small.", next_step=f"Give {layout.NARROWEST} or more."
        )
    planned = layout.planned(len(cells.rows), len(cells.columns), cell)
    image = Sheet(planned, Lettering(font)).drawn(cells, tally)
    with saving.placed(target) as part:
        image.save(part, _FORMATS[target.suffix.lower()], quality=90)
    return target


def check_suffix(target: Path) -> None:
    """Raise InvalidInput for the name of a file that no sheet can be drawn into."""
    if target.suffix.lower() not in _FORMATS:
        raise errors.InvalidInput(
            f"A contact sheet cannot be a {target.suffix or 'file without a suffix'}.",
            next_step=f"Name it with one of {', '.join(_FORMATS)}.",
        )


class Sheet:
    """A sheet of paper with a plan for what goes where."""

    def __init__(self, planned: Layout, letters: Lettering) -> None:
        self.plan = planned
        self.letters = letters
        self.image = Image.new("RGB", planned.size, thumbs.PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def drawn(self, cells: Cells, tally: str) -> Image.Image:
        """Draw everything and return the picture."""
        if not self.plan.wall:
            for row, head in enumerate(cells.rows[: self.plan.rows]):
                self._row_head(head, row)
            for column, head in enumerate(cells.columns[: self.plan.columns]):
                self._column_head(head, column)
        across = self.plan.columns if self.plan.wall else len(cells.columns)
        # One walk, not a look-up for each: cells may be read from a file, page by page.
        for number, cell in enumerate(islice(cells, self.plan.rows * across)):
            row, column = divmod(number, across)
            if column < self.plan.columns:
                self._cell(cell, self.plan.at(row, column))
        self._footer(cells, tally)
        return self.image

    def _row_head(self, head: Head, row: int) -> None:
        width, height = self.plan.head
        left = self.plan.gap * 4 + (self.plan.cell - width) // 2
        above = (self.plan.picture[1] - height - self.plan.label) // 2
        self._head(head, left, self.plan.at(row, 0)[1] + above)

    def _column_head(self, head: Head, column: int) -> None:
        left = self.plan.at(0, column)[0] + (self.plan.cell - self.plan.head[0]) // 2
        self._head(head, left, self.plan.gap * 4)

    def _head(self, head: Head, left: int, top: int) -> None:
        width, height = self.plan.head
        picture = head.picture and thumbs.small(head.picture, width * 2, height * 2)
        if picture:
            self._paste(picture, (left, top), self.plan.head)
        else:
            self._tile(head.words, (left, top), self.plan.head, "head")
        self._name(head.name, left + width / 2, top + height)

    def _cell(self, cell: Cell, place: tuple[int, int]) -> None:
        width, height = self.plan.picture
        picture = cell.path and thumbs.small(cell.path, width * 2, height * 2)
        if picture:
            self._paste(picture, place, self.plan.picture)
        else:
            self._tile(cell.words, place, self.plan.picture, cell.kind)
        if self.plan.wall:
            self._name(cell.name, place[0] + width / 2, place[1] + height)

    def _name(self, name: str, middle: float, top: int) -> None:
        font = self.letters.font(self.plan.letter, name)
        said = cut_amid(name, font, self.plan.cell * 0.98)
        self.draw.text((middle, top + self.plan.label * 0.55), said, _INK, font, anchor="mm")

    def _paste(self, picture: Image.Image, place: tuple[int, int], size: tuple[int, int]) -> None:
        # Faces are in the upper part: where a picture is too tall, its foot is cut.
        fitted = ImageOps.fit(picture, size, centering=(0.5, 0.2))
        self.image.paste(fitted, place, _rounded(size, self.plan.gap))

    def _tile(self, words: str, place: tuple[int, int], size: tuple[int, int], kind: str) -> None:
        fill, ink = _TILES[kind]
        self.image.paste(_mixed(fill, ink), (*place,), _rounded(size, self.plan.gap))
        self.image.paste(fill, (*place,), _inner(size, self.plan.gap))
        font = self.letters.font(self.plan.letter, words)
        lines = wrapped(words, font, size[0] * 0.84, most=max(1, size[1] // self.plan.label))
        middle = (place[0] + size[0] / 2, place[1] + size[1] / 2)
        centred(self.draw, middle, lines, font, ink)

    def _footer(self, cells: Cells, tally: str) -> None:
        left, right = self.plan.gap * 4, self.plan.size[0] - self.plan.gap * 4
        line = self.plan.size[1] - self.plan.letter * 3 - self.plan.gap
        self.draw.line((left, line, right, line), _LINE, max(1, self.plan.cell // 200))
        total, drawn = len(cells.rows) * len(cells.columns), self.plan.rows * self.plan.columns
        note = f" (the first {drawn:,} are drawn)" if drawn < total else ""
        # Pillow's own font has no multiplication sign.
        said = f"{data.size(cells)}{note}:  {tally}".replace("×", "by")
        font = self.letters.font(self.plan.letter, said)
        middle = line + self.plan.letter * 1.7
        self.draw.text((left, middle), cut(said, font, right - left), _SOFT, font, anchor="lm")


@cache
def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    # Drawn four times as large, since Pillow does not smooth edges by itself.
    large = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius * 4, 255)
    return large.resize(size, Image.Resampling.BOX)


def _inner(size: tuple[int, int], radius: int) -> Image.Image:
    """Return the rounded shape without its outermost line of pixels."""
    whole = _rounded(size, radius)
    inside = _rounded((size[0] - 2, size[1] - 2), radius)
    smaller = Image.new("L", size, 0)
    smaller.paste(inside, (1, 1))
    return ImageChops.darker(whole, smaller)


def _mixed(fill: Colour, ink: Colour) -> Colour:
    red, green, blue = ((a * 4 + b) // 5 for a, b in zip(fill, ink, strict=True))
    return red, green, blue
