"""Faults of the pictures that are handed over: all said before a byte leaves, for grids too."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import Grid, InvalidParam, NotAnImage, TryOn
from tests import peers, samples
from tests.faults.cases import Row
from tests.faults.rules import Client

READING = "tests/transport/test_reading.py"
REFUSED = READING + "::test_what_cannot_be_sent_is_refused_with_its_absolute_path"
CALL = "tests/test_client.py::test_bad_input_is_refused_before_a_byte_leaves"
FORMS = "tests/protocol/test_images.py::test_what_no_picture_can_come_from_is_refused_in_words"
PLANNING = "tests/bulk/run/test_planning.py"
HERE = "tests/faults/test_images.py::"
GRID = f"{HERE}test_a_grid_is_refused_before_anything_is_sent"


def refused(fault: str, test: str, seen: str = "NotAnImage") -> Row:
    """Name what is refused before a connection is made."""
    return Row(fault, f"{seen}, nothing leaves", "not spent", "0", test)


ROWS = [
    refused("empty", f"{CALL}[empty bytes]"),
    refused("empty: a file", f"{REFUSED}[is empty]"),
    Row(
        "truncated", "as the service says: InvalidParam", "not spent", "1", f"{HERE}test_truncated"
    ),
    refused("directory", f"{CALL}[folder]"),
    refused("FIFO", f"{REFUSED}[is not a regular file]"),
    refused("/dev/zero", f"{CALL}[device]"),
    refused("unreadable", f"{REFUSED}[cannot be read]"),
    refused("missing", f"{CALL}[missing file]"),
    Row(
        "vanished between planning and sending",
        "its cells fail alone",
        "not spent",
        "0",
        f"{PLANNING}::test_a_picture_that_vanishes_in_the_run_fails_its_cells_alone",
    ),
    Row(
        "changed between planning and sending",
        "its cells fail",
        "not spent",
        "0",
        f"{PLANNING}::test_a_picture_that_changes_in_the_run_fails_its_cells",
    ),
    Row(
        "changed between two attempts",
        "NotAnImage, no second request",
        "maybe spent",
        "1",
        "tests/test_client.py::test_a_file_that_changes_between_two_attempts_is_not_sent_again"
        "[cut short]",
    ),
    refused(
        "changed in the upload",
        f"{READING}::test_a_big_file_that_changes_in_the_middle_is_an_error",
    ),
    refused("a text file", f"{REFUSED}[is not a picture]"),
    Row(
        "HEIC named .jpg",
        "sent as image/heic; the service decides",
        "by the answer",
        "1",
        f"{HERE}test_heic_named_jpg",
    ),
    refused("a bad data URI", f"{CALL}[data URI]"),
    refused(
        "a text that no path can be",
        f"{HERE}test_a_text_that_no_path_can_be_is_refused[half a letter]",
    ),
    refused("a URL of another scheme", f"{CALL}[ftp]"),
    refused("a URL of another scheme: file", f"{FORMS}[file]"),
    Row(
        "file names that are no text",
        "a grid; names made of their bytes",
        "spent",
        "1 a cell",
        f"{HERE}test_file_names_that_are_no_text_make_a_grid",
    ),
    Row(
        "file names with quotes, CR LF, non-ASCII",
        "a result; the names never reach a header",
        "spent",
        "1",
        f"{HERE}test_file_names_never_reach_a_header",
    ),
]


def _make(what: str) -> Callable[[Path], object]:
    return {
        "empty": lambda path: path.write_bytes(b""),
        "directory": lambda path: path.mkdir(),
        "FIFO": os.mkfifo,
        "unreadable": lambda path: path.symlink_to(path),
        "missing": lambda path: None,
        "text": lambda path: path.write_text("hello, I am a text"),
        "device": lambda path: path.symlink_to("/dev/zero"),
    }[what]


KINDS = ["empty", "directory", "FIFO", "unreadable", "missing", "text", "device"]


@pytest.mark.parametrize("what", KINDS)
async def test_a_grid_is_refused_before_anything_is_sent(
    client: Client, out: Path, tmp_path: Path, what: str
) -> None:
    """One bad picture among good ones is named before the first call, in grids and in batches."""
    bad = tmp_path / "bad.jpg"
    _make(what)(bad)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer)
        with pytest.raises(NotAnImage, match="bad"):
            await one.run_grid(Grid([samples.PNG, bad], [samples.JPEG], "dresses"), out)
        jobs = [TryOn(**samples.LOOK), TryOn(**{**samples.LOOK, "model": bad})]
        with pytest.raises(NotAnImage, match="bad"):
            await one.run_batch(jobs, out)
    assert (peer.connections, one.stats.sent) == (0, 0)


@pytest.mark.swift
async def test_truncated(client: Client) -> None:
    """A picture that ends early begins like one: it goes out, and the service says what it is."""
    answer = peers.answering(peers.envelope(10004, msg="unreadable picture"))
    async with peers.serve(answer) as peer:
        with pytest.raises(InvalidParam) as caught:
            await client(peer).try_on(**{**samples.LOOK, "model": samples.PNG[:-20]})
    assert (caught.value.money, len(peer.charges)) == ("not spent", 1)


@pytest.mark.swift
async def test_heic_named_jpg(client: Client, tmp_path: Path) -> None:
    """The content tells the type: what the name claims is not believed."""
    path = tmp_path / "model.jpg"
    path.write_bytes(b"\0\0\0\x20ftypheic\0\0\0\0" + b"x" * 40)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(peer).try_on(**{**samples.LOOK, "model": path})
    assert b'filename="modelImg.heic"\r\nContent-Type: image/heic\r\n' in peer.charges[0].body


NAMES = ['a"; name="evil', "a\r\nX-Evil: 1\r\n\r\n", "évil-\u202e.jpg", "evil\\..\\b;.png"]


@pytest.mark.swift
@pytest.mark.parametrize("name", NAMES, ids=["quotes", "CR LF", "non-ASCII", "backslashes"])
async def test_file_names_never_reach_a_header(client: Client, tmp_path: Path, name: str) -> None:
    """A file's name stays on its machine, handed over as a path or as an open file."""
    path = tmp_path / name
    path.write_bytes(samples.PNG)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        with path.open("rb") as file:
            await client(peer).try_on(**{**samples.LOOK, "model": path, "garment": file})
    assert peer.charges[0].fields["modelImg"] == samples.PNG
    for word in (b"vil", str(tmp_path).encode(), name.encode()):
        assert word not in peer.heard


async def test_file_names_that_are_no_text_make_a_grid(tmp_path: Path) -> None:
    """Names in an old encoding are names: each cell has one of its own, and it is safe."""
    for name in (b"\xff.png", b"\xfe.png", b"\xff\xfe.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(samples.PNG)
    grid = Grid(tmp_path, [samples.JPEG], "dresses")
    assert len({item.name for item in grid.rows}) == 3


TEXTS = {
    "half a letter": "\ud800.jpg",
    "half a letter as a home": "~\ud800/1.jpg",
    "a name too long": "a" * 5000 + ".jpg",
    "a NUL in a home": "~a\0/1.jpg",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_that_no_path_can_be_is_refused(client: Client, out: Path, text: str) -> None:
    """NotAnImage in words, from a call, a job, a grid: no error of the file system's own."""
    one = client("http://127.0.0.1:9")
    with pytest.raises(NotAnImage):
        await one.try_on(**{**samples.LOOK, "model": text})
    with pytest.raises(NotAnImage):
        await one.run_grid(Grid([text], [samples.JPEG], "dresses"), out)
