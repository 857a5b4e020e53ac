"""A shell with the sandbox's account in its environment and a few pictures in its folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from changeclothes_async.cli import commands
from changeclothes_async.sandbox import Sandbox
from tests import samples

Shell = Callable[..., Result]
Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the working folder: two models, and a garment of two categories each."""
    for number, name in enumerate(
        ("models/ana", "models/ben", "garments/upper_body/tee", "garments/dresses/gown"), 1
    ):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(samples.png(200 + number))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox in a thread, since each command runs an event loop of its own."""
    with Sandbox(draw=False, credits=1000) as sandbox:
        yield sandbox


@pytest.fixture
def shell(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Run a command as a shell would, in this process."""
    _in_environment(sandbox, monkeypatch)
    return lambda *words: CliRunner().invoke(
        commands.changeclothes, [str(word) for word in words], prog_name="changeclothes"
    )


@pytest.fixture
def started(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Start commands in processes of their own, for signals; none outlives the test."""
    _in_environment(sandbox, monkeypatch)
    processes = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "changeclothes_async", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _in_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", sandbox.url)
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", sandbox.api_key)
