"""A lookbook: cells by name, what went wrong, tables, and its look in a notebook."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook.cells import Cell, Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from tests import lookbooks

ODD = {
    (0, 0): State.FAILED,
    (0, 1): State.UNSURE,
    (0, 2): State.DAMAGED,
    (1, 0): State.OPEN,
    (1, 1): State.PAID,
}


def test_a_cell_is_found_by_names_and_by_numbers(tmp_path: Path) -> None:
    """Both keys may be names or numbers, and mean the same cell."""
    book = lookbooks.lookbook(tmp_path)
    assert book["model-1", "garment-2"].path == tmp_path / "model-1__garment-2.webp"
    assert book[1, 2] == book["model-1", "garment-2"] == book[-1, "garment-2"]


def test_a_job_of_a_batch_is_found_by_its_name_alone(tmp_path: Path) -> None:
    """Where there is one column, a cell has one name."""
    book = lookbooks.lookbook(tmp_path, 3, 1)
    assert book["model-2"].name == book[2].name == "model-2"


def test_one_name_is_not_enough_for_a_grid(tmp_path: Path) -> None:
    """A grid's cell asked for by one name is refused with the way to write it."""
    with pytest.raises(KeyError, match="two names"):
        lookbooks.lookbook(tmp_path)["model-0"]


def test_a_wrong_name_brings_close_ones(tmp_path: Path) -> None:
    """A name that is not there is answered with those that are like it."""
    book = lookbooks.lookbook(tmp_path)
    with pytest.raises(KeyError, match="no garment 'garmet-1'; did you mean 'garment-1'"):
        book["model-1", "garmet-1"]
    with pytest.raises(KeyError, match="no model 'x'; did you mean 'model-0' or 'model-1'"):
        book["x", "garment-1"]
    with pytest.raises(
        KeyError, match=r"model, garment\): write lookbook\['model-1', 'garment-1'\]"
    ):
        book["garment-1", "model-1"]


def test_a_number_outside_the_grid_is_an_index_error(tmp_path: Path) -> None:
    """Numbers end where the grid ends."""
    with pytest.raises(IndexError):
        lookbooks.lookbook(tmp_path)[0, 3]


def test_its_lists_are_by_what_happened(tmp_path: Path) -> None:
    """Failed holds damaged ones too; what was never sent is in none of the lists."""
    book = lookbooks.lookbook(tmp_path, odd=ODD)
    assert [cell.name for cell in book.saved] == ["model-1__garment-2"]
    assert [cell.error for cell in book.failed] == [lookbooks.HARMFUL, lookbooks.BROKEN]
    assert [cell.name for cell in book.unsure] == ["model-0__garment-1"]
    assert book.counts == {**dict.fromkeys(State, 1), State.CLAIMED: 0}


def test_it_is_ok_when_all_is_saved(tmp_path: Path) -> None:
    """One cell without a picture is enough not to be ok."""
    assert lookbooks.lookbook(tmp_path).ok
    assert not lookbooks.lookbook(tmp_path, odd={(0, 0): State.PAID}).ok


def test_it_says_itself_in_a_line(tmp_path: Path) -> None:
    """The repr names size, counts and folder."""
    book = lookbooks.lookbook(tmp_path, odd=ODD)
    words = "2 models × 3 garments: 1 saved, 2 failed, 1 unsure, 2 open"
    assert repr(book) == f"<Lookbook {words}; {tmp_path}>"


def test_a_cell_says_itself_in_a_line(tmp_path: Path) -> None:
    """The repr says where the picture is, or why there is none: lists of cells are printed."""
    book = lookbooks.lookbook(tmp_path, odd=ODD)
    saved = tmp_path / "model-1__garment-2.webp"
    assert repr(book.saved) == f"[<Cell model-1__garment-2: saved, spent; {saved}>]"
    why = "Unsure('No answer came.')"
    assert repr(book.unsure) == f"[<Cell model-0__garment-1: unsure, maybe spent; {why}>]"
    assert repr(book[1, 0]) == "<Cell model-1__garment-0: open, not spent>"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (Head(""), "2 jobs"),
        (Head("tee"), "2 models × 1 garment"),
        (Head("red", text="a red dress"), "2 models × 1 prompt"),
    ],
    ids=["batch", "garment", "prompt"],
)
def test_only_a_batch_is_of_jobs(tmp_path: Path, column: Head, words: str) -> None:
    """A grid of one garment or prompt is still a grid."""
    cells = lookbooks.cells(tmp_path, 2, 1)
    cells.columns = [column]
    assert f" {words}: 2 saved" in repr(Lookbook(cells, tmp_path))


def test_iterating_reads_cell_by_cell(tmp_path: Path) -> None:
    """A million cells are not made to look at the first."""
    cells = lookbooks.cells(tmp_path, 1000, 1000)
    book = Lookbook(cells, tmp_path)
    assert next(iter(book)).name == "model-0__garment-0"
    assert next(iter(book.to_dicts()))["garment"] == "garment-0"
    assert (cells.made, len(book)) == (2, 1_000_000)


def test_dicts_are_plain(tmp_path: Path) -> None:
    """Each cell is a dict that JSON takes, with its error in words."""
    first, *_, last = lookbooks.lookbook(tmp_path, odd=ODD).to_dicts()
    assert json.loads(json.dumps(first)) == first
    assert (first["state"], first["error"], first["code"]) == ("failed", "HarmfulContent", 10005)
    assert first["next_step"] == lookbooks.HARMFUL.next_step
    assert (last["path"], last["error"], last["seed"]) == (
        str(tmp_path / "model-1__garment-2.webp"),
        None,
        7,
    )


def test_a_table_holds_a_line_a_cell(tmp_path: Path) -> None:
    """The CSV has a head and each cell, in the grid's order."""
    path = lookbooks.lookbook(tmp_path, odd=ODD).to_csv(tmp_path / "new" / "cells.csv")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines][:2] == ["model-0__garment-0", "model-0__garment-1"]
    assert (lines[0]["error"], lines[0]["path"], lines[5]["seed"]) == ("HarmfulContent", "", "7")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, first: str) -> None:
    """What a spreadsheet would run is turned into text."""
    cells = lookbooks.cells(tmp_path)
    cells.rows = [Head(f"{first}cmd|'/C calc'!A0")]
    path = Lookbook(cells, tmp_path).to_csv(tmp_path / "cells.csv")
    with path.open(encoding="utf-8", newline="") as file:
        for line in list(csv.reader(file))[1:]:
            assert line[0] == f"'{first}cmd|'/C calc'!A0"
            assert not any(value.startswith(first) for value in line)


@pytest.mark.parametrize("path", [None, 7, b"cells"])
def test_what_is_no_path_is_refused_in_words(tmp_path: Path, path: Any) -> None:
    """An error of ours, as for a result that is saved."""
    book = lookbooks.lookbook(tmp_path)
    for write in (book.to_csv, book.contact_sheet):
        with pytest.raises(errors.InvalidInput, match="path is of type"):
            write(path)


def test_a_table_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """A refused file costs nothing, and leaves nothing behind."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(errors.SaveFailed, match="taken") as caught:
        lookbooks.lookbook(tmp_path).to_csv(tmp_path / "taken")
    assert caught.value.money == "not spent"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_notebook_shows_the_grid(tmp_path: Path) -> None:
    """Heads, small pictures inside the output, and words where there are none."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, odd=ODD))
    cells.columns[1] = Head("prompt", text="A red <b>coat</b>")  # type: ignore[index]
    html = Lookbook(cells, tmp_path)._repr_html_()
    assert html.count("data:image/webp;base64,") == 1
    assert "src=" not in html.replace('src="data:', "")
    for words in ("harmful content", "unsure", "answer damaged", "not sent", "model-1"):
        assert words in html
    assert html.count("A red &lt;b&gt;coat&lt;/b&gt;") == 2  # on the tile, and as its tip
    assert "<b>" not in html


def test_a_notebook_shows_no_more_than_it_can_hold(tmp_path: Path) -> None:
    """Of a large grid a part is drawn, and the output says so."""
    grid = lookbooks.lookbook(tmp_path, 40, 30)._repr_html_()
    batch = lookbooks.lookbook(tmp_path, 400, 1)._repr_html_()
    assert "drawn: 144 of 1,200" in grid
    assert (grid.count("<tr"), grid.count("<td")) == (13, 13 * 13)
    assert "drawn: 144 of 400" in batch
    assert (batch.count("<tr"), batch.count("<td")) == (12, 144)


def test_a_notebook_shows_a_cell(tmp_path: Path) -> None:
    """Its picture inside the output, or why there is none and what to do; and its name."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, odd={(0, 0): State.FAILED}))
    cells.columns = [Head("<b>"), *cells.columns[1:]]
    failed, saved = (cells.at(0, column)._repr_html_() for column in (0, 1))
    assert 'src="data:image/webp;base64,' in saved
    assert "model-0__garment-1: saved, spent" in saved
    for words in ("harmful content", lookbooks.HARMFUL.message, lookbooks.HARMFUL.next_step):
        assert words in failed
    assert "<img" not in failed
    assert "model-0__&lt;b&gt;: failed, not spent" in failed


def test_a_notebook_leads_to_the_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link, once there is a gallery: as the notebook's server gives it out, or on the disk."""
    book = lookbooks.lookbook(tmp_path / "a look")
    assert "href=" not in book._repr_html_()
    (tmp_path / "a look").mkdir()
    book.gallery()
    assert f'href="{(tmp_path / "a look" / "index.html").as_uri()}"' in book._repr_html_()
    monkeypatch.chdir(tmp_path)
    assert 'href="a%20look/index.html"' in book._repr_html_()


_WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
from pathlib import Path
from changeclothes_async import errors
from changeclothes_async.bulk.lookbook import cells, inline
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from changeclothes_async.bulk.ledger.states import State

folder = Path(sys.argv[1])

class One:
    rows = [cells.Head("model", folder / "one.webp")]
    columns = [cells.Head("garment", folder / "gone.webp"), cells.Head("other")]
    def at(self, row, column):
        name = self.columns[column].name
        return cells.Cell("model", name, name, State.SAVED, folder / "one.webp", None, None, None,
                          None, None, 1, "spent")
    def read(self, places):
        return (self.at(*place) for place in places)
    def __iter__(self):
        return self.read([(0, 0), (0, 1)])

book = Lookbook(One(), folder)
assert book._repr_html_().count('src="data:image/webp') == 3, book._repr_html_()
assert inline.whole(folder / "one.webp", 10) is None
assert '"picture":"one.webp"' in book.gallery().read_text()
try:
    book.contact_sheet(folder / "sheet.png")
except errors.MissingExtra as error:
    assert "pip install 'changeclothes-async[pictures]'" in str(error)
else:
    raise AssertionError("drawn without Pillow")
"""


def test_without_pillow_pictures_are_shown_as_they_are(tmp_path: Path) -> None:
    """Notebook and gallery do without the extra; the contact sheet names the command."""
    lookbooks.picture(tmp_path / "one.webp", (200, 40, 40))
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_PILLOW, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_walk_that_was_broken_off_is_forgotten(tmp_path: Path) -> None:
    """Who looks again counts each cell once: what failed may be sent again by its list."""
    made = lookbooks.cells(tmp_path, 4, 5, {(0, 0): State.FAILED})
    book, at = Lookbook(made, tmp_path), made.at

    def broken(row: int, column: int) -> Cell:
        if row == 2:
            raise errors.LedgerError("The disk is gone.")
        return at(row, column)

    made.at = broken  # type: ignore[method-assign]
    with pytest.raises(errors.LedgerError):
        print(book.failed)
    made.at = at  # type: ignore[method-assign]
    assert [cell.name for cell in book.failed] == ["model-0__garment-0"]


def test_a_large_grid_is_walked_over_once(tmp_path: Path) -> None:
    """What failed is then read alone, and nothing where nothing did: a cell takes 50 µs."""
    made = lookbooks.cells(tmp_path, 20, 30, {(2, 3): State.FAILED, (4, 5): State.FAILED})
    book = Lookbook(made, tmp_path)
    assert [cell.name for cell in book.failed] == ["model-2__garment-3", "model-4__garment-5"]
    assert made.made == 602
    assert (book.unsure, book.ok, len(book.failed)) == ([], False, 2)
    assert made.made == 604
