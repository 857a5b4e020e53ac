"""A small ASGI app with thousands of visitors, half of whom go away; its client has a ledger."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from changeclothes_async import AsyncChangeClothes, ChangeClothesError, TooManyWaiting
from tests.soak import meters

SLOTS, WAITING, AT_ONCE = 32, 200, 400
PATIENT = 120.0
"""Seconds; a visitor who waits as long waits in vain."""


def app(client: AsyncChangeClothes) -> Any:
    """Make an app whose call ends with its visitor."""

    async def looks(scope: Any, receive: Any, send: Any) -> None:
        call = asyncio.create_task(_called(client, scope["query_string"].decode()))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                status, said = call.result()
                headers = [(b"retry-after", b"1")] if status == 503 else []
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": json.dumps(said).encode()})
        finally:
            call.cancel()
            gone.cancel()

    return looks


async def _called(client: AsyncChangeClothes, number: str) -> tuple[int, dict[str, str]]:
    url = f"https://pics.example/{number}.jpg"
    try:
        look = await client.try_on(url, "https://pics.example/g.jpg", "dresses")
    except TooManyWaiting:
        return 503, {}
    except ChangeClothesError as error:
        return 200, {"error": type(error).__name__, "money": error.money}
    return 200, {"url": look.result_img_url}


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextlib.asynccontextmanager
async def _running(client: AsyncChangeClothes) -> AsyncIterator[str]:
    """Serve the app; gives its address."""
    options: dict[str, Any] = {"lifespan": "off", "log_level": "error"}
    server = uvicorn.Server(uvicorn.Config(app(client), port=0, **options))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@dataclass
class Crowd:
    """What became of the visitors."""

    url: str
    dice: random.Random
    ends: Counter[str] = field(default_factory=Counter)
    left: list[int] = field(default_factory=list)
    longest: float = 0.0

    async def come(self, visitors: int) -> None:
        """Let all come, so many at once; half of them are patient."""
        door = asyncio.Semaphore(AT_ONCE)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*[self._visit(session, door, n) for n in range(visitors)])

    async def _visit(
        self, session: aiohttp.ClientSession, door: asyncio.Semaphore, number: int
    ) -> None:
        patience = self.dice.expovariate(1) if self.dice.random() < 0.5 else PATIENT
        async with door:
            began = time.monotonic()
            try:
                async with asyncio.timeout(patience):
                    while not await self._served(session, number):
                        self.ends["shed"] += 1
                        await asyncio.sleep(1)
                self.longest = max(self.longest, time.monotonic() - began)
            except TimeoutError:
                self.ends["waited in vain" if patience == PATIENT else "left"] += 1
                self.left.append(number)

    async def _served(self, session: aiohttp.ClientSession, number: int) -> bool:
        async with session.post(f"{self.url}?{number}") as answer:
            said = await answer.json(content_type=None)
        if answer.status == 200:
            self.ends[said.get("error", "results")] += 1
        return answer.status == 200

    async def again(self, numbers: list[int]) -> list[dict[str, str]]:
        """Let some ask once more, one after the other; gives what they are told."""
        said: list[dict[str, str]] = []
        async with aiohttp.ClientSession() as session:
            for number in numbers:
                async with session.post(f"{self.url}?{number}") as answer:
                    said.append(await answer.json(content_type=None))
        return said


async def visited(visitors: int, seed: int) -> bool:
    """Let them come and go, then let those who left ask again."""
    with (
        meters.serving(seed, seconds=1, refusals=True) as origin,
        tempfile.TemporaryDirectory() as folder,
    ):
        before, began = meters.held(), time.monotonic()
        async with (
            AsyncChangeClothes(
                "key-of-soak",
                origin,
                max_concurrency=SLOTS,
                max_waiting=WAITING,
                ledger=Path(folder) / "ledger.db",
            ) as client,
            _running(client) as url,
        ):
            crowd = Crowd(url, random.Random(seed))
            await crowd.come(visitors)
            while client.stats.in_flight:  # noqa: ASYNC110 - nobody else waits for these
                await asyncio.sleep(0.05)
            seconds, last = time.monotonic() - began, meters.held()
            charged = (await asyncio.to_thread(meters.told, origin))["charges"]
            paid = [number for number in crowd.left if number in charged]
            again = await crowd.again(paid)
            told = await asyncio.to_thread(meters.told, origin)
        closed = meters.held()
    twice = [number for number, times in told["charges"].items() if times > 1]
    found = {number for number, said in zip(paid, again, strict=True) if "url" in said}
    wasted = set(paid) - found - set(told["untold"])
    print(f"{visitors:,} visitors, {AT_ONCE} at once, in {seconds:.0f} s: {dict(crowd.ends)}")
    print(f"the longest wait of one who was answered: {crowd.longest:.1f} s")
    print(
        f"{len(crowd.left):,} left, {len(paid):,} of them charged; asked again: "
        f"{len(found):,} results, {len(paid) - len(found):,} named unsure or damaged"
    )
    print(f"charges {sum(told['charges'].values()):,}, wasted {len(wasted)}, twice {len(twice)}")
    print(f"before: {before}; at the end: {last}; closed: {closed}")
    held = closed.tasks == 1 and closed.files <= before.files
    in_vain = crowd.ends["waited in vain"]
    return not wasted and not twice and not in_vain and crowd.ends["shed"] > 0 and held
