"""What a browser gets: the page to try the API on, the drawn pictures and the results."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from aiohttp import web

from changeclothes_async.sandbox import endpoints, formats, wire

_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)
_PLACES = f"the endpoints are {' and '.join(sorted(endpoints.PATHS))}, the page is /"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def answer(
    request: web.BaseRequest, studio: endpoints.AnyStudio, api_key: str
) -> web.Response:
    """Answer a GET; the page holds the sandbox's key, so that it can call the endpoints."""
    if request.path == "/":
        response = await _page(studio, api_key)
    elif picture := await studio.find(request.path):
        content_type = formats.mime(picture[: formats.HEAD]) or "application/octet-stream"
        response = web.Response(body=picture, content_type=content_type, headers=_HEADERS)
    else:
        return wire.failure(404, f"there is nothing at {request.path}; {_PLACES}")
    if request.method not in ("GET", "HEAD"):
        return wire.failure(405, f"{request.path} takes only GET", allow="GET, HEAD")
    return response


async def _page(studio: endpoints.AnyStudio, api_key: str) -> web.Response:
    facts = json.dumps({"key": api_key, **await studio.drawn()})
    text = _template().replace("/*facts*/null", facts.replace("<", "\\u003c"))
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type="text/html", headers=headers)


@cache
def _template() -> str:
    return resources.files("changeclothes_async.sandbox").joinpath("page.html").read_text("utf-8")
