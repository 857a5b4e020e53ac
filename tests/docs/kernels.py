"""A notebook's kernel without its notebook: cells go in, and what would be shown comes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Cell:
    """A cell that was started, and what the kernel publishes about it."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self.ended = asyncio.Event()

    def take(self, message: dict[str, Any]) -> None:
        """Take in a message."""
        self._messages.append(message)
        if message["content"].get("execution_state") == "idle":
            self.ended.set()

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Give the contents of the messages of these kinds, in their order."""
        return [each["content"] for each in self._messages if each["msg_type"] in kinds]

    @property
    def said(self) -> str:
        """What it printed."""
        return "".join(content["text"] for content in self.of("stream"))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, while this cell runs."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                assert not self.ended.is_set(), self.of("error")
                await asyncio.sleep(0.01)


class Kernel:
    """A kernel in a process of its own."""

    def __init__(self, manager: Any, client: Any) -> None:
        self._manager, self._client = manager, client
        self._cells: dict[str, Cell] = {}

    def start(self, code: str) -> Cell:
        """Start a cell and give it while it runs."""
        return self._cells.setdefault(self._client.execute(code), Cell())

    async def end(self, cell: Cell) -> Cell:
        """Wait for the end of a cell."""
        async with asyncio.timeout(PATIENCE):
            await cell.ended.wait()
        return cell

    async def run(self, code: str) -> Cell:
        """Run a cell to its end; one that raises fails the test."""
        cell = await self.end(self.start(code))
        assert not cell.of("error"), cell.of("error")
        return cell

    async def interrupt(self) -> None:
        """Do what the notebook's stop button does."""
        await self._manager.interrupt_kernel()

    async def listen(self) -> None:
        """Take in what the kernel publishes, until cancelled."""
        while True:
            message = await self._client.get_iopub_msg()
            if cell := self._cells.get(message["parent_header"].get("msg_id")):
                cell.take(message)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Kernel]:
    """Start a kernel in `folder`, and end it."""
    from jupyter_client.manager import start_new_async_kernel

    manager, client = await start_new_async_kernel(kernel_name="python3", cwd=str(folder))
    kernel = Kernel(manager, client)
    listening = asyncio.create_task(kernel.listen())
    try:
        yield kernel
    finally:
        listening.cancel()
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
