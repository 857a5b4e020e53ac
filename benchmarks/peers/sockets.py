"""The floor: requests encoded ahead on blocking sockets, files by `sendfile`, answers unread.

Nothing that does the work can cost less: no loop, no checks, and one round of `in_flight` requests
goes out before the first answer is looked at.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from benchmarks.peers import KEY, PATH, Carry
from benchmarks.workloads import CATEGORY, Job, Picture

_BOUNDARY = "d0f4c3b2a1908f7e"
_Pieces: TypeAlias = tuple[bytes | Path, ...]


@lru_cache
def _request(model: Picture, garment: Picture) -> _Pieces:
    """Bytes and files in turn."""
    parts = [*_part("modelImg", model), *_part("garmentImg", garment)]
    parts += _part("category", CATEGORY) + _part("garmentDesc", "a lime draped dress")
    parts.append(f"--{_BOUNDARY}--\r\n".encode())
    length = sum(it.stat().st_size if isinstance(it, Path) else len(it) for it in parts)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    return tuple(_joined([head.encode(), *parts]))


def _part(name: str, value: str | Path) -> list[bytes | Path]:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if isinstance(value, Path):
        file = f'{head}; filename="{name}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        return [file.encode(), value, b"\r\n"]
    return [f"{head}\r\n\r\n{value}\r\n".encode()]


def _joined(pieces: list[bytes | Path]) -> list[bytes | Path]:
    """Make neighbouring bytes one."""
    joined: list[bytes | Path] = []
    for piece in pieces:
        if joined and isinstance(piece, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _send(wire: socket.socket, pieces: _Pieces) -> None:
    for piece in pieces:
        if isinstance(piece, Path):
            with piece.open("rb") as file:
                sent, size = 0, os.fstat(file.fileno()).st_size
                while sent < size:
                    sent += os.sendfile(wire.fileno(), file.fileno(), sent, size - sent)
        else:
            wire.sendall(piece, 0 if piece is pieces[-1] else socket.MSG_MORE)


@asynccontextmanager
async def peer(origin: str, in_flight: int) -> AsyncIterator[Carry]:
    """See the module's first lines; the loop stands still meanwhile, nobody else is on it."""
    url = urlsplit(origin)
    with ExitStack() as stack:
        address = (url.hostname, url.port)
        wires = [stack.enter_context(socket.create_connection(address)) for _ in range(in_flight)]
        for wire in wires:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        async def carry(jobs: Iterable[Job]) -> None:
            queue = iter(jobs)
            while batch := list(islice(queue, in_flight)):
                for wire, job in zip(wires, batch, strict=False):
                    _send(wire, _request(job.model, job.garment))
                for wire, _ in zip(wires, batch, strict=False):
                    wire.recv(65536)

        yield carry
