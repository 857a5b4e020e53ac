"""A faulty TCP proxy in this loop: what a network does to a connection, in either direction.

    async with proxy.before(peer.port, up=proxy.Way(limit=9000, then="reset")) as between: ...

`up` is the way from the client to the server, `down` the way back; times are in loop time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from tests import listening

_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Way:
    """What happens to the bytes of one direction, and after `limit` of them.

    `latency` is in seconds a segment, `bandwidth` in bytes a second, `slices` the largest segment.
    """

    latency: float = 0.0
    bandwidth: float = math.inf
    slices: int = 2**16
    limit: float = math.inf
    then: Literal["reset", "close", "half close", "black hole"] = "close"


FINE = Way()


class Proxy:
    """A listening socket before a server's port; it may leave, and come back at the same port."""

    def __init__(self, target: int, up: Way, down: Way) -> None:
        self._target, self._up, self._down = target, up, down
        self._lines: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and reset all connections."""
        assert self._server
        await listening.leave(self._server, self._lines)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._lines.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            await _relay(_Line(reader, far, self._up), _Line(far_reader, writer, self._down))
        except OSError:
            pass
        except asyncio.CancelledError:  # as server tasks are, their end is looked at by nobody
            _reset(writer)
        finally:
            self._lines.discard(task)
            for each in (writer, far):
                if each:
                    each.close()


@dataclass(frozen=True)
class _Line:
    """One direction of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    way: Way

    async def carry(self) -> bool:
        """Carry bytes until their end or the fault; tell whether the other direction goes on."""
        left = self.way.limit
        while left > 0:
            data = await self.reader.read(int(min(self.way.slices, left)))
            if not data:
                self._end()
                return True
            left -= len(data)
            await asyncio.sleep(self.way.latency + len(data) / self.way.bandwidth)
            self.writer.write(data)
            await self.writer.drain()
        return await self._fail()

    async def _fail(self) -> bool:
        if self.way.then == "black hole":
            await asyncio.Event().wait()
        if self.way.then == "half close":
            self._end()
            await asyncio.Event().wait()  # nothing more is read, either
        if self.way.then == "reset":
            _reset(self.writer)
        return False

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self.writer.write_eof()


async def _relay(*lines: _Line) -> None:
    """Carry both directions, until both have ended or one fault ends the connection."""
    tasks = {asyncio.ensure_future(line.carry()) for line in lines}
    try:
        while tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if any(not task.result() for task in done):
                for line in lines if _is_reset(lines) else ():
                    _reset(line.writer)
                return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_reset(lines: Any) -> bool:
    return any(line.way.then == "reset" for line in lines if line.way.limit < math.inf)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def before(port: int, *, up: Way = FINE, down: Way = FINE) -> AsyncIterator[Proxy]:
    """Run a proxy before a port of this machine; its `url` is an origin for a client."""
    proxy = Proxy(port, up, down)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
