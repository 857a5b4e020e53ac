"""The Tab key: commands, options, values and files are completed by a real shell."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BASH = ("bash", "--norc", "--noprofile", "-i")
SOURCED = 'eval "$(_CHANGECLOTHES_COMPLETE=bash_source changeclothes)"; echo rea""dy'
PATIENCE = 30.0

Typed = Callable[[str, str], str]


@pytest.fixture
def typed(folder: Path) -> Iterator[Typed]:
    """Give a bash at a terminal: type something, and get what is shown up to what is awaited."""
    ours, theirs = pty.openpty()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = subprocess.Popen(
        BASH,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PATH": path, "TERM": "dumb", "PS1": "$ "},
    )
    os.close(theirs)

    def type_in(keys: str, awaited: str) -> str:
        os.write(ours, keys.encode())
        shown, end = "", time.monotonic() + PATIENCE
        while awaited not in shown:
            assert select.select([ours], [], [], max(0.0, end - time.monotonic()))[0], shown
            shown += os.read(ours, 4096).decode()
        return shown

    try:
        type_in(f"{SOURCED}\n", "\nready")
        yield type_in
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


@pytest.mark.parametrize(
    ("begun", "whole"),
    [
        ("changeclothes tr", "changeclothes try-on "),
        ("changeclothes grid --dry", "changeclothes grid --dry-run "),
        ("changeclothes try-on --category dr", "changeclothes try-on --category dresses "),
        ("changeclothes try-on models/an", "changeclothes try-on models/ana.png "),
        ("changeclothes try-on models/ana.png garm", "models/ana.png garments/"),
        ("changeclothes grid --models mod", "changeclothes grid --models models/"),
        ("changeclothes grid --out gar", "changeclothes grid --out garments/"),
        ("changeclothes ledger mod", "changeclothes ledger models/"),
    ],
)
def test_bash_completes(typed: Typed, begun: str, whole: str) -> None:
    """What is begun is completed by Tab as far as there is only one way to go on."""
    assert whole not in begun
    assert whole in typed(f"{begun}\t", whole)


def test_bash_lists_the_commands(typed: Typed) -> None:
    """Where there are several ways, Tab shows them."""
    listed = typed("changeclothes \t\t", "serve")
    assert {"demo", "try-on", "prompt", "grid", "batch", "ledger"} <= set(listed.split())
