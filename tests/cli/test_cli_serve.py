"""`serve`: the sandbox for whatever speaks the API."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from changeclothes_async.cli import commands
from tests.cli.conftest import Shell, Started


def until_ready(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read what it prints up to its last line, and give the environment it names."""
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        said += process.stdout.readline()
    return dict(re.findall(r"export (\w+)=(\S+)", said))


def test_it_serves_until_ctrl_c_and_ends_quietly(
    started: Started, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it prints is all that a client needs; Ctrl-C is its normal end."""
    server = started("serve", "--port", "0", "--credits", "0")
    for name, value in until_ready(server).items():
        monkeypatch.setenv(name, value)
    assert shell("prompt", "models/ana.png", "a red dress").exit_code == 3
    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=60)
    assert server.returncode == 0
    assert err == "\nCalls: 1. Credits taken: 0.\n"


def test_faults_and_the_key_are_as_ordered(
    started: Started, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault without a rate hits every call; the given key is the one that is taken."""
    server = started("serve", "--port", "0", "--fault", "10004", "--api-key", "sandbox-mine")
    environment = until_ready(server)
    assert environment["CHANGECLOTHES_API_KEY"] == "sandbox-mine"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = shell("prompt", "models/ana.png", "a red dress")
    assert done.exit_code == 1
    assert "Correct this job" in done.stderr


def test_results_are_tiny_where_it_is_asked_for(
    started: Started, shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--no-draw` leaves out what takes a core's time, and its picture is a few bytes."""
    for name, value in until_ready(started("serve", "--port", "0", "--no-draw")).items():
        monkeypatch.setenv(name, value)
    assert shell("prompt", "models/ana.png", "a red dress").stdout == "look.png\n"
    assert (folder / "look.png").stat().st_size < 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "this machine alone"),
        (("--fault", "20001@lots"), "no rate"),
        (("--fault", "nonsense"), "not a fault"),
        (("--latency", "long"), "0.5-2"),
        (("--latency", "nan"), "is not a time"),
        (("--latency", "2-0.5"), "is not a time"),
        (("--port", "99999"), "65535"),
    ],
)
def test_wrong_options_are_named(words: tuple[str, ...], said: str) -> None:
    """Exit code 2 and what may be written instead."""
    done = CliRunner().invoke(commands.changeclothes, ["serve", *words])
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_taken_port_is_named() -> None:
    """Another program's port is no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(commands.changeclothes, ["serve", "--port", port])
    assert done.exit_code == 2
    assert "--port" in done.stderr


def test_a_missing_extra_is_named() -> None:
    """Without what it draws with it says what to install."""
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from changeclothes_async.cli import main\n"
        "sys.argv = ['changeclothes', 'serve', '--port', '0']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "lacks cv2: pip install" in done.stderr
