"""Checks a run's folder before anything is paid for, so that nothing in it comes to harm.

A place elsewhere holds no photographs, and has a mark of its own (see `marks`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk import names, placing
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import formats, images


def check(work: works.Work, root: Path, ledger: Path) -> None:
    """Look at the folder `root`, and change nothing.

    Raises InvalidInput where it is none or holds a photograph of the work, LedgerError where it
    holds pictures of the work and no ledger.
    """
    if not os.path.exists(root):  # noqa: PTH110 - Path's fails where it may not look
        return
    if not root.is_dir():
        raise errors.InvalidInput(f"out={root} is a file.", next_step="Give a folder's path.")
    _check_photographs(work, root)
    if not os.path.exists(ledger):  # noqa: PTH110
        _check_pictures(work, root)


def _check_photographs(work: works.Work, root: Path) -> None:
    folders = {os.path.dirname(path): path for path in _photographs(work)}  # noqa: PTH120
    own = {os.path.realpath(folder) for folder in (root, root / names.MASKS)}
    for folder, path in folders.items():
        if os.path.realpath(folder) in own:
            raise errors.InvalidInput(
                f"{path} lies in `out`: results would be written over photographs, and the next "
                "run would pay for results as if they were photographs.",
                next_step="Choose a folder of its own for `out`; nothing was sent.",
            )


def _check_pictures(work: works.Work, root: Path) -> None:
    there: set[str] = set()
    with contextlib.suppress(OSError):  # which the ledger meets too, and puts into words
        there = {path.stem for path in root.iterdir() if path.suffix in formats.SUFFIXES}
    for cell in works.walk(work) if there else ():
        if (name := works.cell_name(work, *cell)) in there:
            raise errors.LedgerError(
                f"{root} holds pictures of this run, such as {name}, but not its ledger: they "
                "would be paid for again.",
                next_step=f"Bring {placing.LEDGER} back, or choose another out; nothing was sent.",
            )


def _photographs(work: works.Work) -> Iterator[str]:
    rows = ((row, 0) for row in range(len(work.rows)))
    columns = ((0, column) for column in range(1, len(work.columns)))
    for cells in (rows, columns):
        for cell in cells:
            for _, image in work.job(*cell).pictures():
                if isinstance(image, images.File):
                    yield image.path
