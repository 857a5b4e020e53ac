"""Runs whose pictures go elsewhere, from the shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from changeclothes_async.sandbox import Sandbox
from tests.cli.conftest import Shell

pytest.importorskip("upath", reason="needs `remote`")

import fsspec

OUT = "memory://shelf/cli"
GRID = ("grid", "--models", "models", "--garments", "garments", "--out", OUT)


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    yield
    fsspec.filesystem("memory").store.clear()


def test_a_grid_goes_to_a_place(shell: Shell, sandbox: Sandbox) -> None:
    """It is run, run again without a call, and says where its pictures and its page are."""
    done = shell(*GRID)
    assert done.exit_code == 0, done.output
    assert "Pictures: memory://shelf/cli" in done.stdout
    assert "Gallery:  memory://shelf/cli/index.html" in done.stdout
    facts = json.loads(shell(*GRID, "--json").stdout)
    assert facts["calls"] == 0
    assert facts["out"] == OUT
    assert len(sandbox.calls) == 4
    assert sorted(path.name for path in Path().iterdir()) == [
        *("garments", "memory-shelf-cli", "models"),
    ]


def test_a_place_s_ledger_is_found(shell: Shell) -> None:
    """By the place's address, as by the file."""
    assert shell(*GRID).exit_code == 0
    said = shell("ledger", OUT)
    assert "4  paid, the picture in place" in said.stdout
    assert shell("ledger", "memory-shelf-cli/ledger.db").stdout == said.stdout
    assert shell("ledger", "memory-shelf-cli").stdout == said.stdout


def test_a_place_without_a_ledger_is_said(shell: Shell) -> None:
    """In words, with the path where it should be."""
    assert shell(*GRID, "--dry-run").exit_code == 0
    done = shell("ledger", OUT)
    assert done.exit_code == 1
    assert "There is no ledger" in done.stderr
    assert "memory-shelf-cli" in done.stderr
