"""Count the requests that each client sends for one call whose answer is lost.

    benchmarks/.venv/bin/python -m docs.scripts.lost_answers

Every client runs with its own defaults, apart from a short timeout. What is not installed is left
out. The figures go into `docs/money.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parent.parent / "money.md"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1000)
TIMEOUT = 1.0
LONGEST = 90.0

Call = Callable[[str], Awaitable[object]]


class Server:
    """Reads whole requests, counts them, and answers none: it hangs up, or keeps silent."""

    def __init__(self, *, hangs_up: bool) -> None:
        self._hangs_up = hangs_up
        self.requests = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve on loopback and give the origin."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await _read_body(reader, head.lower())
            self.requests += 1
            if not self._hangs_up:
                await reader.read()
        writer.close()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    length = re.search(rb"\r\ncontent-length: *(\d+)", head)
    if length:
        await reader.readexactly(int(length[1]))
    else:
        await reader.readuntil(b"\r\n0\r\n\r\n")


async def ours(origin: str) -> None:
    """Make one try-on."""
    from changeclothes_async import AsyncChangeClothes

    async with AsyncChangeClothes("sk-count", origin, timeout=TIMEOUT) as client:
        await client.try_on(model=PICTURE, garment=PICTURE, category="dresses")


async def openai(origin: str) -> None:
    """Edit a picture."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="sk-count", base_url=origin, timeout=TIMEOUT) as client:
        await client.images.edit(image=PICTURE, prompt="a dress", model="gpt-image-1")


async def fashn(origin: str) -> None:
    """Start a try-on."""
    from fashn import AsyncFashn

    async with AsyncFashn(api_key="sk-count", base_url=origin, timeout=TIMEOUT) as client:
        await client.predictions.run(
            model_name="tryon-v1.6",
            inputs={"model_image": f"{origin}/m.png", "garment_image": f"{origin}/g.png"},
        )


async def fal_client(origin: str) -> None:
    """Run a model; the library has no option for its origin, so its constant is set."""
    import fal_client.client

    fal_client.client.RUN_URL_FORMAT = origin + "/"
    await fal_client.AsyncClient(key="sk-count").run("try-on", arguments={}, timeout=TIMEOUT)


async def replicate(origin: str) -> None:
    """Create a prediction."""
    from replicate.client import Client

    client = Client(
        api_token="sk-count",  # noqa: S106 - nobody's
        base_url=origin,
        timeout=TIMEOUT,
    )
    await client.predictions.async_create(version="try-on", input={}, wait=False)


CALLS: dict[str, Call] = {
    "changeclothes_async": ours,
    "replicate": replicate,
    "openai": openai,
    "fashn": fashn,
    "fal_client": fal_client,
}


async def count(call: Call, *, hangs_up: bool) -> tuple[int, str]:
    """Make a call whose answer is lost: the requests it took, and the error it ended with."""
    server = Server(hangs_up=hangs_up)
    async with server.running() as origin:
        try:
            async with asyncio.timeout(LONGEST):
                await call(origin)
        except Exception as error:  # each library has its own
            return server.requests, type(error).__name__
    raise AssertionError("A call without an answer cannot end well.")


async def row(name: str) -> str:
    """Count for one client."""
    dropped, error = await count(CALLS[name], hangs_up=True)
    silent, _ = await count(CALLS[name], hangs_up=False)
    version = metadata.version(name.replace("_", "-"))
    return f"| {name} {version} | {dropped} | {silent} | `{error}` |"


async def table() -> str:
    """Count for every client that is installed."""
    rows = await asyncio.gather(*(row(name) for name in CALLS if find_spec(name)))
    head = "| client | the connection drops | no answer within the timeout | error when it drops |"
    return "\n".join([head, "|---|---|---|---|", *rows])


if __name__ == "__main__":
    mark = re.compile(r"(<!-- generated: lost-answers -->\n).*?(<!-- end -->)", re.DOTALL)
    counted = asyncio.run(table())
    PAGE.write_text(mark.sub(rf"\1\n{counted}\n\n\2", PAGE.read_text("utf-8")), "utf-8")
    print(counted)
