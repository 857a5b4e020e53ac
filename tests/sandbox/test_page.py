"""The page to try the API on in a browser."""

from __future__ import annotations

import json
import re

import aiohttp

from changeclothes_async.sandbox import Sandbox


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
