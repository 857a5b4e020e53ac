"""What a browser gets: the page to try the API on, the drawn pictures and the results."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from aiohttp import web

from changeclothes_async.sandbox import endpoints, formats

_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def answer(
    request: web.BaseRequest, studio: endpoints.AnyStudio, api_key: str
) -> web.Response:
    """Answer a GET; the page holds the sandbox's key, so that it can call the endpoints."""
    if request.method not in ("GET", "HEAD"):
        return web.Response(status=405, headers={"Allow": "GET"}, text="Only GET.\n")
    if request.path == "/":
        return await _page(studio, api_key)
    picture = await studio.find(request.path)
    if picture is None:
        text = f"There is nothing at {request.path}. The page is at /.\n"
        return web.Response(status=404, text=text)
    content_type = formats.mime(picture[: formats.HEAD]) or "application/octet-stream"
    return web.Response(body=picture, content_type=content_type, headers=_HEADERS)


async def _page(studio: endpoints.AnyStudio, api_key: str) -> web.Response:
    facts = json.dumps({"key": api_key, **await studio.drawn()})
    text = _template().replace("/*facts*/null", facts.replace("<", "\\u003c"))
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type="text/html", headers=headers)


@cache
def _template() -> str:
    return resources.files(__package__).joinpath("page.html").read_text("utf-8")
