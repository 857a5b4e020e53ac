"""What a user writes, for type checkers alone: every type as it should be, every slip refused.

`make check` reads it, and `make package` with the installed package. Nobody runs it. Where a
comment says `type: ignore`, both checkers have to refuse the line, and say so if they do not.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import io
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

import aiohttp
from pydantic import SecretStr

from changeclothes_async import (
    AsyncChangeClothes,
    Category,
    ChangeByPrompt,
    ChangeClothesError,
    Event,
    Failure,
    Grid,
    ImageSource,
    Job,
    Look,
    Money,
    Outcome,
    Picture,
    Raw,
    RunOptions,
    Success,
    TryOn,
    __version__,
)


class Upload:
    async def read(self, size: int = -1) -> bytes:
        return b""


class Drawn:
    def getbands(self) -> tuple[str, ...]:
        return ("L",)

    def save(self, fp: io.BytesIO, format: str | None = None, **params: object) -> None:  # noqa: A002 - Pillow's
        pass


def told(event: Event) -> None:
    assert_type(event.attempt, int)
    assert_type(__version__, str)


drawn, read = Drawn(), Upload()
data = (b"a", bytearray(b"a"), memoryview(b"a"))
pictures: list[ImageSource] = ["a.jpg", Path("a.jpg"), *data, io.BytesIO(), read, drawn]
named: Mapping[str, Path] = {"a": Path("a.jpg")}


async def calls(session: aiohttp.ClientSession, tls: ssl.SSLContext) -> None:
    AsyncChangeClothes(SecretStr("a-key"), session=session, ssl=tls, on_event=told)
    async with AsyncChangeClothes("a-key", trace_configs=[aiohttp.TraceConfig()]) as client:
        assert_type(client, AsyncChangeClothes)
        look = await client.try_on("model.jpg", io.BytesIO(), "dresses")
        assert_type(look, Look)
        assert_type(look.seed, int | None)
        assert_type(client.picture(look.url), Picture)
        assert_type(client.with_options(deadline=None), AsyncChangeClothes)
        with open("model.jpg", "rb") as file:
            await client.change_by_prompt(file, "a blue shirt", seed=7)


async def covered(client: AsyncChangeClothes, text: str) -> None:
    await client.try_on("a.jpg", "b.jpg", Category.DRESSES)
    await client.gather(
        TryOn(model="a.jpg", garment="b.jpg", category=each) for each in (*Category, Category(text))
    )
    Grid("models", "garments", "upper_body")


async def many(client: AsyncChangeClothes) -> None:
    outcomes = await client.gather([TryOn(model="a.jpg", garment=b"b", category="dresses")])
    assert_type(outcomes, list[Outcome])
    assert_type([outcome.unwrap() for outcome in outcomes], list[Look])
    jobs = [ChangeByPrompt(model=Path("a.jpg"), prompt="red", seed=7)]
    async for outcome in client.as_completed(jobs):
        assert_type(outcome.job, Job)
        if outcome.error is None:
            await outcome.result.save(f"out/{outcome.index}.webp")
        else:
            print(outcome.error.money)


def narrowed(outcome: Outcome) -> None:
    if outcome.ok is True:
        assert_type(outcome, Success)
    else:
        assert_type(outcome, Failure)
    match outcome:
        case Success(result=look):
            assert_type(look, Look)
        case Failure(error=error):
            assert_type(error, ChangeClothesError)


async def narrowed_by_truth(outcome: Outcome) -> None:
    # mypy's alone: pyright narrows by what a member is, and not by whether it is true.
    if outcome.ok:
        await outcome.result.save("look.webp")
    else:
        print(outcome.error.money)  # pyright: ignore[reportOptionalMemberAccess]


async def runs(client: AsyncChangeClothes) -> None:
    grid = Grid(pictures, named, "dresses", garment_desc="a red dress")
    options: RunOptions = {"max_calls": 7, "progress": True}
    lookbook = await client.run_grid(grid, "out", cluster=4, on_event=told)
    await client.run_batch("jobs.csv", "out", **options)
    await client.plan_batch([TryOn(model=b"a", garment="b", category="dresses")], "out")
    cell = lookbook["a", "b"]
    assert_type(cell.path, Path | None)
    assert_type(cell.money, Money)
    assert_type(lookbook.stopped, ChangeClothesError | None)


def raw(error: ChangeClothesError) -> bytes:
    assert_type(error.raw, Raw | None)
    assert_type(error.money, Money)
    return error.raw.body if error.raw else b""


async def wrong(client: AsyncChangeClothes, outcome: Outcome) -> None:
    AsyncChangeClothes(5)  # type: ignore
    AsyncChangeClothes("a-key", ssl=False)  # type: ignore
    AsyncChangeClothes("a-key", session=5)  # type: ignore
    AsyncChangeClothes("a-key", retrys=5)  # type: ignore
    await client.try_on(5, "b.jpg", "dresses")  # type: ignore
    await client.try_on(io.StringIO(), "b.jpg", "dresses")  # type: ignore
    TryOn(model=5, garment="b.jpg", category="dresses")  # type: ignore
    await client.try_on("a.jpg", "b.jpg", "upper_boddy")  # type: ignore
    TryOn(model="a.jpg", garment="b.jpg", category="dress")  # type: ignore
    Grid("models", "garments", "dress")  # type: ignore
    Grid("models", "garments", colour="red")  # type: ignore
    Grid(5, "garments")  # type: ignore
    await client.run_batch("jobs.csv", "out", max_call=5)  # type: ignore
    await client.plan_batch("jobs.csv", "out", retry_failed="x")  # type: ignore
    await client.run_grid(Grid("models", "garments"), "out", progress=5)  # type: ignore
    await client.run_grid(Grid("models", "garments"), "out", cluster=5.5)  # type: ignore
    client.with_options(deadline="x")  # type: ignore
    print(outcome.error.money)  # type: ignore
