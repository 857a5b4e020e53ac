"""A server that drains what it is sent and answers at once; it must never be the bottleneck.

* A request is a head with a Content-Length and that many bytes, which nobody looks at.
* The answer depends on the path alone: each peer's service has a shape of its own.
* With `--median` each answer waits a lognormal time, drawn in the order of arrival.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
from collections.abc import Iterator

# One pixel, lossless.
PICTURE = bytes.fromhex(
    "52494646 1a000000 57454250 5650384c 0d000000 2f000000 10071011118888fe0700"
)
DEFAULT_MEDIAN, SIGMA, SEED = 0.0, 0.6, 7

# One for all connections: what arrives is overwritten unread, so nothing can be mixed up.
_drain = memoryview(bytearray(256 * 1024))


def waits(median: float) -> Iterator[float]:
    """Draw the waits of a sink with this median: seconds, endless, the same in every process."""
    draw = random.Random(SEED)
    while True:
        yield draw.lognormvariate(math.log(median), SIGMA) if median else 0.0


def _http(body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answers(origin: str) -> dict[bytes, bytes]:
    """Encode the answer to each path that some peer calls."""
    look = {"resultImgUrl": f"{origin}/look.webp", "maskImgUrl": f"{origin}/look.webp"}
    envelope = {"code": 200, "data": {**look, "cacheHit": False}}
    bodies = {
        b"/api/openapi/change-clothes-ai": envelope,
        b"/v1/images/edits": {"created": 1, "data": [{"url": look["resultImgUrl"]}]},
        b"/v1/run": {"id": "1", "error": None},
    }
    ready = {
        path: _http(json.dumps(it).encode(), "application/json") for path, it in bodies.items()
    }
    return ready | {b"/look.webp": _http(PICTURE, "image/webp")}


class Drain(asyncio.BufferedProtocol):
    """One connection: a head, a body thrown away, an answer, and again."""

    def __init__(self, ready: dict[bytes, bytes], delays: Iterator[float]) -> None:
        self._ready, self._delays = ready, delays
        self._head = b""
        self._left = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the one buffer of the process."""
        del sizehint
        return _drain

    def buffer_updated(self, nbytes: int) -> None:
        """Count a body's bytes; what is not a body's belongs to a head."""
        if self._left > nbytes:
            self._left -= nbytes
        elif self._left:
            self._finish()
        else:
            self._begin(bytes(_drain[:nbytes]))

    def _begin(self, arrived: bytes) -> None:
        self._head += arrived
        head, blank, body = self._head.partition(b"\r\n\r\n")
        if not blank:
            return
        self._head = b""
        self._answer = self._ready[head.split(b" ", 2)[1]]
        self._left = _content_length(head) - len(body)
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        self._left = 0
        delay = next(self._delays)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._transport.write, self._answer)
        else:
            self._transport.write(self._answer)


def _content_length(head: bytes) -> int:
    before, found, after = head.lower().partition(b"\r\ncontent-length:")
    if not found and before.startswith(b"post"):
        raise ValueError("The sink drains bodies of a known length: send a Content-Length.")
    return int(after.split(b"\r\n", 1)[0]) if found else 0


async def serve(median: float) -> None:
    """Listen on a free port of 127.0.0.1, print the origin, serve until killed."""
    ready: dict[bytes, bytes] = {}
    delays = waits(median)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Drain(ready, delays), "127.0.0.1", 0, backlog=4096)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ready |= answers(origin)
    print(origin, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--median", type=float, default=DEFAULT_MEDIAN, help="seconds")
    asyncio.run(serve(parser.parse_args().median))
