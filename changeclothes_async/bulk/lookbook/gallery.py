"""The gallery: a page of its own that opens from disk and asks the network for nothing.

Result pictures stay files beside the page; heads are put into it, small, where Pillow is there.
Names, prompts and messages come from anywhere: they enter as JSON and are shown as text alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from changeclothes_async import errors
from changeclothes_async.bulk import placing
from changeclothes_async.bulk.lookbook import cells as data
from changeclothes_async.bulk.lookbook import inline
from changeclothes_async.bulk.lookbook.cells import Cell, Cells, Head
from changeclothes_async.transport.places import Spot

MOST = 20_000
"""How many cells a page holds; and how many more that failed or are unsure."""

_EMBEDDED = 300  # rows, and columns, whose heads are put into the page
_HEAD = (300, 400)


def write(
    cells: Cells,
    kinds: Mapping[str, int],
    troubled: Sequence[int],
    out: Spot,
    stopped: errors.ChangeClothesError | None,
) -> Spot:
    """Write `index.html` into `out`, complete or not at all, and return its path.

    `troubled` are the numbers of the cells that failed or are unsure, counted row by row.
    """
    across = len(cells.columns)
    total = len(cells.rows) * across
    later = [number for number in troubled if number >= MOST]
    chosen = [divmod(number, across) for number in (*range(min(MOST, total)), *later[:MOST])]
    places = [(*place, cell) for place, cell in zip(chosen, cells.read(chosen), strict=True)]
    book = {
        "title": out.resolve().name or str(out),
        "size": data.size(cells),
        "wall": across == 1,
        "counts": dict(kinds),
        "stopped": str(stopped) if stopped else None,
        "note": _note(total, len(places)) if len(places) < total else None,
        "rows": _heads(cells.rows, {row for row, _, _ in places}, out),
        "columns": _heads(cells.columns, {column for _, column, _ in places}, out),
        "cells": [_said(row, column, cell, out) for row, column, cell in places],
    }
    return placing.at(out).write("index.html", _page(book).encode())


def _note(total: int, shown: int) -> str:
    return (
        f"The grid has {total:,} cells. This page holds {shown:,} of them: the first {MOST:,}, "
        f"and up to {MOST:,} others that failed or are unsure. All are in the table that to_csv "
        "writes."
    )


def _heads(heads: Any, shown: set[int], out: Spot) -> dict[int, dict[str, Any]]:
    return {
        number: _filled(
            name=heads[number].name,
            text=heads[number].text,
            url=heads[number].url,
            picture=_picture(heads[number], out, embedded=place < _EMBEDDED),
        )
        for place, number in enumerate(sorted(shown))
    }


def _picture(head: Head, out: Spot, *, embedded: bool) -> str | None:
    if head.picture is None:
        return None
    return (embedded and inline.small(head.picture, *_HEAD)) or _address(head.picture, out)


def _said(row: int, column: int, cell: Cell, out: Spot) -> dict[str, Any]:
    return _filled(
        row=row,
        column=column,
        name=cell.name,
        model=cell.model,
        garment=cell.garment,
        kind=cell.kind,
        words=cell.words,
        file=cell.path and _address(cell.path, out),
        mask=cell.mask and _address(cell.mask, out),
        error=cell.error.message if cell.error else None,
        next=cell.error.next_step if cell.error else None,
        money=cell.money,
        seed=cell.seed,
        attempts=cell.attempts,
        url=cell.result_img_url,
    )


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _address(path: Spot, out: Spot) -> str | None:
    """Return a file's address relative to the page in `out`; None where there is no way to it."""
    if not (isinstance(out, Path) and isinstance(path, Path)):
        return None if isinstance(path, Path) else quote(str(path.relative_to(str(out))))
    try:
        relative = PurePath(os.path.relpath(path, out)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.resolve().as_uri()
    # As bytes, for names on disk need not be valid text. A colon is quoted, so no scheme begins.
    return quote(os.fsencode(relative))


def _page(book: dict[str, Any]) -> str:
    page, style = _text("gallery.html"), _text("gallery.css")
    script = "".join(_text(f"gallery{part}.js") for part in ("", "_grid", "_large", "_print"))
    for mark, content in (
        ("style-hash", _hash(style)),
        ("script-hash", _hash(script)),
        ("style", style),
        ("script", script),
        ("book", json.dumps(book, separators=(",", ":")).replace("<", "\\u003c")),
    ):
        page = page.replace(f"%{mark}%", content, 1)
    return page


def _text(name: str) -> str:
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
