"""The command as a whole: help, version, what it needs and what it loads."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from changeclothes_async.cli import commands, parameters
from changeclothes_async.protocol import fields
from changeclothes_async.transport import preparing

HEAVY = {"aiohttp", "asyncio", "pydantic", "rich", "PIL", "numpy", "sqlite3", "tenacity"}


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", commands.changeclothes.commands)
def test_every_command_s_help_shows_examples(name: str) -> None:
    """Help ends with lines that can be copied."""
    done = CliRunner().invoke(commands.changeclothes, [name, "--help"], prog_name="changeclothes")
    assert done.exit_code == 0
    assert f"changeclothes {name}" in done.stdout.partition("Examples:")[2]


def test_help_names_the_exit_codes_and_where_the_key_comes_from() -> None:
    """What a script needs to know stands in the first help."""
    done = CliRunner().invoke(commands.changeclothes, ["--help"])
    for said in ("CHANGECLOTHES_API_KEY", "CHANGECLOTHES_BASE_URL", "130  interrupted", "_source"):
        assert said in done.stdout


def test_without_a_word_the_help_can_be_paged() -> None:
    """It is on stdout; the exit code is click's own for it."""
    done = CliRunner().invoke(commands.changeclothes, [])
    assert (done.exit_code, done.stderr) == (2, "")
    assert "Commands:" in done.stdout


def test_no_option_takes_a_real_key() -> None:
    """A key on the command line could be read by others; only the sandbox's own may be given."""
    taking = {
        name
        for name, command in commands.changeclothes.commands.items()
        if any("key" in str(parameter.name) for parameter in command.params)
    }
    assert taking == {"serve"}


def test_the_version_is_the_package_s() -> None:
    """It is read from what is installed."""
    done = CliRunner().invoke(commands.changeclothes, ["--version"], prog_name="changeclothes")
    assert done.stdout == f"changeclothes, version {version('changeclothes-async')}\n"


def test_the_categories_are_the_api_s() -> None:
    """They are written out for the sake of a quick help, and stay the same."""
    assert tuple(category.value for category in fields.Category) == parameters.CATEGORIES


def test_the_edge_is_the_library_s() -> None:
    """It is written out for the same reason."""
    assert preparing.EDGE == parameters.EDGE


def test_help_loads_nothing_heavy() -> None:
    """No engine is imported before a command needs it."""
    done = python(
        "import sys; from changeclothes_async.cli import commands; "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"


def test_without_click_the_command_names_what_to_install() -> None:
    """One sentence, exit code 2, no traceback."""
    done = python(
        "import sys; from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, *more):\n"
        "        return None if name == 'click' else PathFinder.find_spec(name, *more)\n"
        "sys.meta_path = [Without if each is PathFinder else each for each in sys.meta_path]\n"
        "from changeclothes_async.cli import main; main()"
    )
    assert done.returncode == 2
    assert done.stderr == "The command line needs: pip install 'changeclothes-async[cli]'\n"
