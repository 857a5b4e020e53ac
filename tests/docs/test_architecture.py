"""The page about the architecture names files and folders that are there, and every folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import blocks

PACKAGE = blocks.ROOT / "changeclothes_async"
PAGE = blocks.ROOT / "docs" / "architecture.md"
_FLOORS = next(blocks.found(PAGE)).text
_PATH = re.compile(r"\b(?:bulk|protocol|sandbox|transport)/[a-z_/]+")
NAMED = sorted(set(_PATH.findall(PAGE.read_text("utf-8"))))


def _is_there(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("name", NAMED)
def test_a_path_that_is_named_is_there(name: str) -> None:
    """It is a folder or a module of the package."""
    assert _is_there(PACKAGE / name)


def test_the_floors_are_the_folders() -> None:
    """Each line is a module or folder, indented under its own; no folder is left out."""
    drawn, above = set(), ""
    for indent, name in re.findall(r"^( *)([a-z]+)", _FLOORS, re.MULTILINE):
        above = above if indent else name
        path = PACKAGE / above / name if indent else PACKAGE / name
        assert _is_there(path), name
        drawn.add(path)
    assert {file.parent for file in PACKAGE.rglob("*.py")} <= {PACKAGE, *drawn}
