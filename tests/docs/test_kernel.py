"""A live notebook: the bar below its cell, and its stop button, in a real kernel."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async.sandbox import Sandbox
from tests.docs import kernels

pytest.importorskip("jupyter_client", reason="running notebooks is in the dependency group `docs`")
pytest.importorskip("ipykernel", reason="running notebooks is in the dependency group `docs`")

BEGIN = """\
import json
from changeclothes_async import AsyncChangeClothes, Grid

client = AsyncChangeClothes({key!r}, {url!r}, max_concurrency=2)
grid = Grid("photos/models", "photos/garments")
"""
RUN = """\
lookbook = await client.run_grid(grid, "lookbook", progress=True)
print(json.dumps({
    "stopped": lookbook.stopped and str(lookbook.stopped),
    "saved": [cell.name for cell in lookbook.saved],
    "unsure": [cell.name for cell in lookbook.unsure],
}))
"""
FIRST = ["ana__summer-flowers", "ana__striped-tee"]
ALL = [*FIRST, "kofi__summer-flowers", "kofi__striped-tee"]


@pytest.fixture
async def kernel(folder: Path) -> AsyncIterator[kernels.Kernel]:
    """Give a kernel in the working folder, whose grid has four cells."""
    async with kernels.running(folder) as kernel:
        yield kernel


async def test_the_bar_is_one_output_that_changes(kernel: kernels.Kernel) -> None:
    """It is shown once and then updated under its name, up to the last picture."""
    with Sandbox(draw=False, faults=["slow:0.6"]) as sandbox:
        await kernel.run(BEGIN.format(key=sandbox.api_key, url=sandbox.url))
        cell = await kernel.run(RUN)
    shown, *updates = cell.of("display_data", "update_display_data")
    assert shown["data"]["text/plain"].startswith("0/4 saved")
    assert len(updates) > 1
    assert {update["transient"]["display_id"] for update in updates} == {
        shown["transient"]["display_id"]
    }
    assert updates[-1]["data"]["text/plain"].startswith("4/4 saved, 4 calls sent, ")
    assert len(cell.of("display_data")) == 1


async def test_interrupting_the_kernel_lets_what_is_paid_for_arrive(kernel: kernels.Kernel) -> None:
    """The cell ends with its lookbook, nothing is unsure, and run again it sends the rest."""
    with Sandbox(draw=False, faults=["slow:1", "slow:1"]) as sandbox:
        await kernel.run(BEGIN.format(key=sandbox.api_key, url=sandbox.url))
        cell = kernel.start(RUN)
        await _on_the_wire(cell, sandbox, 2)
        await kernel.interrupt()
        assert _told(await kernel.end(cell)) == {
            "stopped": "interrupted", "saved": FIRST, "unsure": []
        }  # fmt: skip
        assert sandbox.charges == 2
        assert _told(await kernel.run(RUN)) == {"stopped": None, "saved": ALL, "unsure": []}
        assert sandbox.charges == 4


async def test_interrupting_it_again_stops_at_once_and_names(kernel: kernels.Kernel) -> None:
    """What gets no answer is named unsure, and the cell run again does not send it."""
    with Sandbox(draw=False, faults=["stall:after_request"] * 2) as sandbox:
        await kernel.run(BEGIN.format(key=sandbox.api_key, url=sandbox.url))
        cell = kernel.start(RUN)
        await _on_the_wire(cell, sandbox, 2)
        await kernel.interrupt()
        await cell.until(lambda: "interrupt again" in _bar(cell))
        await kernel.interrupt()
        assert _told(await kernel.end(cell)) == {
            "stopped": "interrupted", "saved": [], "unsure": FIRST
        }  # fmt: skip
        assert _told(await kernel.run(RUN)) == {
            "stopped": None, "saved": ALL[2:], "unsure": FIRST
        }  # fmt: skip
        assert sandbox.charges == 4


async def test_a_cell_without_a_run_is_interrupted_as_ever(kernel: kernels.Kernel) -> None:
    """After a run the stop button is the kernel's own again."""
    with Sandbox(draw=False) as sandbox:
        await kernel.run(BEGIN.format(key=sandbox.api_key, url=sandbox.url))
        cell = kernel.start(f"{RUN}\nimport asyncio; print('begun'); await asyncio.sleep(3600)")
        await cell.until(lambda: "begun" in cell.said)
        await kernel.interrupt()
        await kernel.end(cell)
    assert [error["ename"] for error in cell.of("error")] == ["CancelledError"]


async def test_a_call_that_fails_shows_the_cell_and_what_was_wrong(kernel: kernels.Kernel) -> None:
    """Its traceback does not lead through the library, with a ledger or without one."""
    await kernel.run(BEGIN.format(key="key-of-tests", url="http://127.0.0.1:9"))
    await kernel.run("with_ledger = AsyncChangeClothes('key', 'http://127.0.0.1:9', ledger='l.db')")
    for name in ("client", "with_ledger"):
        call = f"await {name}.try_on(model='nope.png', garment='nope.png', category='dresses')"
        await _fails(kernel, call, "NotAnImage", "nope.png does not exist")


async def test_a_picture_that_is_gone_is_told_as_briefly(kernel: kernels.Kernel) -> None:
    """Its traceback does not lead through the attempts to fetch it."""
    with Sandbox(draw=False) as sandbox:
        await kernel.run(BEGIN.format(key=sandbox.api_key, url=sandbox.url))
        gone = f"{sandbox.url}/gone.png"
        await _fails(kernel, f"await client.picture({gone!r}).bytes()", "DownloadFailed", gone, 30)


async def _fails(kernel: kernels.Kernel, code: str, kind: str, words: str, most: int = 16) -> None:
    [error] = (await kernel.end(kernel.start(code))).of("error")
    assert error["ename"] == kind
    lines = "\n".join(error["traceback"]).splitlines()
    assert words in lines[-1]
    assert len(lines) <= most


async def _on_the_wire(cell: kernels.Cell, sandbox: Sandbox, count: int) -> None:
    """Wait until so many calls have arrived whole."""
    await cell.until(lambda: sum(call.complete for call in sandbox.calls) == count)


def _bar(cell: kernels.Cell) -> str:
    """Give what the bar says; nothing before it is there."""
    shown = cell.of("display_data", "update_display_data")
    return str(shown[-1]["data"]["text/plain"]) if shown else ""


def _told(cell: kernels.Cell) -> Any:
    assert not cell.of("error"), cell.of("error")
    return json.loads(cell.said)
