"""What a user gives as `out`, read as a folder of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeclothes_async import InvalidInput
from changeclothes_async.bulk import placing
from changeclothes_async.transport import places


@pytest.mark.parametrize("host", ["", "localhost"])
def test_an_address_of_a_file_is_a_path(host: str, tmp_path: Path) -> None:
    """With this machine's own name or with none, and its letters as they are."""
    address = (tmp_path / "a b").as_uri().replace("file://", f"file://{host}")
    assert placing.site(address).place == places.Folder(tmp_path / "a b")


@pytest.mark.parametrize("out", ["file://data/lookbook", "file://", "", "a\0b"])
def test_no_place_comes_about_by_mistake(out: str) -> None:
    """A path that lost its first slash, or an empty one, is not taken for another folder."""
    with pytest.raises(InvalidInput, match=r"Write file:///… with three|is no path"):
        placing.site(out)


@pytest.mark.parametrize(
    "out",
    [
        "s3:\\bucket\\looks",
        "gs:/bucket",
        Path("file:///looks"),
        Path("ftp://me:secret@store/looks"),
    ],
)
def test_an_address_that_lost_a_slash_is_no_folder(out: Path | str) -> None:
    """`Path("s3://…")` has one slash, and would be a folder of that name without a word."""
    with pytest.raises(
        InvalidInput, match=r"has lost a slash.*as a string, such as s3://"
    ) as caught:
        placing.site(out)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("out", ["C:/looks", "at 10:30/looks", "./s3:/looks"])
def test_a_colon_in_a_path_is_no_address(out: str) -> None:
    """A drive, a time of day, or a folder that is named so on purpose."""
    assert isinstance(placing.site(out).place, places.Folder)


@pytest.mark.parametrize("out", ["lookbook", "memory://lookbook"])
def test_a_relative_place_needs_a_working_directory(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger would lie in it, wherever the pictures are."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InvalidInput, match="the working directory was removed"):
        placing.site(out)
