"""The contact sheet: everything in its place, bounded, complete or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import EpsImagePlugin, Image

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook import layout, lettering, thumbs
from changeclothes_async.bulk.lookbook.cells import Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from tests import lookbooks, samples


def _middle(found: layout.Layout, row: int, column: int) -> tuple[int, int]:
    left, top = found.at(row, column)
    return left + found.picture[0] // 2, top + found.picture[1] // 2


def _near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


def test_each_result_is_where_its_model_and_garment_meet(tmp_path: Path) -> None:
    """Rows are models, columns garments; each picture lies in its own place."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path))
    path = Lookbook(cells, tmp_path).contact_sheet(tmp_path / "sheet.png", cell=90)
    found = layout.planned(2, 3, 90)
    with Image.open(path) as sheet:
        assert sheet.size == found.size
        for number in range(6):
            pixel = sheet.getpixel(_middle(found, *divmod(number, 3)))
            assert _near(pixel, (number * 37 % 256, 90, number * 91 % 256))


def test_what_has_no_picture_is_drawn_as_such(tmp_path: Path) -> None:
    """Failed, unsure and open cells have a colour of their own, with words in it."""
    odd = {(0, 0): State.FAILED, (0, 1): State.UNSURE, (0, 2): State.OPEN}
    path = lookbooks.lookbook(tmp_path, odd=odd).contact_sheet(tmp_path / "sheet.png", cell=200)
    found = layout.planned(2, 3, 200)
    with Image.open(path) as sheet:
        tiles = [
            sheet.crop((left + 20, top + 20, left + 180, top + 240))
            for left, top in (found.at(0, column) for column in range(3))
        ]
    assert len({tile.getpixel((0, 0)) for tile in tiles}) == 3
    assert all(len(tile.getcolors(10_000) or []) > 5 for tile in tiles)


def test_heads_are_drawn_upright_and_transparent_ones_on_paper(tmp_path: Path) -> None:
    """A phone's photograph is turned as it says, and what is clear becomes paper."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = lookbooks.picture(tmp_path / "turned.jpg", (10, 200, 10), exif=exif)
    clear = lookbooks.picture(tmp_path / "clear.png", (0, 0, 0, 0), "RGBA")
    image = thumbs.small(turned, 400, 400)
    assert image
    assert image.size == (64, 48)
    image = thumbs.small(clear, 400, 400)
    assert image
    assert image.getpixel((5, 5)) == thumbs.PAPER
    noted = lookbooks.picture(tmp_path / "noted.png", (10, 200, 10), exif=b"Exif\0\0MM")
    assert thumbs.small(noted, 400, 400)  # broken metadata are no broken picture


def test_a_program_that_comes_as_a_picture_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow would hand PostScript, which a service may send, to an interpreter."""
    ran: list[int] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: ran.append(1))
    file = tmp_path / "result"
    file.write_bytes(samples.EPS)
    assert thumbs.small(file, 400, 400) is None
    assert not ran


def test_a_broken_picture_does_not_spoil_the_sheet(tmp_path: Path) -> None:
    """A file that is no picture is drawn as missing."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path))
    (tmp_path / "model-0__garment-0.webp").write_bytes(b"RIFF\0\0\0\0WEBPgarbage")
    cells.rows = [Head("broken", tmp_path / "model-0__garment-0.webp"), cells.rows[1]]
    assert Lookbook(cells, tmp_path).contact_sheet(tmp_path / "sheet.png", cell=60).exists()


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".JPEG", ".webp"], ids=["png", "jpg", "jpeg", "webp"]
)
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str) -> None:
    """The four kinds of name give pictures of their kind."""
    path = lookbooks.lookbook(tmp_path).contact_sheet(tmp_path / f"sheet{suffix}", cell=60)
    with Image.open(path) as sheet:
        assert sheet.format == {"png": "PNG", "webp": "WEBP"}.get(suffix[1:], "JPEG")


@pytest.mark.parametrize(
    ("name", "cell"),
    [("sheet.gif", 60), ("sheet", 60), ("sheet.png", 5), ("sheet.png", 60.5), ("sheet.png", "60")],
)
def test_what_cannot_be_drawn_is_said_at_once(tmp_path: Path, name: str, cell: Any) -> None:
    """An unknown suffix, or a cell that is too small or no number: nothing is written."""
    with pytest.raises(errors.InvalidInput):
        lookbooks.lookbook(tmp_path).contact_sheet(tmp_path / name, cell=cell)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(1, 2), (6, 9), (100, 60), (1, 5000), (5000, 2), (9999, 9999)])
def test_no_grid_makes_a_sheet_that_is_too_large(size: tuple[int, int]) -> None:
    """Large grids are drawn smaller, then cut; never larger than the bounds."""
    found = layout.planned(*size, 240)
    assert max(found.size) <= layout.LONGEST
    assert found.size[0] * found.size[1] <= layout.LARGEST
    assert found.cell >= layout.NARROWEST
    assert (found.rows, found.columns) == size or found.cell == layout.NARROWEST


def test_only_what_is_drawn_is_read(tmp_path: Path) -> None:
    """Of a huge grid no more cells are made than the sheet has lines for."""
    cells = lookbooks.cells(tmp_path, 2000, 2)
    found = layout.planned(2000, 2, 48)
    book = Lookbook(cells, tmp_path)
    assert book.counts[State.SAVED] == cells.made == 4000
    book.contact_sheet(tmp_path / "sheet.png", cell=48)
    assert cells.made == 4000 + found.rows * 2
    assert found.rows < 2000


def test_a_batch_is_a_wall() -> None:
    """One column of many jobs is not drawn as one long strip."""
    found = layout.planned(100, 1, 100)
    assert found.wall
    assert found.columns > found.rows > 1
    assert found.rows * found.columns >= 100


def test_a_name_in_other_letters_takes_another_font() -> None:
    """Pillow's own font has no letters but English ones; a given font is used for all."""
    letters = lettering.Lettering(None)
    plain = letters.font(20, "woman-01")
    assert plain.getname()[0] == "Aileron"
    assert letters.font(20, "Élodie") is letters.font(20, "Élodie")
    with pytest.raises(errors.InvalidInput, match="no-such"):
        lettering.Lettering("no-such.ttf").font(20, "x")


def test_long_words_are_cut_to_their_place() -> None:
    """Lines stay within their width and number, and say that something was cut."""
    font = lettering.Lettering(None).font(20)
    lines = lettering.wrapped("a long emerald silk evening dress " * 9 + "x" * 500, font, 150, 4)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 150 for line in lines)
    assert lettering.wrapped("", font, 150, 4) == []


def test_a_long_name_keeps_its_end() -> None:
    """Columns of one prompt with several seeds, or articles of one collection, stay apart."""
    font = lettering.Lettering(None).font(20)
    names = [f"a-long-emerald-silk-evening-dress-seed{seed}" for seed in (1, 12)]
    first, second = (lettering.cut_amid(name, font, 200) for name in names)
    assert (first[:6], first[-6:]) == ("a-long", "-seed1")
    assert second.endswith("-seed12")
    assert max(font.getlength(first), font.getlength(second)) <= 200
    assert lettering.cut_amid("short", font, 200) == "short"
    assert lettering.cut_amid(names[0], font, 40).endswith("…")  # where its end alone is too much
