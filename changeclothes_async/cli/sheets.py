"""The contact sheet that a run may leave: refused before the run, or drawn after it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING

from changeclothes_async import errors
from changeclothes_async.cli import printing, targets
from changeclothes_async.protocol import images

if TYPE_CHECKING:
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.work.works import Work


def check(target: Path, work: Work, out: str) -> None:
    """Raise InvalidInput where no sheet of a work, run into `out`, can be drawn into `target`."""
    from changeclothes_async.bulk.work import works

    try:
        from changeclothes_async.bulk.lookbook import sheet
    except ImportError:
        raise errors.missing_extra("A contact sheet needs Pillow", "cli") from None
    sheet.check_suffix(target)
    with targets.writing(target, "Give another file with --contact-sheet; nothing was sent."):
        targets.check(target)
    targets.check_other(target, _photographs(work))
    is_beside = target.parent.resolve() in {Path(out).resolve(), Path(out, "masks").resolve()}
    if is_beside and target.stem in (works.cell_name(work, *at) for at in works.walk(work)):
        raise errors.InvalidInput(
            f"{target} has the name of one of the results.", next_step="Give another name to it."
        )


def _photographs(work: Work) -> Iterator[str]:
    """Yield the files of a work; each is in its first row or in its first column."""
    places = chain(product(range(len(work.rows)), [0]), product([0], range(len(work.columns))))
    for place in places:
        for _, image in work.job(*place).pictures():
            if isinstance(image, images.File):
                yield image.path


def draw(lookbook: Lookbook, target: Path) -> Path | None:
    """Draw the sheet; where that fails it is said, since what was paid has yet to be summed up."""
    try:
        with printing.waiting("Drawing the contact sheet"):
            return lookbook.contact_sheet(target.absolute())
    except errors.ChangeClothesError as error:
        printing.say(f"The contact sheet was not drawn. {printing.sentence(error)}")
        return None
