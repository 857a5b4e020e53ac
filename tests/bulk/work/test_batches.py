"""A list of jobs as work: from an iterable, a CSV file or a JSONL file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import ChangeByPrompt, Grid, InvalidInput, NotAnImage, TryOn
from changeclothes_async.bulk.work import batches, works
from changeclothes_async.protocol import images
from changeclothes_async.transport import reading
from tests import samples

URL = "https://shop.example/a.jpg"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a file of jobs beside a picture, and give its path."""
    (tmp_path / "model.png").write_bytes(samples.PNG)

    def written(name: str, text: str | bytes) -> Path:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


def test_a_csv_file_is_a_job_a_row(write: Any, tmp_path: Path) -> None:
    """Columns are the jobs' arguments; relative paths are relative to the file; BOM and CRLF go."""
    path = write(
        "jobs.csv",
        "\ufeffmodel,garment,category,name,garment_desc\r\n"
        f"model.png,{URL},dresses,First Look,\r\n"
        f'{URL},{URL}, upper_body,,"red, with\nties"\r\n',
    )
    work = batches.batch(path)
    assert [item.name for item in work.rows] == ["First-Look", "line-0004"]
    first, second = work.job(0, 0), work.job(1, 0)
    assert isinstance(first, TryOn)
    assert isinstance(second, TryOn)
    assert first.model == images.File(str(tmp_path / "model.png"))
    assert (first.garment_desc, second.garment_desc) == (None, "red, with\nties")
    assert second.category == "upper_body"


def test_a_jsonl_file_is_a_job_a_line(write: Any) -> None:
    """Both kinds of jobs in one file, empty lines between them, numbers as numbers."""
    rows = [
        {"model": "model.png", "prompt": "a blue shirt", "seed": 7, "guidance_scale": 50},
        {"model": URL, "garment": URL, "category": "dresses", "name": "n"},
    ]
    work = batches.batch(write("jobs.jsonl", "\n\n".join(map(json.dumps, rows)) + "\n"))
    first, second = work.job(0, 0), work.job(1, 0)
    assert isinstance(first, ChangeByPrompt)
    assert (first.prompt, first.seed) == ("a blue shirt", 7)
    assert isinstance(second, TryOn)
    assert [item.name for item in work.rows] == ["line-0001", "n"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.csv",
            f"model,garment,category\n{URL},,dresses\n",
            "line 2: it has no garment and no prompt. A job is made",
        ),
        (
            "a.csv",
            f"model,garment,category\n{URL},none.jpg,dresses\n",
            r"none\.jpg is not a file \(relative paths are relative to this file\)\.",
        ),
        (
            "a.csv",
            f"model,garment,category\n{URL},{'x' * 999},dresses\n",
            r"line 2: .{100}….{100} is not a file",
        ),
        ("a.csv", "model,prompt\n/none.jpg,x\n", r"line 2: /none\.jpg is not a file\.\n"),
        ("a.csv", f"model,garment,category\n{URL},{URL},hats\n", "'hats' .* Use upper_body, lower"),
        ("a.csv", f"model,prompt\n{URL},x,{URL}\n", "more values than the header"),
        (
            "a.csv",
            f"model,prompt,seed\n{URL},x,seven\n",
            "seed='seven' .* Give a whole number from 0 to",
        ),
        ("a.csv", f"model,prompt,seed\n{URL},x,-1\n", "line 2: seed='-1'"),
        ("a.csv", f"model,prompt,seed\n{URL},,7\n", "line 2: it has no garment and no prompt"),
        (
            "a.csv",
            f"model,garment,category,prompt\n{URL},{URL},dresses,red\n",
            "line 2: it has both a garment and a prompt. A job is made of one of the two.",
        ),
        (
            "a.csv",
            f"model,garment,category,seed\n{URL},{URL},dresses,7\n",
            "line 2: seed goes with a prompt, and this row has a garment.",
        ),
        ("a.csv", f"model,garment,category\n{URL},{URL}\n", "line 2: it has no category.\nFix it"),
        ("a.csv", "model,prompt\n,red\n", "line 2: it has no model.\n"),
        (
            "a.csv",
            ",model,prompt\n0,model.png,red\n",  # as pandas writes a table with its index
            "line 2: it has a value in a column without a name. Name it, or leave it out.\n",
        ),
        (
            "a.jsonl",
            '{"model": "model.png", "promt": "x"}',
            "'promt' .* did you mean 'prompt'\\?\n",
        ),
        ("a.csv", "", r"/.*a\.csv holds no jobs"),
        ("a.csv", "model,prompt\n", r"/.*a\.csv holds no jobs"),
        (
            "a.jsonl",
            '{"model": "model.png", "garment": "model.png", "category": "dresses", "size": 4}',
            "line 1: 'size' is not known. Use name, model, ",
        ),
        (
            "a.csv",
            b"model,prompt\n\xe9t\xe9.jpg,x\n",
            r"cannot be read \(it is not UTF-8\)\. .* In Excel: Save as 'CSV UTF-8'\.",
        ),
        (
            "a.csv",
            "model,prompt\ndata:image/png;base64," + "A" * 200_000 + ",x\n",
            r"cannot be read \(field larger .*\)\. .* Data URIs go into a \.jsonl file\.",
        ),
        ("a.jsonl", "{not json}\n", "line 1: it is not a JSON object"),
        ("a.jsonl", "\n[1]\n", "line 2: it is not a JSON object"),
        ("a.jsonl", "[" * 100_000, "line 1: it is not a JSON object"),
        ("a.jsonl", '{"model": 7, "prompt": "x"}', "line 1: model: A picture cannot be made"),
        ("a.jsonl", '{"model": "", "prompt": "x"}', "line 1: .* is not a path"),
        ("a.jsonl", '{"self": 1, "prompt": "x"}', "line 1: "),
        ("a.pdf", "x", r"neither \.csv nor \.jsonl\. Give a file of one of these\."),
        ("a.tsv", "x", r"neither \.csv nor \.jsonl\. Name it \.csv if it is a table"),
        ("a.XLSX", "x", r"neither \.csv nor \.jsonl\. Save .* in Excel: Save as 'CSV UTF-8'"),
        ("a.json", "[]", r"neither \.csv nor \.jsonl\. Write a \.jsonl file, with the JSON obj"),
    ],
)
def test_a_bad_row_is_named_with_its_line(write: Any, name: str, text: str, words: str) -> None:
    """What is wrong is said in words, with the line, before anything is sent."""
    with pytest.raises(InvalidInput, match=words):
        batches.batch(write(name, text))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["model|garment|category", "Model| GARMENT |Category|"])
def test_a_table_is_read_as_its_header_is_written(write: Any, separator: str, header: str) -> None:
    """Separated by comma, semicolon or tab, in any capitals, with columns left empty at the end."""
    rows = f"{header}\n{URL}|{URL}|dresses\n{URL}|{URL}|dresses\n".replace("|", separator)
    work = batches.batch(write("jobs.csv", rows))
    assert [job.category for job in (work.job(0, 0), work.job(1, 0))] == ["dresses"] * 2


def test_what_a_spreadsheet_leaves_empty_is_no_job(write: Any) -> None:
    """Rows of separators alone are skipped, and so are empty values beyond the header."""
    rows = f"model;prompt;name\n;;\n{URL};a shirt;first;;\n;;;;\n\n{URL};a shirt;second\n;;\n"
    work = batches.batch(write("jobs.csv", rows))
    assert [item.name for item in work.rows] == ["first", "second"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("person,dress", "found: 'person', 'dress'\n"),
        ("model;garment,x;category", "found: 'model', 'garment,x', 'category'\n"),
        ("model,garment,catagory", "'catagory': did you mean 'category'?\n"),
        ("photos/ana.png,photos/tee.png,dresses", "found: 'photos/ana.png', "),
        ("model,garment", "needed: model, garment, category; or model, prompt\n"),
        ("model,prompt,size", "also known: name, garment_desc, seed, randomize_seed, "),
        ("model,prompt,notes,promt", "'promt': did you mean 'prompt'?\nnot known: 'notes'\n"),
        (",".join("abcdefghijkl"), "'j' and 2 more\n"),
        ("model,model,prompt", "more than once: 'model'\n"),
        ("", "found: \n"),
    ],
)
def test_a_bad_header_is_named_once(write: Any, header: str, words: str) -> None:
    """With the columns that were found, those that are known, and what a near miss may mean."""
    with pytest.raises(InvalidInput) as caught:
        batches.batch(write("jobs.csv", header + "\nx,y,z\n" * 3))
    text = str(caught.value)
    assert "jobs.csv has a header that cannot be used.\n" in text
    assert words in text
    assert "line 2" not in text
    assert len(text.splitlines()) <= 7


def test_every_bad_row_is_named(write: Any) -> None:
    """Ten are shown, the others counted; nothing is sent while one is bad."""
    rows = "".join(f"{URL},{URL},hats\n" for _ in range(25))
    with pytest.raises(InvalidInput) as caught:
        batches.batch(write("jobs.csv", "model,garment,category\n" + rows))
    text = str(caught.value)
    assert "25 bad rows" in text
    assert "line 2:" in text
    assert "line 11:" in text
    assert "and 15 more\nFix them" in text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The whole path is in the words, and no number of the system's."""
    with pytest.raises(InvalidInput, match=r"^/.*nowhere\.csv does not exist\. Give a"):
        batches.batch(tmp_path / "nowhere.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput, match=r"folder\.csv cannot be read \([^\[]*\)\. Give"):
        batches.batch(tmp_path / "folder.csv")


def test_a_table_in_a_path_s_place_is_repeated_in_part() -> None:
    """What was read already is no path, and holds prompts that need not be in a log."""
    with pytest.raises(InvalidInput, match=r"neither \.csv nor") as caught:
        batches.batch("model,prompt\n" + "ana.jpg,a blue shirt\n" * 10_000)
    assert len(str(caught.value)) < 300


def test_any_iterable_of_jobs_is_a_batch() -> None:
    """They are numbered; a batch has one column without a name."""
    jobs = (ChangeByPrompt(model=URL, prompt=f"shirt {n}") for n in range(3))
    work = batches.batch(jobs)
    assert len(work) == 3
    assert [works.cell_name(work, *cell) for cell in works.walk(work)] == ["0001", "0002", "0003"]


@pytest.mark.parametrize("jobs", [[], [None], [{"model": URL}], 7], ids=repr)
def test_what_is_no_batch_is_refused_in_words(jobs: Any) -> None:
    """No raw error leaves, whatever is handed over."""
    with pytest.raises(InvalidInput):
        batches.batch(jobs)


@pytest.mark.parametrize("jobs", [b"jobs.csv", {}, ChangeByPrompt(model=URL, prompt="x")])
def test_what_only_can_be_iterated_over_is_no_batch(jobs: Any) -> None:
    """Its numbers, keys or fields are no jobs, and would be called bad ones."""
    with pytest.raises(InvalidInput, match="is not a batch"):
        batches.batch(jobs)


def test_a_grid_is_pointed_to_its_own_method() -> None:
    """Whoever has one is a word away from what was meant."""
    with pytest.raises(InvalidInput, match=r"Grid is not a batch\. .* a Grid goes to run_grid"):
        batches.batch(Grid([URL], [URL], "dresses"))


def test_equal_names_are_kept_apart(write: Any) -> None:
    """Two rows of one name are two cells with two files."""
    rows = f"{URL},x,look\n{URL},y,LOOK\n"
    work = batches.batch(write("jobs.csv", "model,prompt,name\n" + rows))
    found = [item.name for item in work.rows]
    assert len({name.casefold() for name in found}) == 2


async def test_settling_names_the_row(write: Any, tmp_path: Path) -> None:
    """A file that is there but no picture is found before anything is sent."""
    (tmp_path / "text.jpg").write_text("no picture")
    work = batches.batch(write("jobs.csv", "model,prompt,name\ntext.jpg,x,third look\n"))
    with pytest.raises(NotAnImage, match=r"third-look: .*text\.jpg is not a picture"):
        await work.examine(reading.Reader().examined)


async def test_settling_names_every_row(write: Any, tmp_path: Path) -> None:
    """All that are to be mended are said at once."""
    (tmp_path / "text.jpg").write_text("no picture")
    rows = "text.jpg,x,first\nmodel.png,x,second\ntext.jpg,y,third\n"
    work = batches.batch(write("jobs.csv", f"model,prompt,name\n{rows}"))
    with pytest.raises(NotAnImage) as caught:
        await work.examine(reading.Reader().examined)
    said = str(caught.value).splitlines()
    assert said[0] == "2 pictures cannot be sent:"
    assert [line.partition(":")[0] for line in said[1:3]] == ["first", "third"]
