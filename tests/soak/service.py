"""A service with 200 connections and 5 % faults, in a process of its own; it counts each charge.

A call is known by the number in its picture's address.

    python -m tests.soak.service SEED SECONDS REFUSALS

prints its origin. A call takes up to so many SECONDS; with REFUSALS it also answers 429 and 503,
which make a client use fewer of its slots. GET /told gives, as JSON, what was charged, and what of
that was never said.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
import sys
from collections import Counter

from tests import peers

CONNECTIONS = 200
FAULTS = 0.05
FREE = ["20001", "HTTP 500", "broken off before it was read"]
LOST = ["lost", "502", "garbage", "damaged"]
REFUSALS = ["429", "503"]

_NUMBER = re.compile(rb"https://pics\.example/(\d+)\.jpg")
_RESET = struct.pack("ii", 1, 0)


class Broken(Exception):
    """The connection is broken off here."""


class Service:
    """Charges calls, and tells or loses its answers."""

    def __init__(self, seed: int, seconds: float, refusals: bool) -> None:
        self.dice, self._seconds = random.Random(seed), seconds
        self._faults = [*FREE, *LOST, *(REFUSALS if refusals else ())]
        self.charges: Counter[int] = Counter()
        self.untold: list[int] = []
        self.faults: Counter[str] = Counter()
        self.most = self.now = 0

    async def serve(self) -> None:
        """Accept as many as there may be, and leave the others in the queue."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        listening.setblocking(False)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        loop, free = asyncio.get_running_loop(), asyncio.Semaphore(CONNECTIONS)
        tasks = set()
        while True:
            await free.acquire()
            sock, _ = await loop.sock_accept(listening)
            task = asyncio.create_task(self._line(sock))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(lambda _: free.release())

    async def _line(self, sock: socket.socket) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            for _ in range(self.dice.randrange(1, 9)):
                answer = await self._answer(reader)
                writer.write(answer.replace(b"\r\n", b"\r\nConnection: keep-alive\r\n", 1))
                await writer.drain()
        except Broken:
            if self.dice.random() < 0.5:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.now -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET"):
            return peers.http(200, json.dumps(self._told()))
        fault = self.dice.choice(self._faults) if self.dice.random() < FAULTS else ""
        self.faults[fault or "none"] += 1
        if fault == "broken off before it was read":
            raise Broken
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        found = _NUMBER.search(body)
        await asyncio.sleep(self.dice.uniform(0, self._seconds))
        return self._said(int(found[1]) if found else -1, fault)

    def _said(self, number: int, fault: str) -> bytes:
        match fault:
            case "429" | "503":
                return peers.http(int(fault), headers={"Retry-After": "0"})
            case "20001":
                return peers.envelope(20001)
            case "HTTP 500":
                return peers.http(500, "<html>", kind="text/html")
        made = self._charged(number)
        if not fault:
            return made
        self.untold.append(number)
        if fault == "lost":
            raise Broken
        answers = {"502": peers.http(502), "garbage": b"MUMBLE\r\n\r\n"}
        return answers.get(fault) or peers.http(200, '{"code": 200, "da')

    def _charged(self, number: int) -> bytes:
        self.charges[number] += 1
        return peers.made(f"http://127.0.0.1:9/{number}.webp")

    def _told(self) -> dict[str, object]:
        return {
            "charges": list(self.charges.items()),
            "untold": self.untold,
            "faults": self.faults,
            "most": self.most,
        }


if __name__ == "__main__":
    seed, seconds, refusals = sys.argv[1:]
    asyncio.run(Service(int(seed), float(seconds), bool(int(refusals))).serve())
