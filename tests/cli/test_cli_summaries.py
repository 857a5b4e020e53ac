"""What a finished run is summed up to, in words and as data."""

from __future__ import annotations

from pathlib import Path

from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook.cells import Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from changeclothes_async.cli import summaries
from tests import lookbooks

ODD = {
    (0, 0): State.FAILED,
    (0, 1): State.UNSURE,
    (0, 2): State.DAMAGED,
    (1, 0): State.OPEN,
}
DRAWN: summaries.Drawn = {"gallery": Path("index.html"), "contact_sheet": None}


def test_a_grid_is_walked_over_once(tmp_path: Path) -> None:
    """Each cell is read from the ledger, and there may be a million; those in trouble once more."""
    cells = lookbooks.cells(tmp_path, odd=ODD)
    book = Lookbook(cells, tmp_path)
    spent = summaries.Spent(calls=5, paid=3, perhaps=1)
    summary = summaries.Summary(book, spent, DRAWN)
    words, facts = list(summary.words()), summary.facts()
    assert words[0].startswith("2 saved, 1 failed, 1 damaged, 1 unsure, 1 not sent; 5 calls sent")
    assert facts["counts"] == {
        "saved": 2, "failed": 1, "damaged": 1, "unfetched": 0, "unsure": 1, "open": 1
    }  # fmt: skip
    names = {sort: [cell["name"] for cell in facts[sort]] for sort in ("failed", "unfetched")}
    assert names == {"failed": ["model-0__garment-0"], "unfetched": []}
    assert cells.made == len(book) + 3


def test_what_happened_stands_in_a_column(tmp_path: Path) -> None:
    """Beside names of any length, but for one too long for a column."""
    cells = lookbooks.cells(tmp_path, rows=3, odd={(row, 0): State.FAILED for row in range(3)})
    cells.rows = [Head("ana"), Head("benjamin"), Head("x" * 60)]
    book = Lookbook(cells, tmp_path)
    words = list(summaries.Summary(book, summaries.Spent(), DRAWN).words())
    short, long, longest = words[2:5]
    assert short.index("The service") == long.index("The service") == 2 + 19 + 2
    assert longest == f"  {'x' * 60}__garment-0  The service found it harmful."
