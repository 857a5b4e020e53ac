"""The pages' code: every block runs against the sandbox."""

from __future__ import annotations

import ast
import codeop
from pathlib import Path

import pytest

from changeclothes_async.sandbox import Sandbox
from tests.docs import blocks

TYPED = [page for page in blocks.PAGES if "`python -m asyncio`" in page.read_text("utf-8")]
WITH_CODE = [page for page in blocks.PAGES if any(blocks.found(page))]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_the_code_of_a_page_runs(page: Path, empty_folder: Path, account: Sandbox) -> None:
    """What a page shows works as it stands, in the order in which it is read, and on its own."""
    code = [
        block for block in blocks.found(page) if block.title or block.kind in {"python", "bash"}
    ]
    assert blocks.run(page) == [block for block in code if block.reason is None]


@pytest.mark.parametrize("page", blocks.PAGES, ids=lambda page: page.stem)
def test_every_fence_is_a_block(page: Path) -> None:
    """No block hides from the tests behind an indent or a misspelt fence."""
    fences = page.read_text("utf-8").count("```")
    assert fences == 2 * len(list(blocks.found(page)))


@pytest.mark.parametrize("page", TYPED, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_what_is_said_to_run_in_the_console_does(page: Path) -> None:
    """That reads line by line, and an empty line ends what is indented."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for block in blocks.found(page):
        if block.kind == "python" and not block.title:
            said: list[str] = []
            for line in [*block.text.splitlines(), ""]:
                said.append(line)
                if compiler("\n".join(said)):
                    said.clear()
            assert not any(said), said
