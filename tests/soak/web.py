"""A small web app with thousands of visitors, half of whom go away; its client has a ledger."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web

from changeclothes_async import AsyncChangeClothes, ChangeClothesError, TooManyWaiting
from tests.soak import meters

SLOTS, WAITING, AT_ONCE = 32, 200, 400


def app(client: AsyncChangeClothes) -> web.Application:
    """Make an app whose handler ends with its visitor."""

    async def looks(request: web.Request) -> web.Response:
        url = f"https://pics.example/{request.query['n']}.jpg"
        try:
            look = await client.try_on(url, "https://pics.example/g.jpg", "dresses")
        except TooManyWaiting:
            return web.Response(status=503, headers={"Retry-After": "1"})
        except ChangeClothesError as error:
            return web.json_response({"error": type(error).__name__, "money": error.money})
        return web.json_response({"url": look.result_img_url})

    made = web.Application()
    made.router.add_post("/looks", looks)
    return made


async def visited(visitors: int, seed: int) -> bool:
    """Let them come and go, then let those who left ask again."""
    serving = meters.serving(seed, seconds=1, refusals=True)
    with serving as origin, tempfile.TemporaryDirectory() as folder:
        async with AsyncChangeClothes(
            "key-of-soak",
            origin,
            max_concurrency=SLOTS,
            max_waiting=WAITING,
            ledger=Path(folder) / "ledger.db",
        ) as client:
            runner = web.AppRunner(app(client), handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            ends, left = await _crowd(f"http://127.0.0.1:{port}/looks", visitors, seed)
            while client.stats.in_flight:  # noqa: ASYNC110 - nobody else waits for these
                await asyncio.sleep(0.05)
            before = await asyncio.to_thread(meters.told, origin)
            paid = [number for number in left if number in before["charges"]]
            again = await _again(f"http://127.0.0.1:{port}/looks", paid)
            after = await asyncio.to_thread(meters.told, origin)
            await runner.cleanup()
        closed = meters.held()
    twice = [number for number, times in after["charges"].items() if times > 1]
    untold = set(after["untold"])
    wasted = [
        number
        for number, said in zip(paid, again, strict=True)
        if "url" not in said and number not in untold
    ]
    print(f"{visitors:,} visitors, {AT_ONCE} at once: {dict(ends)}")
    print(
        f"{len(left):,} left, {len(paid):,} of them charged; asked again: "
        f"{sum('url' in said for said in again):,} results, "
        f"{sum('url' not in said for said in again):,} named unsure or damaged"
    )
    print(f"charges {sum(after['charges'].values()):,}, wasted {len(wasted)}, twice {len(twice)}")
    print(f"closed: {closed}")
    return not wasted and not twice and ends[503] > 0 and closed.tasks == 1


async def _crowd(url: str, visitors: int, seed: int) -> tuple[Counter[int | str], list[int]]:
    dice, door = random.Random(seed), asyncio.Semaphore(AT_ONCE)
    ends: Counter[int | str] = Counter()
    left: list[int] = []

    async def visit(session: aiohttp.ClientSession, number: int) -> None:
        patience = dice.expovariate(1) if dice.random() < 0.5 else 120
        async with door:
            try:
                async with asyncio.timeout(patience), session.post(f"{url}?n={number}") as answer:
                    await answer.read()
                    ends[answer.status] += 1
            except TimeoutError:
                ends["left"] += 1
                left.append(number)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*[visit(session, number) for number in range(visitors)])
    return ends, left


async def _again(url: str, numbers: list[int]) -> list[dict[str, str]]:
    said: list[dict[str, str]] = []
    async with aiohttp.ClientSession() as session:
        for number in numbers:
            async with session.post(f"{url}?n={number}") as answer:
                said.append(await answer.json())
    return said
