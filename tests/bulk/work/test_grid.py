"""What is to be made: folders, globs, lists, mappings and addresses, read as rows and columns."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import Category, ChangeByPrompt, Grid, InvalidInput, NotAnImage, TryOn
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import images
from changeclothes_async.transport import reading
from tests import samples

URL = "https://shop.example/pictures/red%20dress.jpg?size=2"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Lay out models, and garments in folders named after their category."""
    for name in (
        "models/woman-02.jpg",
        "models/woman-01.jpg",
        "garments/dresses/lime.jpg",
        "garments/upper_body/tee.JPG",
        "garments/upper_body/blouse.png",
        "garments/other/hat.jpg",
        "models/.hidden.jpg",
        "models/notes.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(samples.PNG)
    return tmp_path


def names(items: Any) -> list[str]:
    return [item.name for item in items]


def test_folders_are_read_in_the_order_of_their_names(photos: Path) -> None:
    """Pictures only, hidden ones not; a garment's category is its folder's name."""
    work = Grid(photos / "models", str(photos / "garments"))
    assert names(work.rows) == ["woman-01", "woman-02"]
    assert names(work.columns) == ["lime", "blouse", "tee"]
    assert [item.category for item in work.columns] == [
        Category.DRESSES,
        Category.UPPER_BODY,
        Category.UPPER_BODY,
    ]
    assert len(work) == 6


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("models/*.jpg", ["woman-01", "woman-02"]),
        ("**/tee.JPG", ["tee"]),
        ("models/woman-01.jpg", ["woman-01"]),
    ],
)
def test_globs_and_single_files(photos: Path, given: str, expected: list[str]) -> None:
    """A text is a folder, a glob, or one picture."""
    assert names(Grid(str(photos / given), URL, "dresses").rows) == expected


def test_pictures_are_known_by_every_usual_suffix(tmp_path: Path) -> None:
    """Those that browsers, telephones and old cameras write too, in any capitals."""
    for name in ("a.jpe", "b.jfif", "c.heif", "d.HEIC", "e.JPEG", "f.pdf"):
        (tmp_path / name).write_bytes(samples.PNG)
    assert names(Grid(tmp_path, URL, "dresses").rows) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("given", ["", "*.png"], ids=["folder", "glob"])
def test_numbers_in_names_are_counted(tmp_path: Path, given: str) -> None:
    """Rows and columns stand in the order of a person: look-2 before look-10."""
    for name in ("look-10", "look-1", "look-2", "look-02", "9", "look"):
        (tmp_path / f"{name}.png").write_bytes(samples.PNG)
    found = names(Grid(str(tmp_path / given), URL, "dresses").rows)
    assert found == ["9", "look-1", "look-02", "look-2", "look-10", "look"]


def test_equal_names_are_marked_alike_from_every_folder(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pictures of one name stay apart, under names that the working folder does not change."""
    (photos / "garments" / "upper_body" / "lime.jpg").write_bytes(samples.PNG)
    monkeypatch.chdir(photos)
    first = names(Grid(URL, "garments").columns)
    assert len({*first}) == 4
    monkeypatch.chdir(photos / "garments" / "upper_body")
    assert names(Grid(URL, "..").columns) == names(Grid(URL, photos / "garments").columns) == first


def test_a_file_whose_name_looks_like_a_glob_is_that_file(photos: Path) -> None:
    """What is there is taken by its name."""
    (photos / "models" / "look[1].jpg").write_bytes(samples.PNG)
    assert names(Grid(photos / "models" / "look[1].jpg", URL, "dresses").rows) == ["look-1"]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (URL, ["red-dress"]),
        ([URL, "https://shop.example/"], ["red-dress", "model-2"]),
        ({"Anna B.": URL}, ["Anna-B"]),
        ([samples.PNG, samples.PNG], ["model-1", "model-2"]),
        (samples.PNG, ["model-1"]),
        ((each for each in [URL]), ["red-dress"]),
        (io.BytesIO(samples.PNG), ["model-1"]),
    ],
    ids=["url", "list", "mapping", "bytes", "one", "generator", "open file"],
)
def test_whatever_a_picture_is_given_as(models: Any, expected: list[str]) -> None:
    """Lists, mappings and single pictures of every form that `try_on` takes."""
    assert names(Grid(models, URL, "dresses").rows) == expected


def test_each_cell_is_a_job_of_its_own() -> None:
    """Rows are models, columns garments; options go into each job."""
    work = Grid([URL, f"{URL}#2"], {"a": f"{URL}#3"}, "dresses", garment_desc="lime")
    job = work.job(1, 0)
    assert isinstance(job, TryOn)
    assert (job.model, job.garment) == (images.Link(f"{URL}#2"), images.Link(f"{URL}#3"))
    assert (job.category, job.garment_desc) == (Category.DRESSES, "lime")
    assert list(works.walk(work)) == [(0, 0), (1, 0)]
    assert works.cell_name(work, 0, 0) == "red-dress__a"


def test_prompts_and_seeds_are_columns() -> None:
    """Models × prompts × seeds, each a ChangeByPrompt, named by what differs."""
    work = Grid(URL, prompts={"blue": "a blue shirt", "red": "a red shirt"}, seeds=[1, 2])
    assert names(work.columns) == ["blue-seed1", "blue-seed2", "red-seed1", "red-seed2"]
    job = work.job(0, 3)
    assert isinstance(job, ChangeByPrompt)
    assert (job.prompt, job.seed) == ("a red shirt", 2)
    assert Grid(URL, prompts="a blue shirt").job(0, 0).texts() == [("prompt", "a blue shirt")]


def test_long_prompts_that_begin_alike_have_names_of_their_own() -> None:
    """Names are cut; the cells stay apart."""
    work = Grid(URL, prompts=["x" * 60 + "1", "x" * 60 + "2"])
    assert len(set(names(work.columns))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"models": URL}, "garments or prompts, and this one has neither"),
        ({"models": URL, "garments": URL, "prompts": "x", "category": "dresses"}, "has both"),
        (
            {"models": [], "garments": URL, "category": "dresses"},
            "models: there are none. Give at least one",
        ),
        (
            {"models": "/nowhere/*.jpg", "garments": URL, "category": "dresses"},
            r"models: nothing matches /nowhere/\*\.jpg",
        ),
        ({"models": URL, "garments": URL}, "red-dress has no category"),
        ({"models": URL, "garments": URL, "category": "hats"}, "category='hats' is not accepted"),
        ({"models": URL, "prompts": []}, "prompts: there are none"),
        ({"models": URL, "prompts": "x", "seeds": []}, "seeds: there are none"),
        ({"models": URL, "prompts": ["x", " "]}, "one of them is empty. Describe"),
        ({"models": URL, "prompts": "x", "seeds": [1, -1]}, "seed"),
        ({"models": URL, "prompts": "x", "colour": 1}, "no argument 'colour'"),
        (
            {"models": URL, "garments": URL, "catgory": "dresses"},
            "A grid of garments has no argument 'catgory'. Use models, garments, category, extra",
        ),
        ({"models": URL, "garments": URL, "category": "dresses", "seed": 1}, "no argument 'seed'"),
        ({"models": [URL, None], "garments": URL, "category": "dresses"}, "models: A p.* NoneType"),
        (
            {"models": {"ana": 4}, "garments": URL, "category": "dresses"},
            "models, ana: .* from int",
        ),
        ({"models": URL, "prompts": 7}, "prompts"),
        ({"models": URL, "prompts": [None]}, "prompts is of type NoneType"),
        ({"models": URL, "prompts": {"red": 7}}, "prompts is of type int"),
        ({"models": URL, "prompts": "x", "seeds": 7}, "seeds"),
        (
            {"models": URL, "prompts": "x", "seeds": "12"},
            "seeds is of type str, which is not a list. Give a list of",
        ),
        ({"models": URL, "prompts": b"xy"}, "of type bytes, which is not a list. Give a list of"),
        ({"models": URL, "prompts": "x", "seeds": bytearray(b"xy")}, "which is not a list"),
        ({"models": URL, "prompts": "x", "seeds": [1], "seed": 2}, "not both. Give all of them as"),
        ({"models": URL, "prompts": "x", "category": "dresses"}, "category=… goes with garments=…"),
        ({"models": URL, "garments": URL, "category": "dresses", "seeds": [1]}, "with prompts"),
    ],
)
def test_what_cannot_be_a_grid_is_refused_at_once(arguments: Mapping[str, Any], words: str) -> None:
    """Whatever is wrong with any row or column is said by the constructor, before a run."""
    with pytest.raises(InvalidInput, match=words):
        Grid(**arguments)


async def test_settling_looks_at_every_picture(photos: Path) -> None:
    """A file that is no picture is found before anything is sent; a stream is read but once."""
    work = Grid([io.BytesIO(samples.PNG)], photos / "garments")
    await work.examine(reading.Reader().examined)
    assert isinstance(work.rows[0].image, images.Bytes)
    await work.examine(reading.Reader().examined)
    (photos / "garments" / "dresses" / "lime.jpg").write_bytes(b"no picture")
    with pytest.raises(NotAnImage, match=r"lime\.jpg is not a picture"):
        await Grid(URL, photos / "garments").examine(reading.Reader().examined)


@pytest.mark.parametrize(("count", "more"), [(2, False), (10, False), (25, True)])
async def test_all_that_are_no_pictures_are_named(tmp_path: Path, count: int, more: bool) -> None:
    """Of rows and of columns, ten at most: whoever mends one by one waits for each."""
    for folder in ("models", "garments"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "good.png").write_bytes(samples.PNG)
    for number in range(1, count):
        (tmp_path / "models" / f"bad-{number}.jpg").write_bytes(b"no picture")
    (tmp_path / "garments" / "rag.jpg").touch()
    work = Grid(tmp_path / "models", tmp_path / "garments", "dresses")
    with pytest.raises(NotAnImage) as caught:
        await work.examine(reading.Reader().examined)
    said = str(caught.value).splitlines()
    assert said[0] == f"{count} pictures cannot be sent:"
    assert "bad-1.jpg is not a picture" in said[1]
    assert any("rag.jpg is empty" in line for line in said) is not more
    assert ("… and 15 more" in said) is more
    assert said[-1].startswith("Fix them or leave them out")
    assert len(said) == min(count, 10) + 2 + more


def test_a_missing_path_is_named_before_any_category(tmp_path: Path) -> None:
    """A path that leads nowhere is said with the path, and what may be there instead."""
    nowhere = tmp_path / "nowhere"
    with pytest.raises(NotAnImage, match=r"models: .*nowhere does not exist. Give a folder, a glo"):
        Grid(nowhere, URL, "dresses")
    for long in ("x/" * 9999, "x*" * 9999):
        with pytest.raises(NotAnImage) as caught:
            Grid(long, URL, "dresses")
        assert len(str(caught.value)) < 400
    with pytest.raises(NotAnImage, match=r"garments: .*nowhere does not exist"):
        Grid([URL], [URL, nowhere])


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    """Whoever gave the wrong one sees which it was."""
    with pytest.raises(InvalidInput, match=f"models: the folder {tmp_path} holds no pictures"):
        Grid(tmp_path, URL, "dresses")


def test_a_list_may_hold_folders_and_globs(photos: Path) -> None:
    """Each is read as it would be alone."""
    work = Grid([photos / "models", str(photos / "**/tee.JPG"), URL], URL, "dresses")
    assert names(work.rows) == ["woman-01", "woman-02", "tee", "red-dress"]


def test_a_category_that_folders_speak_against_is_noted(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the user's word, and jeans that go out as a top are named before they are paid for."""
    work = Grid(photos / "models", photos / "garments", "dresses")
    assert {item.category for item in work.columns} == {Category.DRESSES}
    assert "blouse in upper_body, tee in upper_body. Leave out category" in caplog.text
    Grid(photos / "models", [photos / "garments/dresses/lime.jpg"], "upper_body")
    assert "lime in dresses" in caplog.text


def test_many_garments_that_are_against_a_category_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Five names are enough to see what is meant."""
    (tmp_path / "dresses").mkdir()
    for number in range(12):
        (tmp_path / "dresses" / f"g{number:02}.jpg").write_bytes(samples.PNG)
    Grid(URL, tmp_path, "upper_body")
    assert "g04 in dresses and 7 more. " in caplog.text


def test_a_category_goes_with_a_plain_folder_and_with_its_own(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing speaks against it there."""
    assert names(Grid(URL, photos / "garments/other", "dresses").columns) == ["hat"]
    (photos / "garments/dresses/lime.jpg").unlink()
    work = Grid(URL, photos / "garments", category="upper_body")
    assert names(work.columns) == ["blouse", "tee"]
    assert "another category" not in caplog.text


def test_folders_that_are_passed_over_are_named(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A garment in a folder named after no category is missed by nobody without a word."""
    deep = photos / "garments" / "tops" / "summer"
    deep.mkdir(parents=True)
    (deep / "top.jpg").write_bytes(samples.PNG)
    (photos / "garments" / "notes").mkdir()
    Grid(URL, photos / "garments")
    (said,) = caplog.messages
    assert f"passed over {photos}/garments/other, {photos}/garments/tops;" in said
    assert "notes" not in said


def test_a_folder_with_nothing_but_other_folders_is_refused(photos: Path) -> None:
    """The pictures that are there are pointed at."""
    (photos / "shelf").mkdir()
    (photos / "garments/other").rename(photos / "shelf/tops")
    with pytest.raises(InvalidInput, match=r"shelf holds no pictures; those in .*shelf/tops are"):
        Grid(URL, photos / "shelf", "dresses")


def test_a_million_cells_are_made_as_they_are_asked_for() -> None:
    """A grid keeps its sides, never its cells."""
    sides = [f"https://shop.example/{n}.jpg" for n in range(1000)]
    work = Grid(sides, sides, "dresses")
    assert len(work) == 1_000_000
    walk = works.walk(work)
    assert [next(walk) for _ in range(2)] == [(0, 0), (0, 1)]
    assert repr(work) == "Grid(1,000 models × 1,000 garments)"


def test_a_grid_says_how_large_it_is() -> None:
    """In the words of its lookbook, and one is one."""
    assert repr(Grid([URL], [URL], "dresses")) == "Grid(1 model × 1 garment)"
    assert repr(Grid([URL], prompts="a red dress", seeds=[1, 2])) == "Grid(1 model × 2 prompts)"
