"""The page to try the API on in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from changeclothes_async.sandbox import Sandbox
from tests import chromium

driven = pytest.mark.skipif(
    chromium.PATH is None, reason="chromium is not on PATH; the page cannot be driven"
)


async def test_the_page_holds_all_it_needs(session: aiohttp.ClientSession) -> None:
    """It knows the key, names no other place than this one, and may load from no other."""
    async with (
        Sandbox(draw=False, api_key="k</script>'\"") as sandbox,
        session.get(sandbox.url) as response,
    ):
        page = await response.text()
    assert response.status == 200
    assert response.content_type == "text/html"
    (facts,) = re.findall(r"^const facts = (.*);$", page, re.MULTILINE)
    assert json.loads(facts) == {"key": "k</script>'\"", "models": [], "garments": {}}
    assert page.count("</script>") == 1
    # The name space of an SVG is a name, and nothing is loaded from it.
    assert set(re.findall(r"https?://[^\s'\"`$]+", page)) == {"http://www.w3.org/2000/svg"}
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


async def test_nothing_is_kept_by_the_browser(session: aiohttp.ClientSession) -> None:
    """Another sandbox may stand on the same port tomorrow, with other pictures and another key."""
    async with Sandbox(draw=False) as sandbox:
        for path in ("/", "/results/1.png"):
            async with session.get(sandbox.url + path) as response:
                assert response.headers["Cache-Control"] == "no-store"


@pytest.fixture
async def page() -> AsyncIterator[chromium.Page]:
    async with chromium.page() as opened:
        yield opened
        assert opened.complaints == []


@driven
async def test_a_call_goes_through_the_page(page: chromium.Page) -> None:
    """Each endpoint is called by a click; the page shows what came, and loads nothing else."""
    async with Sandbox() as sandbox:
        await page.open(sandbox.url)
        await page.click("#go")
        await page.until("document.querySelector('#mask img')?.complete")
        assert (await page.value("said.textContent")).startswith("code 200")
        assert await page.value("document.querySelector('#result img').naturalWidth") == 768
        await page.value("document.querySelector('[value=prompt]').click()")
        await page.value("seed.value = 7")
        await page.click("#go")
        await page.until("said.textContent.endsWith('seed 7')")
        assert [call.charged for call in sandbox.calls] == [1, 1]
        assert [url for url in page.requests if not url.startswith((sandbox.url, "about:"))] == []


@driven
async def test_a_failure_is_told_by_the_page(page: chromium.Page) -> None:
    """It shows the envelope's code and words, or that there was none."""
    async with Sandbox(faults=["10005", "html:200"]) as sandbox:
        await page.open(sandbox.url)
        for told in ("10005: HARMFUL_CONTENT", "No readable answer: "):
            await page.click("#go")
            await page.until(
                f"said.classList.contains('bad') && said.textContent.startsWith('{told}')"
            )
            assert await page.value("document.querySelector('#result img')") is None


@driven
@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_the_page_fits_its_window(page: chromium.Page, width: int) -> None:
    """Nothing is wider than a phone, and on usual ones a choice stands on one line."""
    async with Sandbox() as sandbox:
        await page.open(sandbox.url, width=width)
        await page.until("document.querySelector('#garments img')?.complete")
        assert await page.value("document.documentElement.scrollWidth") == width
        lines = await page.value(
            "new Set([...document.querySelectorAll('[name=category]')]"
            ".map((choice) => choice.parentElement.offsetTop)).size"
        )
        assert lines == 1 or width < 360
