"""Checks a run's folder before anything is paid for, so that nothing in it comes to harm.

A place elsewhere holds no photographs, and has a mark of its own (see `marks`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk import names, placing
from changeclothes_async.bulk.ledger import glance
from changeclothes_async.bulk.run import planning
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import formats, images

_AT_ONCE = 500


def check(work: works.Work, root: Path, ledger: Path) -> None:
    """Look at the folder `root`, and change nothing.

    Raises InvalidInput where it is none or holds a photograph of the work, LedgerError where it
    holds pictures of the work and no ledger that knows of them.
    """
    if not os.path.exists(root):  # noqa: PTH110 - Path's fails where it may not look
        return
    if not root.is_dir():
        raise errors.InvalidInput(f"out={root} is a file.", next_step="Give a folder's path.")
    _check_photographs(work, root)
    if not os.path.exists(ledger):  # noqa: PTH110
        _check_pictures(work, root)
    else:
        with glance.at(ledger) as book:
            _check_age(work, root, book)


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
    there = set(_pictures(root))
    for cell in works.walk(work) if there else ():
        if (name := works.cell_name(work, *cell)) in there:
            raise errors.LedgerError(
                f"{root} holds pictures of this run, such as {name}, but not its ledger: they "
                "would be paid for again.",
                next_step=f"Bring {placing.LEDGER} back, or choose another out; nothing was sent.",
            )


def _check_age(work: works.Work, root: Path, book: glance.Glance) -> None:
    """Look for pictures that a ledger does not know, as one from a backup does not."""
    there, unknown = _pictures(root), set[str]()
    while some := set(islice(there, _AT_ONCE)):
        unknown |= some - book.pictures([*some]).keys()
    for cell in works.walk(work) if unknown else ():
        if (name := works.cell_name(work, *cell)) in unknown:
            identity = planning.identity(work.job(*cell))
            if identity not in book.entries([identity]):  # a run that died has put it in place
                raise errors.LedgerError(
                    f"{root} holds pictures of this run, such as {name}, that {placing.LEDGER} "
                    "does not know: it is older than they are, and they would be paid for again.",
                    next_step=f"Bring the newest {placing.LEDGER} back, or move pictures that are "
                    "not of this run away; nothing was sent.",
                )


def _pictures(root: Path) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(root) as files:  # which the ledger meets too
        for file in files:
            stem, suffix = os.path.splitext(file.name)  # noqa: PTH122 - there may be a million
            # A name with bytes of no encoding is no cell's, and nothing that a ledger can look up.
            if suffix in formats.SUFFIXES and stem.isprintable():
                yield stem


def _photographs(work: works.Work) -> Iterator[str]:
    rows = ((row, 0) for row in range(len(work.rows)))
    columns = ((0, column) for column in range(1, len(work.columns)))
    for cells in (rows, columns):
        for cell in cells:
            for _, image in work.job(*cell).pictures():
                if isinstance(image, images.File):
                    yield image.path
