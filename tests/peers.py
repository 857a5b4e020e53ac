"""Scripted peers on loopback: raw sockets, a case in a few lines, and a log of what was charged.

A script is a coroutine function of a `Line`, one connection of a client:

    async with peers.serve(peers.answering(peers.MADE)) as peer: ...

The first connection gets the first script and so on; further ones get the last. The log
(`peer.charges`) holds every request that the machine of the peer has whole, also one that no script
has read, since that is what a service might charge for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import multipart

KEY = "canary-9f8e7d6c5b4a"
RESULT = "https://results.example/1.webp"
MASK = "https://results.example/1-mask.webp"

_KEPT = 2**24


@dataclass(frozen=True)
class Request:
    """A request that arrived whole; of a big body only size and digest are kept."""

    method: str
    path: str
    headers: dict[str, str]
    size: int
    digest: str
    body: bytes = field(repr=False)
    at: float
    """When it was whole, in loop time."""

    @property
    def fields(self) -> dict[str, bytes]:
        """The form's fields by name."""
        boundary = self.headers["content-type"].partition("boundary=")[2]
        parser = multipart.MultipartParser(
            io.BytesIO(self.body), boundary, spool_limit=_KEPT, memory_limit=2 * _KEPT
        )
        return {part.name: part.raw for part in parser}


class Gone(Exception):
    """The client has closed the connection."""


class _Incoming:
    """Cuts what arrives into whole requests."""

    def __init__(self, whole: Callable[[Request], None]) -> None:
        self._whole = whole
        self._start()

    def _start(self) -> None:
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._pending = b""
        self._left = 0
        self._size = 0
        self._digest = hashlib.sha256()
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        while data:
            if self._head is None:
                head, end, data = (self._pending + data).partition(b"\r\n\r\n")
                if not end:
                    self._pending = head
                    return
                self._head = _parsed(head.decode("latin-1"))
                self._left = int(self._head[2].get("content-length", 0))
            taken, data = data[: self._left], data[self._left :]
            self._take(taken)
            if not self._left:
                self._whole(self._request(*self._head))
                self._start()

    def _request(self, method: str, path: str, headers: dict[str, str]) -> Request:
        now = asyncio.get_running_loop().time()
        body = bytes(self._body)
        return Request(method, path, headers, self._size, self._digest.hexdigest(), body, now)

    def _take(self, data: bytes) -> None:
        self._left -= len(data)
        self._size += len(data)
        self._digest.update(data)
        if self._size <= _KEPT:
            self._body += data


class Line:
    """One connection, as a script sees it."""

    def __init__(self, peer: Peer, sock: socket.socket) -> None:
        self.peer = peer
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._requests: list[Request] = []
        self._incoming = _Incoming(self._whole)
        self.received = 0

    def _whole(self, request: Request) -> None:
        self._requests.append(request)
        self.peer.charges.append(request)

    def _take(self, data: bytes) -> None:
        self.received += len(data)
        self.peer.heard += data[: max(0, 10_000 - len(self.peer.heard))]
        self._incoming.feed(data)

    async def read(self, most: int = 2**20) -> None:
        """Read some bytes; raises Gone at their end."""
        try:
            data = await self._loop.sock_recv(self._sock, most)
        except OSError:
            data = b""
        if not data:
            raise Gone
        self._take(data)

    async def request(self) -> Request:
        """Read one whole request."""
        while not self._requests:
            await self.read()
        return self._requests.pop(0)

    async def send(self, data: bytes) -> None:
        """Send bytes; raises Gone where nobody takes them."""
        try:
            await self._loop.sock_sendall(self._sock, data)
        except OSError:
            raise Gone from None

    async def hold(self) -> None:
        """Read whatever comes, until the client goes."""
        while True:
            await self.read()

    async def ignore(self) -> None:
        """Do not even read, until the peer is closed."""
        await asyncio.Event().wait()

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        self.drain()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def drain(self) -> None:
        """Log what has arrived but no script has read."""
        with contextlib.suppress(OSError):  # nothing more is there, or the client has reset
            while data := self._sock.recv(2**16):
                self._take(data)

    def close(self) -> None:
        self.drain()
        self._sock.close()


Script = Callable[[Line], Awaitable[None]]


class Peer:
    """A listening socket; what was charged, what was heard, and how many connections came."""

    def __init__(self, *scripts: Script, buffer: int = 0) -> None:
        self.charges: list[Request] = []
        self.heard = bytearray()
        self.connections = 0
        self._scripts = scripts
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listening.setblocking(False)
        if buffer:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._tasks: set[asyncio.Task[None]] = set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._listening)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            self._begin(self._serve(script, Line(self, sock)))

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, script: Script, line: Line) -> None:
        try:
            await script(line)
        except Gone:
            pass
        finally:
            line.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Peer]:
        """Serve in this loop; the port stays when it ends."""
        self._begin(self._listen())
        try:
            yield self
        finally:
            while self._tasks:
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks)

    def close(self) -> None:
        self._listening.close()


@contextlib.asynccontextmanager
async def serve(*scripts: Script, buffer: int = 0) -> AsyncIterator[Peer]:
    """Run a peer; its `url` is an origin for a client, `buffer` what its system takes unread."""
    with contextlib.closing(Peer(*scripts, buffer=buffer)) as peer:
        async with peer.running():
            yield peer


@contextlib.asynccontextmanager
async def serve_tls(context: ssl.SSLContext) -> AsyncIterator[tuple[str, bytearray]]:
    """Run a TLS server that answers MADE; gives its origin and all that it could decrypt."""
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests: list[Request] = []
        incoming = _Incoming(requests.append)
        while not requests and (data := await reader.read(2**16)):
            heard.extend(data)
            incoming.feed(data)
        writer.write(MADE)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


def http(
    status: int = 200,
    body: bytes | str = b"",
    *,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Frame an answer with its exact length."""
    content = body.encode() if isinstance(body, str) else body
    lines = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1") + content


def envelope(code: int, *, status: int = 200, msg: str = "said", **headers: str) -> bytes:
    """Frame an answer with the envelope of a failure."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http(status, json.dumps({"code": code, "msg": msg}), headers=named)


def made(url: str = RESULT, **data: Any) -> bytes:
    """Frame an answer with a result."""
    return http(200, json.dumps({"code": 200, "data": {"resultImgUrl": url, **data}}))


MADE = made(maskImgUrl=MASK, cacheHit=False)


def answering(*answers: bytes) -> Script:
    """Answer each whole request with the next of these, and further ones with the last."""
    left = list(answers)

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await line.send(left.pop(0) if len(left) > 1 else left[0])

    return script


def answering_once(answer: bytes) -> Script:
    """Answer one whole request and close."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(answer)

    return script


def trickling(answer: bytes, pause: float = 1.0) -> Script:
    """Answer one whole request, a byte every so many seconds of loop time."""

    async def script(line: Line) -> None:
        await line.request()
        for byte in answer:
            await line.send(bytes([byte]))
            await asyncio.sleep(pause)
        await line.hold()

    return script


def waiting(gate: asyncio.Event, answer: bytes) -> Script:
    """Answer each whole request once the gate is open."""

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await gate.wait()
            await line.send(answer)

    return script


def early(answer: bytes) -> Script:
    """Answer as soon as the first bytes come, then read on."""

    async def script(line: Line) -> None:
        await line.read(2**10)
        await line.send(answer)
        await line.hold()

    return script


def cutting(after: int) -> Script:
    """Reset the connection once so many bytes have been read."""

    async def script(line: Line) -> None:
        while line.received < after:
            await line.read(after - line.received)
        line.reset()

    return script


def stalling(after: int) -> Script:
    """Stop reading once so many bytes have been read."""

    async def script(line: Line) -> None:
        while line.received < after:
            await line.read(after - line.received)
        await line.ignore()

    return script


def thinking(seconds: float, answer: bytes) -> Script:
    """Answer each whole request after so many seconds of loop time."""

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await asyncio.sleep(seconds)
            await line.send(answer)

    return script


async def silent(line: Line) -> None:
    """Read the whole request and never answer."""
    await line.request()
    await line.hold()


async def closing(line: Line) -> None:
    """Read the whole request and close."""
    await line.request()


async def resetting(line: Line) -> None:
    """Read the whole request and reset."""
    await line.request()
    line.reset()


async def deaf(line: Line) -> None:
    """Accept, and read nothing at all."""
    await line.ignore()


async def slamming(line: Line) -> None:
    """Reset as soon as the connection is accepted."""
    line.reset()


def free_port() -> int:
    """Give a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _parsed(head: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (re.split(r":\s*", line, maxsplit=1) for line in lines)
    return method, path, {name.lower(): value for name, value in pairs}
