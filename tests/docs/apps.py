"""The example apps as processes of their own, on free ports of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from changeclothes_async.sandbox import Sandbox
from tests import chromium, peers
from tests.docs.blocks import ROOT

EXAMPLES = ROOT / "docs" / "examples"

COMMANDS = {
    "aiohttp": ("{examples}/aiohttp_app.py",),
    "fastapi": (
        *("-m", "uvicorn", "--app-dir", "{examples}", "fastapi_app:app"),
        *("--port", "{port}", "--no-access-log"),
    ),
}


@asynccontextmanager
async def running(name: str, sandbox: Sandbox, folder: Path, **options: str) -> AsyncIterator[str]:
    """Start an app in `folder`, wait until it serves, give its address, and end it."""
    port = str(peers.free_port())
    app = await asyncio.create_subprocess_exec(
        sys.executable,
        *(word.format(examples=EXAMPLES, port=port) for word in COMMANDS[name]),
        cwd=folder,
        env={
            **os.environ,
            "CHANGECLOTHES_BASE_URL": sandbox.url,
            "CHANGECLOTHES_API_KEY": sandbox.api_key,
            "GARMENTS": "photos/garments",
            "PORT": port,
            "PYTHONUNBUFFERED": "1",
            **options,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        await _serving(app)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            app.kill()
        await app.communicate()


async def _serving(app: asyncio.subprocess.Process) -> None:
    assert app.stdout
    said = b""
    async for line in app.stdout:
        said += line
        if b"unning on http" in line:
            return
    raise AssertionError(said.decode())


async def choose(page: chromium.Page, selector: str, file: Path) -> None:
    """Choose a file in a form, as no script of a page may."""
    document = await page.send("DOM.getDocument")
    found = await page.send(
        "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector
    )
    await page.send("DOM.setFileInputFiles", nodeId=found["nodeId"], files=[str(file)])
