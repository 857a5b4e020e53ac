"""Where everything goes on a contact sheet, in pixels.

A sheet's sides and area are bounded, and with them the memory it takes: a large grid is drawn
smaller, and what is too much even then is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

LONGEST = 12_000
LARGEST = 48_000_000
"""The most pixels along a side, and in all."""

NARROWEST = 48
"""The least width of a picture."""


@dataclass(frozen=True)
class Layout:
    """A grid with heads, or a wall of pictures with a name under each; `cell` is their width."""

    rows: int
    columns: int
    cell: int
    wall: bool

    @cached_property
    def picture(self) -> tuple[int, int]:
        """A picture's width and height."""
        return self.cell, self.cell * 4 // 3

    @cached_property
    def head(self) -> tuple[int, int]:
        """The width and height of the picture in a head."""
        return self.cell * 5 // 8, self.cell * 5 // 6

    @cached_property
    def gap(self) -> int:
        """The space between pictures; four times it around the sheet."""
        return max(3, self.cell // 20)

    @cached_property
    def letter(self) -> int:
        """The size of names."""
        return max(8, self.cell // 14)

    @cached_property
    def label(self) -> int:
        """The height of a line with a name in it."""
        return self.letter * 2

    @cached_property
    def size(self) -> tuple[int, int]:
        """The whole sheet's width and height."""
        width, height = self.at(self.rows, self.columns)
        return max(width + self.gap * 3, self.cell * 3), height + self.gap * 3 + self.letter * 3

    @property
    def fits(self) -> bool:
        """Whether it stays within the bounds."""
        return max(self.size) <= LONGEST and math.prod(self.size) <= LARGEST

    def at(self, row: int, column: int) -> tuple[int, int]:
        """Where a cell begins."""
        left, top = self._corner
        label = self.label if self.wall else 0
        return (
            left + column * (self.cell + self.gap),
            top + row * (self.picture[1] + label + self.gap),
        )

    @cached_property
    def _corner(self) -> tuple[int, int]:
        edge = self.gap * 4
        if self.wall:
            return edge, edge
        return edge + self.cell + self.gap, edge + self.head[1] + self.label + self.gap


def planned(rows: int, columns: int, cell: int) -> Layout:
    """Lay out a grid: cells as wide as wished, narrower if need be, fewer if need be.

    A single column is a list of jobs, and becomes a wall somewhat wider than high.
    """
    if wall := columns == 1:
        columns = math.ceil(math.sqrt(rows * 1.8))
        rows = math.ceil(rows / columns)
    found = Layout(rows, columns, cell, wall)
    while not found.fits and found.cell > NARROWEST:
        found = replace(found, cell=max(NARROWEST, found.cell * 9 // 10))
    while not found.fits:
        found = _fewer(found)
    return found


def _fewer(found: Layout) -> Layout:
    if found.columns > found.rows:
        return replace(found, columns=found.columns * 9 // 10)
    return replace(found, rows=found.rows * 9 // 10)
