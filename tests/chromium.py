"""A headless Chromium driven over its DevTools protocol, for the tests of the gallery."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

PATH = shutil.which("chromium")

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-port=0"),
)
_TEXTS = {"Enter": "\r"}
_CODES = {"Enter": 13, "Escape": 27}  # without them the browser itself takes no notice


class Page:
    """One page: what it asked for, what it complained of, and its JavaScript at hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
                continue
            params = said.get("params", {})
            match said["method"]:
                case "Page.loadEventFired":
                    self._loaded.set()
                case "Network.requestWillBeSent":
                    self.requests.append(params["request"]["url"])
                case "Log.entryAdded":
                    self.complaints.append(params["entry"]["text"])
                case "Runtime.exceptionThrown":
                    self.complaints.append(json.dumps(params["exceptionDetails"]))

    async def send(self, method: str, **params: Any) -> Any:
        """Say something to the browser and give its answer."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        said = await answer
        assert "error" not in said, said
        return said["result"]

    async def open(self, url: str, width: int = 1400, height: int = 1000) -> None:
        """Load a page in a window of that size."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        self._loaded.clear()
        await self.send("Page.navigate", url="about:blank")
        await self._loaded.wait()
        self._loaded.clear()
        await self.send("Page.navigate", url=url)
        await self._loaded.wait()

    async def value(self, expression: str) -> Any:
        """Give what an expression of JavaScript comes to, promises awaited."""
        said = await self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression of JavaScript is true, looked at in every frame."""
        await self.value(
            "new Promise((done) => {const look = () => "
            f"({condition}) ? done() : requestAnimationFrame(look); look();}})"
        )

    async def press(self, key: str) -> None:
        """Press a key and let go of it."""
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": _CODES.get(key, 0)}
        text = {"text": _TEXTS[key]} if key in _TEXTS else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def click(self, selector: str) -> None:
        """Click into the middle of the first element that fits."""
        x, y = await self.value(
            f"(() => {{const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2];})()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def shoot(self, path: Path) -> None:
        """Take a picture of the window."""
        said = await self.send("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(said["data"]))


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """Start a browser with one page, and end it."""
    assert PATH
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = await asyncio.create_subprocess_exec(
            *(PATH, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with _connected(await _port(browser)) as opened:
                yield opened
        finally:
            browser.kill()
            await browser.communicate()


async def _port(browser: asyncio.subprocess.Process) -> int:
    assert browser.stderr
    async for line in browser.stderr:
        if b"DevTools listening on ws://127.0.0.1:" in line:
            return int(line.split(b":")[2].split(b"/")[0])
    raise AssertionError("Chromium ended before it could be spoken to.")


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (address,) = [
                target["webSocketDebuggerUrl"]
                for target in await answer.json()
                if target["type"] == "page"
            ]
        async with session.ws_connect(address, max_msg_size=0) as socket:
            opened = Page(socket)
            listener = asyncio.create_task(opened.listen())
            for domain in ("Page", "Network", "Log", "Runtime"):
                await opened.send(f"{domain}.enable")
            yield opened
        await listener
