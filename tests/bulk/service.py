"""A small service for runs: both ends of a call, with every charge counted by cell.

Pictures are sent as addresses under PICS, so the cell of a request can be read in its body. A
`reply` decides what a request is answered; None charges it and makes it. Run as a script it counts
into a file, as a process of its own that outlives whoever is killed:

    python -m tests.bulk.service CHARGES [SECONDS]
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

from changeclothes_async import AsyncChangeClothes, Grid
from changeclothes_async.bulk.ledger.ledger import Ledger
from tests import listening, peers, samples

PICS = "https://pics.example/"
G0 = f"{PICS}g0.jpg"

BUSY = peers.envelope(0, status=429)
AWAY = peers.envelope(0, status=503)
FAILED = peers.envelope(20001)
HARMFUL = peers.envelope(10005)
NO_CREDITS = peers.envelope(10003)
GONE = peers.http(410, "gone", kind="text/plain")

_PICS = re.compile(rb"https://pics\.example/([\w-]+)\.jpg")

Reply = Callable[[str], Awaitable[bytes | None]]


async def _made(cell: str) -> bytes | None:
    return None


class Service:
    """A server on loopback; `calls` are the whole requests it got, `charges` those it charged."""

    def __init__(
        self, reply: Reply = _made, *, charge: Callable[[str], None] | None = None
    ) -> None:
        self.reply = reply
        self.calls: list[str] = []
        self.charges: list[str] = []
        self.downloads: list[str] = []
        self.masks = False
        self.busy = self.most = 0
        self.picture: Callable[[str], bytes] = picture
        self._charge = charge or self.charges.append
        self._port = 0
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen; after a stop, on the same port again."""
        self._server = await asyncio.start_server(
            self._line, "127.0.0.1", self._port, backlog=1024, limit=2**20
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break all connections off."""
        if self._server:
            await listening.leave(self._server, self._lines)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def charge(self, cell: str) -> None:
        """Count a charge, also for what is not answered."""
        self._charge(cell)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._lines.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head, reader))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, Cut):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._lines.discard(task)
            writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        if head.startswith(b"GET "):
            path = head.split(b" ", 2)[1].decode()
            self.downloads.append(path)
            return self.picture(path)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        cell = _cell(body)
        self.calls.append(cell)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            said = await self.reply(cell)
        finally:
            self.busy -= 1
        if said is not None:
            return said
        self.charge(cell)
        mask = {"maskImgUrl": f"{self.url}/{cell}-mask.png"} if self.masks else {}
        return peers.made(f"{self.url}/{cell}.png", **mask)


class Cut(Exception):
    """Raised by a reply: the connection is closed without an answer."""


def _cell(body: bytes) -> str:
    found = _PICS.findall(body)
    return b"__".join(found).decode() if found else hashlib.sha256(_files(body)).hexdigest()[:8]


def _files(body: bytes) -> bytes:
    """Give what was sent, without the boundary, which differs from call to call."""
    return body.replace(body.split(b"\r\n", 1)[0].removeprefix(b"--"), b"")


def picture(path: str) -> bytes:
    """Each cell's picture is another one, so that a mix-up would be seen."""
    return peers.http(200, samples.PNG + path.encode(), kind="image/png")


def named(what: str, count: int) -> list[str]:
    """Make addresses of pictures, such as m0, m1 and m2."""
    return [f"{PICS}{what}{n}.jpg" for n in range(count)]


def grid(models: int, garments: int) -> Grid:
    """Make a grid of addresses, which costs no uploads; its first cell is m0__g0."""
    return Grid(named("m", models), named("g", garments), category="dresses")


def twice(cells: Iterable[str]) -> list[str]:
    """Name what was charged more than once."""
    return [cell for cell, times in Counter(cells).items() if times > 1]


def failing(answers: dict[str, list[bytes]], otherwise: bytes | None = None) -> Reply:
    """Answer these cells with these in turn, and then as all others."""

    async def reply(cell: str) -> bytes | None:
        left = answers.get(cell)
        return left.pop(0) if left else otherwise

    return reply


async def cut(cell: str) -> bytes:
    """Close every connection without an answer."""
    raise Cut


async def states(out: Path) -> dict[str, int]:
    """Count the jobs of a folder's ledger by state; states that hold none are left out."""
    book = await Ledger.open(out / "ledger.db", read_only=True)
    counts = await book.counts()
    await book.close()
    return {state.value: count for state, count in counts.items() if count}


def quick(client: AsyncChangeClothes) -> AsyncChangeClothes:
    """Give the same client with pauses of milliseconds between its attempts."""
    patient = client.with_options()
    options = patient._caller.options
    patient._caller.options = replace(options, retry=replace(options.retry, base=0.001))
    return patient


async def _serve(charges: Path, seconds: float) -> None:
    file = os.open(charges, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    dice = random.Random(seconds)

    async def reply(cell: str) -> bytes | None:
        # Charged first, then worked on: who is killed meanwhile has paid.
        os.write(file, f"{cell}\n".encode())
        await asyncio.sleep(dice.uniform(0, seconds))
        return None

    async with Service(reply, charge=lambda _: None) as service:
        print(service.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(service.most, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
