"""The contact sheet that a run may leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from changeclothes_async.cli import sheets
from tests import lookbooks


def test_a_sheet_that_cannot_be_drawn_is_only_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk may be full by then, and what was paid has yet to be summed up."""
    book = Lookbook(lookbooks.cells(tmp_path), tmp_path)
    (tmp_path / "taken.png").mkdir()
    assert sheets.draw(book, tmp_path / "taken.png") is None
    assert "The contact sheet was not drawn." in capsys.readouterr().err
