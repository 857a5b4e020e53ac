"""The gallery's file: what is in it, what it refers to, and that nothing can break out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook import gallery
from changeclothes_async.bulk.lookbook.cells import Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from tests import lookbooks

HOSTILE = "</script><img src=x onerror=alert(1)>"


def _book(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="book">(.*?)</script>', page.read_text())
    assert found
    book: dict[str, Any] = json.loads(found[1])
    return book


def test_pictures_are_found_from_the_page(tmp_path: Path) -> None:
    """Results are referred to relative to the page, quoted, also with strange names."""
    cells = lookbooks.cells(tmp_path / "out")
    cells.rows = [Head("a b#c?d%e:f"), Head("été")]
    page = Lookbook(cells, tmp_path / "out").gallery()
    files = [cell["file"] for cell in _book(page)["cells"]]
    assert page == tmp_path / "out" / "index.html"
    assert files[0] == "a%20b%23c%3Fd%25e%3Af__garment-0.webp"
    assert files[3] == "%C3%A9t%C3%A9__garment-0.webp"


def test_a_cell_brings_all_that_is_known_of_it(tmp_path: Path) -> None:
    """State, words, error, next step, money, seed and addresses are in the page."""
    book = _book(lookbooks.lookbook(tmp_path, odd={(0, 0): State.FAILED}).gallery())
    failed, saved = book["cells"][:2]
    assert (failed["kind"], failed["words"], failed["money"]) == (
        "failed",
        "harmful content",
        "not spent",
    )
    assert (failed["error"], failed["next"]) == (
        lookbooks.HARMFUL.message,
        lookbooks.HARMFUL.next_step,
    )
    assert "file" not in failed
    assert (saved["seed"], saved["mask"]) == (7, "masks/model-0__garment-1.webp")
    assert saved["url"] == "https://results.example/0/1.webp"
    assert book["counts"] == {"saved": 5, "failed": 1, "unsure": 0, "open": 0}


def test_heads_are_in_the_page_or_named(tmp_path: Path) -> None:
    """A head's picture is embedded; one that cannot be read is referred to; a prompt is text."""
    cells = lookbooks.cells(tmp_path / "out")
    lookbooks.picture(tmp_path / "here.png", (9, 9, 9))
    cells.rows = [Head("here", tmp_path / "here.png"), Head("gone", tmp_path / "gone.png")]
    cells.columns = [Head("prompt", text="a red coat"), Head("far", url="https://shop.example/g")]
    book = _book(Lookbook(cells, tmp_path / "out").gallery())
    assert book["rows"]["0"]["picture"].startswith("data:image/webp;base64,")
    assert book["rows"]["1"]["picture"] == "../gone.png"
    assert book["columns"]["0"] == {"name": "prompt", "text": "a red coat"}
    assert book["columns"]["1"] == {"name": "far", "url": "https://shop.example/g"}


def test_texts_cannot_break_out(tmp_path: Path) -> None:
    """Names, prompts and messages stay inside the JSON, whatever is in them."""
    cells = lookbooks.cells(tmp_path)
    cells.rows = [Head(HOSTILE), Head("lone \udcff surrogate")]
    cells.columns = [Head("prompt", text=f"{HOSTILE}<!--<script>")]
    page = Lookbook(cells, tmp_path, stopped=errors.InvalidApiKey(HOSTILE)).gallery()
    assert "<img" not in page.read_text()
    assert _book(page)["rows"]["0"]["name"] == HOSTILE
    assert HOSTILE in _book(page)["stopped"]


def test_the_page_may_run_only_its_own_script_and_ask_for_nothing(tmp_path: Path) -> None:
    """The policy names this style and this script by their digests, and no host at all."""
    page = lookbooks.lookbook(tmp_path).gallery().read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert not re.search(r"%(book|style|script)", page)


def test_a_huge_grid_is_cut_but_for_what_went_wrong(tmp_path: Path) -> None:
    """The first cells are there, and those further on that failed or are unsure; with a note."""
    odd = {(299, 5): State.UNSURE, (290, 7): State.DAMAGED, (299, 7): State.OPEN}
    cells = lookbooks.cells(tmp_path, 300, 100, odd)
    book = _book(Lookbook(cells, tmp_path).gallery())
    places = [(cell["row"], cell["column"]) for cell in book["cells"]]
    assert len(places) == gallery.MOST + 2
    assert places[-2:] == [(290, 7), (299, 5)]
    assert book["counts"] == {"saved": 29_997, "failed": 1, "unsure": 1, "open": 1}
    assert "30,000 cells" in book["note"]
    assert set(book["rows"]) == {*map(str, range(200)), "290", "299"}


def test_where_much_went_wrong_the_page_is_bounded_too(tmp_path: Path) -> None:
    """A huge grid that failed altogether does not make a huge page."""
    cells = lookbooks.cells(tmp_path, 500, 100)
    cells.odd = {divmod(n, 100): State.UNSURE for n in range(50_000)}
    assert len(_book(Lookbook(cells, tmp_path).gallery())["cells"]) == 2 * gallery.MOST


def test_the_page_is_replaced_whole(tmp_path: Path) -> None:
    """Where it cannot be written, nothing of it is left, and the error is ours."""
    book = lookbooks.lookbook(tmp_path)
    book.gallery()
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    (tmp_path / "index.html").unlink()
    (tmp_path / "index.html").mkdir()
    with pytest.raises(errors.SaveFailed, match=r"index\.html"):
        book.gallery()
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
