"""The example apps, started for real and driven over HTTP; one page of them in a browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from changeclothes_async.sandbox import Sandbox
from tests import chromium, samples
from tests.docs import apps

pytestmark = pytest.mark.parametrize(
    "name",
    [
        "aiohttp",
        pytest.param(
            "fastapi",
            marks=pytest.mark.skipif(
                not (find_spec("fastapi") and find_spec("uvicorn")),
                reason="FastAPI and uvicorn are in the dependency group `test`",
            ),
        ),
    ],
)

Visitor = Callable[..., Any]


@pytest.fixture
async def visitor(name: str, folder: Path) -> AsyncIterator[Visitor]:
    """Start an app against a sandbox and give a session that visits it."""
    async with AsyncExitStack() as stack:

        async def visit(sandbox: Sandbox, **options: str) -> aiohttp.ClientSession:
            address = await stack.enter_async_context(
                apps.running(name, sandbox, folder, **options)
            )
            return await stack.enter_async_context(aiohttp.ClientSession(address))

        yield visit


def form(photograph: bytes, garment: str = "striped-tee") -> aiohttp.FormData:
    fields = aiohttp.FormData()
    fields.add_field("photograph", photograph, filename="me.png", content_type="image/png")
    fields.add_field("garment", garment)
    return fields


async def post(visitor: aiohttp.ClientSession, photograph: bytes) -> tuple[int, Any, Any]:
    async with visitor.post("/looks", data=form(photograph)) as answer:
        return answer.status, await answer.json(), answer.headers


async def reached(sandbox: Sandbox, count: int) -> None:
    while len(sandbox.calls) < count:  # noqa: ASYNC110 - a list tells nobody that it has grown
        await asyncio.sleep(0.01)


async def test_a_photograph_becomes_a_look(visitor: Visitor) -> None:
    """Upload, call, picture: one charge, and an address of the app's own."""
    async with Sandbox(draw=False) as sandbox:
        session = await visitor(sandbox)
        async with session.get("/garments") as answer:
            assert await answer.json() == ["summer-flowers", "striped-tee"]
        status, told, _ = await post(session, samples.PNG)
        assert status == 200
        async with session.get("/" + told["picture"]) as answer:
            assert answer.status == 200
            assert (await answer.read()).startswith(b"\x89PNG")
        assert sandbox.charges == 1
        assert sandbox.calls[0].fields["category"] == "upper_body"


@pytest.mark.parametrize("address", ["/looks", "/grids"])
async def test_what_is_no_picture_is_said_to_the_visitor(visitor: Visitor, address: str) -> None:
    """A visitor's mistake is a 422 in a visitor's words; nothing is sent, and no grid begins."""
    async with Sandbox(draw=False) as sandbox:
        session = await visitor(sandbox)
        async with session.post(address, data=form(b"no picture at all")) as answer:
            assert answer.status == 422
            told = await answer.json()
        assert told == {"detail": "This file is not a picture. A JPEG, PNG or WebP will do."}
        assert sandbox.calls == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("10005", "This picture cannot be used."),
        ("10004", "This picture could not be used. Please send a JPEG, PNG or WebP."),
    ],
)
async def test_what_the_service_refuses_is_said_in_a_visitor_s_words(
    visitor: Visitor, code: str, words: str
) -> None:
    """No code of the API reaches whoever visits."""
    async with Sandbox(draw=False, faults=[code]) as sandbox:
        session = await visitor(sandbox)
        status, told, _ = await post(session, samples.PNG)
        assert (status, told) == (422, {"detail": words})


async def test_what_is_missing_is_said_as_json(visitor: Visitor) -> None:
    """The page reads every refusal: of a form without a photograph, and of an unknown garment."""
    async with Sandbox(draw=False) as sandbox:
        session = await visitor(sandbox)
        for data, status in (({"garment": "striped-tee"}, 422), (form(samples.PNG, "hat"), 404)):
            async with session.post("/looks", data=data) as answer:
                assert answer.status == status
                assert isinstance((await answer.json())["detail"], str)


async def test_without_garments_it_does_not_start(name: str, folder: Path) -> None:
    """It says in words what to set, instead of serving an empty page."""
    async with Sandbox(draw=False) as sandbox:
        with pytest.raises(AssertionError, match=r"There are no garments in .*Set GARMENTS"):
            async with apps.running(name, sandbox, folder, GARMENTS="nowhere"):
                pass


async def test_the_account_s_trouble_is_not_the_visitor_s(visitor: Visitor) -> None:
    """Whoever visits does not learn that the credits are used up."""
    async with Sandbox(draw=False, credits=0) as sandbox:
        session = await visitor(sandbox)
        status, told, _ = await post(session, samples.PNG)
        assert (status, told) == (502, {"detail": "That did not work."})


async def test_a_full_house_says_so_and_who_leaves_leaves_the_queue(visitor: Visitor) -> None:
    """One on the wire, one waiting, one gets 503; the one who waited goes, and is never sent."""
    async with Sandbox(draw=False, faults=["slow:2"]) as sandbox:
        session = await visitor(sandbox, AT_ONCE="1", WAITING="1")
        first = asyncio.create_task(post(session, samples.png(1001)))
        await reached(sandbox, 1)
        two = {asyncio.create_task(post(session, samples.png(size))) for size in (1002, 1003)}
        [refused], [waiting] = await asyncio.wait(two, return_when=asyncio.FIRST_COMPLETED)
        status, _, headers = refused.result()
        assert (status, headers["Retry-After"]) == (503, "5")
        waiting.cancel()
        assert (await first)[0] == 200
        assert (await post(session, samples.png(1004)))[0] == 200
        sizes = [call.pictures["modelImg"].size for call in sandbox.calls]
        assert sizes == [1001, 1004]


async def test_a_call_on_the_wire_arrives_for_the_next_who_asks(visitor: Visitor) -> None:
    """A visitor goes away in the middle; the same request later is answered and not paid again."""
    async with Sandbox(draw=False, faults=["slow:0.5"]) as sandbox:
        session = await visitor(sandbox)
        gone = asyncio.create_task(post(session, samples.PNG))
        await reached(sandbox, 1)
        gone.cancel()
        assert (await post(session, samples.PNG))[0] == 200
        assert len(sandbox.calls) == sandbox.charges == 1


async def test_a_grid_tells_how_it_goes_and_leaves_a_gallery(visitor: Visitor) -> None:
    """Events count up to the gallery's address; the ledger beside it is not given out."""
    async with Sandbox(draw=False) as sandbox:
        session = await visitor(sandbox)
        async with session.post("/grids", data=form(samples.PNG)) as answer:
            assert answer.status == 202
            number = (await answer.json())["id"]
        async with session.get(f"/grids/{number}/events") as answer:
            assert answer.content_type == "text/event-stream"
            lines = (await answer.text()).split("\n\n")
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        assert events[-1] == {
            "saved": 2,
            "total": 2,
            "gallery": f"pictures/{number}/index.html",
        }
        async with session.get("/" + events[-1]["gallery"]) as answer:
            assert "you" in await answer.text()
        for hidden in (f"{number}/ledger.db", "ledger.db", "../photos/models/ana.png"):
            async with session.get(f"/pictures/{hidden}") as answer:
                assert answer.status == 404
        assert sandbox.charges == 2


in_a_browser = pytest.mark.skipif(chromium.PATH is None, reason="there is no chromium on PATH")
SAID = "document.querySelector('#said').textContent"
BUSY = "[...document.querySelectorAll('button')].map((button) => button.disabled)"


@in_a_browser
async def test_the_page_shows_the_look(name: str, folder: Path) -> None:
    """In a browser: choose a photograph, choose a garment, press the button, see the picture."""
    async with (
        Sandbox() as sandbox,
        apps.running(name, sandbox, folder) as address,
        chromium.page() as page,
    ):
        await page.open(address)
        await page.until("document.querySelectorAll('#garments img').length === 2")
        await apps.choose(page, "[name=photograph]", folder / "model.jpg")
        await page.click("[name=one]")
        await page.until("document.querySelector('#look').naturalWidth > 100")
        assert page.complaints == []
        assert sandbox.charges == 1


@in_a_browser
async def test_the_page_begins_one_grid_at_a_time(name: str, folder: Path) -> None:
    """The buttons wait for the end, which is a link to the gallery."""
    async with (
        Sandbox(draw=False, faults=["slow:1"]) as sandbox,
        apps.running(name, sandbox, folder) as address,
        chromium.page() as page,
    ):
        await page.open(address)
        await page.until("document.querySelectorAll('#garments img').length === 2")
        await apps.choose(page, "[name=photograph]", folder / "model.jpg")
        await page.click("[name=all]")
        await page.until("document.querySelector('#progress').value > 0")
        assert await page.value(BUSY) == [True, True]
        await page.click("[name=all]")
        await page.until("document.querySelector('#said a')")
        assert await page.value(BUSY) == [False, False]
        assert page.complaints == []
        assert sandbox.charges == 2


@in_a_browser
async def test_the_page_says_when_a_grid_failed(name: str, folder: Path) -> None:
    """A text file, and an account that is used up, are told once, and the buttons are free."""
    (folder / "note.txt").write_text("hello\n")
    async with (
        Sandbox(draw=False, credits=0) as sandbox,
        apps.running(name, sandbox, folder) as address,
        chromium.page() as page,
    ):
        await page.open(address)
        await page.until("document.querySelectorAll('#garments img').length === 2")
        for file, words in (("note.txt", "not a picture"), ("model.jpg", "did not work")):
            await apps.choose(page, "[name=photograph]", folder / file)
            await page.click("[name=all]")
            await page.until(f"{SAID}.includes('{words}')")
            await page.until("!document.querySelector('button').disabled")
        assert len([url for url in page.requests if url.endswith("/events")]) == 1


@in_a_browser
async def test_the_page_suits_a_phone(name: str, folder: Path) -> None:
    """Buttons fit a thumb, garments stand in a row whatever their names, nothing sticks out."""
    tee = folder / "photos/garments/upper_body/striped-tee.png"
    tee.rename(tee.with_stem("a-tee-whose-name-takes-several-lines"))
    async with (
        Sandbox(draw=False) as sandbox,
        apps.running(name, sandbox, folder) as address,
        chromium.page() as page,
    ):
        await page.open(address, 390, 844)
        await page.until("document.querySelectorAll('#garments img').length === 2")
        tops = "[...document.querySelectorAll('#garments img')].map((picture) => picture.y)"
        assert len(set(await page.value(tops))) == 1
        heights = "[...document.querySelectorAll('button')].map((button) => button.offsetHeight)"
        assert min(await page.value(heights)) >= 44
        assert await page.value("document.documentElement.scrollWidth") == 390
