"""A lookbook, or a cell of it, as notebooks draw it: all of it inside the output.

Only inline styles and half-transparent greys: they survive a static export, and fit light and
dark pages alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from itertools import islice
from pathlib import Path, PurePath
from textwrap import shorten
from urllib.parse import quote

from changeclothes_async.bulk.lookbook import inline
from changeclothes_async.bulk.lookbook.cells import Cell, Cells, Head
from changeclothes_async.transport.places import Spot

MOST = 12
"""The most rows, and columns, that are drawn."""

_WIDTH, _HEIGHT = 84, 112
_LARGE = 480  # pixels, the height of a single picture
_WHOLE = 6 * 2**20  # bytes of original pictures in one output, where Pillow is not there
_TEXT = "font:12px/1.35 system-ui,sans-serif;"
_PLACE = "padding:3px;border:0;background:none;text-align:center;vertical-align:top;"
_BOX = f"box-sizing:border-box;width:{_WIDTH}px;height:{_HEIGHT}px;border-radius:8px;"
_IMAGE = f"{_BOX}display:inline-block;object-fit:cover;object-position:50% 20%;margin:0;"
_TILE = (
    f"{_BOX}{_TEXT}display:inline-flex;align-items:center;justify-content:center;padding:6px;"
    "overflow:hidden;white-space:normal;overflow-wrap:anywhere;"
)
_TINTS = {
    "head": "background:rgba(128,128,128,.1);",
    "saved": "background:rgba(128,128,128,.1);",
    "failed": "background:rgba(208,60,40,.2);",
    "unsure": "background:rgba(214,158,30,.24);",
    "open": "border:1px dashed rgba(128,128,128,.5);",
}


def html(cells: Cells, caption: str, page: Spot) -> str:
    """Draw the first `MOST` rows and columns, with a note where there are more.

    A single column is a list of jobs, and is drawn as a wall of that size. `page` is the gallery,
    to which a link leads where it is on this machine.
    """
    pictures = _Pictures()
    lines = "".join(_wall(cells, pictures) if len(cells.columns) == 1 else _grid(cells, pictures))
    return (
        f'<div style="overflow-x:auto"><div style="{_TEXT}padding:4px 3px">'
        f"{escape(caption + _note(cells))}{_link(page)}</div>"
        f'<table style="border-collapse:collapse;margin:0;color:inherit">{lines}</table></div>'
    )


def cell(one: Cell) -> str:
    """Draw one cell: its picture, or what it is in words; below it, what is known of it."""
    pictures = _Pictures()
    source = one.path and pictures.source(one.path, _LARGE * 2)
    look = (
        f'<img src="{source}" alt="{escape(one.name)}" '
        f'style="max-height:{_LARGE}px;max-width:100%;border-radius:8px">'
        if source
        else f'<span style="{_TILE}{_TINTS[one.kind]}">{escape(one.words)}</span>'
    )
    facts = [
        f"{one.name}: {one.state}, {one.money}",
        *((one.error.message, one.error.next_step) if one.error else ()),
        *((str(one.path),) if one.path else ()),
    ]
    lines = "".join(f"<div>{escape(line)}</div>" for line in facts)
    return f'<div style="{_TEXT}">{look}{lines}</div>'


def _link(page: Spot) -> str:
    """Lead to the gallery: relative where a notebook's server may give it out, else on the disk."""
    if not (isinstance(page, Path) and page.is_file()):
        return ""
    page = page.resolve()
    below = page.is_relative_to(Path.cwd())
    address = (
        quote(os.fsencode(PurePath(os.path.relpath(page)).as_posix())) if below else page.as_uri()
    )
    return f' · <a href="{address}" target="_blank">open the gallery</a>'


def _note(cells: Cells) -> str:
    rows, columns = len(cells.rows), len(cells.columns)
    drawn = min(rows, MOST * MOST) if columns == 1 else min(rows, MOST) * min(columns, MOST)
    return f"; drawn: {drawn} of {rows * columns:,}" if drawn < rows * columns else ""


def _grid(cells: Cells, pictures: _Pictures) -> Iterator[str]:
    columns = cells.columns[:MOST]
    yield _line(_place(""), *(pictures.head(head) for head in columns))
    for row, head in enumerate(cells.rows[:MOST]):
        line = [pictures.cell(cells.at(row, column)) for column in range(len(columns))]
        yield _line(pictures.head(head), *line)


def _wall(cells: Cells, pictures: _Pictures) -> Iterator[str]:
    rest = islice(cells, MOST * MOST)
    while line := list(islice(rest, MOST)):
        yield _line(*(pictures.cell(cell, cell.name) for cell in line))


class _Pictures:
    """Draws what is at a place; counts the bytes of original pictures that went into it."""

    def __init__(self) -> None:
        self._left = _WHOLE

    def head(self, head: Head) -> str:
        return self._drawn(head.picture, head.words, "head", head.name)

    def cell(self, cell: Cell, name: str = "") -> str:
        words = cell.name if cell.path else cell.words
        return self._drawn(cell.path, words, cell.kind, name, cell.name)

    def _drawn(self, path: Spot | None, words: str, kind: str, name: str, title: str = "") -> str:
        source = path and self.source(path, _HEIGHT * 2)
        tip = f' title="{escape(title or words)}"'
        look = (
            f'<img src="{source}" alt="{escape(words)}"{tip} style="{_IMAGE}">'
            if source
            else f'<span{tip} style="{_TILE}{_TINTS[kind]}">{escape(shorten(words, 48))}</span>'
        )
        return _place(look, name if name != words or source else "")

    def source(self, path: Spot, height: int) -> str | None:
        found = inline.small(path, height, height)
        if found is None and (found := inline.whole(path, self._left)):
            self._left -= len(found)
        return found


def _line(*places: str) -> str:
    return f'<tr style="background:none">{"".join(places)}</tr>'


def _place(look: str, name: str = "") -> str:
    style = f"{_TEXT}max-width:{_WIDTH}px;overflow-wrap:anywhere"
    below = f'<div style="{style}">{escape(name)}</div>' if name else ""
    return f'<td style="{_PLACE}">{look}{below}</td>'
