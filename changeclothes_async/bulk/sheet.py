"""The contact sheet: a whole grid as one picture, models on the left, garments on top.

What a picture of bounded size cannot hold is left out, and the footer says so.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageOps

from changeclothes_async import errors
from changeclothes_async.bulk import cells as data
from changeclothes_async.bulk import layout, placing, thumbs
from changeclothes_async.bulk.cells import Cell, Cells, Head
from changeclothes_async.bulk.layout import Layout
from changeclothes_async.bulk.lettering import Colour, Lettering, centred, cut, wrapped

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_INK, _SOFT, _LINE = (38, 35, 32), (122, 115, 107), (226, 221, 214)
_TILES: dict[str, tuple[Colour, Colour]] = {
    "saved": ((240, 236, 230), _SOFT),
    "failed": ((250, 229, 224), (166, 50, 36)),
    "unsure": ((251, 239, 211), (138, 95, 8)),
    "open": ((244, 241, 236), _SOFT),
}


def save(
    cells: Cells, tally: str, target: Path, cell: int, font: str | os.PathLike[str] | None
) -> Path:
    """Draw the sheet into `target`, complete or not at all, and give the path."""
    if target.suffix.lower() not in _FORMATS:
        raise errors.InvalidInput(
            f"A contact sheet cannot be a {target.suffix or 'file without a suffix'}.",
            next_step=f"Name it with one of {', '.join(_FORMATS)}.",
        )
    if cell < layout.NARROWEST:
        raise errors.InvalidInput(f"cell={cell} is too small.", next_step=f"Give {layout.NARROWEST} or more.")
    planned = layout.planned(len(cells.rows), len(cells.columns), cell)
    image = Sheet(planned, Lettering(font)).drawn(cells, tally)
    with placing.placed(target) as part:
        image.save(part, _FORMATS[target.suffix.lower()], quality=90)
    return target


class Sheet:
    """A sheet of paper with a plan for what goes where."""

    def __init__(self, planned: Layout, letters: Lettering) -> None:
        self.plan = planned
        self.font = letters.at(planned.letter)
        self.big = letters.at(planned.letter * 5 // 4)
        self.image = Image.new("RGB", planned.size, thumbs.PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def drawn(self, cells: Cells, tally: str) -> Image.Image:
        """Draw everything and give the picture."""
        for row in range(self.plan.rows):
            self._row_head(cells.rows[row], row)
        for column in range(self.plan.columns):
            self._column_head(cells.columns[column], column)
        for row in range(self.plan.rows):
            for column in range(self.plan.columns):
                self._cell(cells.at(row, column), self.plan.at(row, column))
        self._footer(cells, tally)
        return self.image

    def _row_head(self, head: Head, row: int) -> None:
        width, height = self.plan.head
        label = self.plan.letter * 2
        left = self.plan.gap * 4 + (self.plan.cell - width) // 2
        top = self.plan.at(row, 0)[1] + (self.plan.picture[1] - height - label) // 2
        self._head(head, left, top)

    def _column_head(self, head: Head, column: int) -> None:
        left = self.plan.at(0, column)[0] + (self.plan.cell - self.plan.head[0]) // 2
        self._head(head, left, self.plan.gap * 4)

    def _head(self, head: Head, left: int, top: int) -> None:
        width, height = self.plan.head
        picture = head.picture and thumbs.small(head.picture, width * 2, height * 2)
        if picture:
            self._paste(picture, (left, top), self.plan.head)
        else:
            self._tile((left, top), self.plan.head, "saved")
            lines = wrapped(head.text or head.name, self.font, width * 0.86, 6)
            centred(self.draw, (left + width / 2, top + height / 2), lines, self.font, _INK)
        middle = (left + width / 2, top + height + self.plan.letter * 1.1)
        name = cut(head.name, self.font, self.plan.cell * 0.98)
        self.draw.text(middle, name, _INK, self.font, anchor="mm")

    def _cell(self, cell: Cell, place: tuple[int, int]) -> None:
        width, height = self.plan.picture
        picture = cell.path and thumbs.small(cell.path, width * 2, height * 2)
        if picture:
            self._paste(picture, place, self.plan.picture)
            return
        self._tile(place, self.plan.picture, cell.kind)
        ink = _TILES[cell.kind][1]
        lines = wrapped(cell.words, self.big, width * 0.84, 3)
        centred(self.draw, (place[0] + width / 2, place[1] + height / 2), lines, self.big, ink)

    def _paste(self, picture: Image.Image, place: tuple[int, int], size: tuple[int, int]) -> None:
        # Faces are in the upper part: where a picture is too tall, its foot is cut.
        fitted = ImageOps.fit(picture, size, centering=(0.5, 0.2))
        self.image.paste(fitted, place, _rounded(size, self.plan.gap))

    def _tile(self, place: tuple[int, int], size: tuple[int, int], kind: str) -> None:
        fill, ink = _TILES[kind]
        mask = _rounded(size, self.plan.gap)
        self.image.paste(_mixed(fill, ink), (*place,), mask)
        self.image.paste(fill, (*place,), _inner(size, self.plan.gap))

    def _footer(self, cells: Cells, tally: str) -> None:
        left, right = self.plan.gap * 4, self.plan.size[0] - self.plan.gap * 4
        line = self.plan.size[1] - self.plan.letter * 3 - self.plan.gap
        self.draw.line((left, line, right, line), _LINE, max(1, self.plan.cell // 200))
        said = f"{data.size(cells)}   {tally}"
        if (self.plan.rows, self.plan.columns) != (len(cells.rows), len(cells.columns)):
            said += f"   (drawn: the first {self.plan.rows:,} × {self.plan.columns:,})"
        middle = line + self.plan.letter * 1.6
        text = cut(said, self.font, right - left)
        self.draw.text((left, middle), text, _SOFT, self.font, anchor="lm")


@cache
def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    # Drawn four times as large, since Pillow does not smooth edges by itself.
    large = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius * 4, 255)
    return large.resize(size, Image.Resampling.BOX)


def _inner(size: tuple[int, int], radius: int) -> Image.Image:
    """Give the rounded shape without its outermost line of pixels."""
    whole = _rounded(size, radius)
    inside = _rounded((size[0] - 2, size[1] - 2), radius)
    smaller = Image.new("L", size, 0)
    smaller.paste(inside, (1, 1))
    return ImageChops.darker(whole, smaller)


def _mixed(fill: Colour, ink: Colour) -> Colour:
    red, green, blue = ((a * 4 + b) // 5 for a, b in zip(fill, ink, strict=True))
    return red, green, blue
