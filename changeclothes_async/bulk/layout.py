"""Where everything goes on a contact sheet, in pixels.

A sheet's sides and area are bounded, and with them the memory it takes: a large grid is drawn
smaller, and what is too much even then is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

LONGEST = 12_000
LARGEST = 48_000_000
"""The most pixels along a side, and in all."""

NARROWEST = 48
"""The least width of a picture."""


@dataclass(frozen=True)
class Layout:
    """Where everything goes, in pixels; `cell` is the width of a picture."""

    rows: int
    columns: int
    cell: int

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
        """The space between pictures; twice and four times it elsewhere."""
        return max(3, self.cell // 20)

    @cached_property
    def letter(self) -> int:
        """The size of names."""
        return max(8, self.cell // 15)

    @cached_property
    def corner(self) -> tuple[int, int]:
        """Where the first cell begins."""
        label = self.letter * 2
        return (
            self.gap * 4 + self.cell + self.gap,
            self.gap * 4 + self.head[1] + label + self.gap,
        )

    @cached_property
    def size(self) -> tuple[int, int]:
        """The whole sheet's width and height."""
        left, top = self.corner
        width = left + self.columns * (self.cell + self.gap) + self.gap * 3
        height = top + self.rows * (self.picture[1] + self.gap) + self.gap * 3 + self.letter * 3
        return max(width, self.cell * 3), height

    @property
    def fits(self) -> bool:
        """Whether it stays within the bounds."""
        return max(self.size) <= LONGEST and self.size[0] * self.size[1] <= LARGEST

    def at(self, row: int, column: int) -> tuple[int, int]:
        """Where a cell begins."""
        left, top = self.corner
        return left + column * (self.cell + self.gap), top + row * (self.picture[1] + self.gap)


def planned(rows: int, columns: int, cell: int) -> Layout:
    """Plan a sheet of that grid: cells as wide as wished, narrower if need be, fewer if need be."""
    while cell > NARROWEST and not Layout(rows, columns, cell).fits:
        cell = max(NARROWEST, cell * 9 // 10)
    while not (found := Layout(rows, columns, cell)).fits:
        rows, columns = (rows, columns * 9 // 10) if columns > rows else (rows * 9 // 10, columns)
    return found
