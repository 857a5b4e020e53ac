"""The fenced blocks of a Markdown page, and how each kind of them is run.

Python is run in order, in one namespace for a page, with top-level await. A block with a title is
a file of that name; one named test_….py is then run by pytest. Each line of a `bash` block is a
command of ours. What cannot be run says why:
`<!-- not run: the reason -->` in the line before.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from changeclothes_async import AsyncChangeClothes
from changeclothes_async.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line its text begins at."""

    kind: str
    title: str | None
    text: str
    line: int
    reason: str | None


def found(page: Path) -> Iterator[Block]:
    """Give the blocks of a page in order."""
    content = page.read_text("utf-8")
    for match in _BLOCK.finditer(content):
        line = content.count("\n", 0, match.start("text"))
        yield Block(match["kind"], match["title"], match["text"], line, match["reason"])


def run(page: Path) -> list[Block]:
    """Run the blocks of a page in the working folder; give those that were run."""
    with asyncio.Runner() as runner:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        can = [block for block in found(page) if block.reason is None]
        ran = [block for block in can if _run(block, page, namespace, runner)]
        if isinstance(client := namespace.get("client"), AsyncChangeClothes):
            runner.run(client.aclose())
    return ran


def _run(block: Block, page: Path, namespace: dict[str, Any], runner: asyncio.Runner) -> bool:
    if block.title:
        _write(block.title, block.text)
    elif block.kind == "python":
        _execute(block, page, namespace, runner)
    elif block.kind == "bash":
        for line in block.text.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                _command(command, page)
    else:
        return False
    return True


def _write(title: str, text: str) -> None:
    Path(title).write_text(text, "utf-8")
    if title.startswith("test_"):
        pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", title)
        done = subprocess.run(pytest, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _execute(block: Block, page: Path, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    # The empty lines make a traceback name the page's own line.
    text = "\n" * block.line + block.text
    code = compile(text, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(_awaited(code, namespace))
    else:  # it may call asyncio.run itself
        exec(code, namespace)  # noqa: S102 - the page's own code


async def _awaited(code: Any, namespace: dict[str, Any]) -> None:
    await eval(code, namespace)  # noqa: S307 - the page's own code


def _command(line: str, page: Path) -> None:
    program, *words = shlex.split(line, comments=True)
    if words == ["demo"]:  # takes long, and has tests of its own
        return
    assert program == "changeclothes", f"{page}: {line}"
    done = CliRunner().invoke(commands.changeclothes, words, prog_name="changeclothes")
    assert done.exit_code == 0, f"{page}: {line}\n{done.output}"
