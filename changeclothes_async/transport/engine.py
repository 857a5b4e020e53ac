"""aiohttp as calls and downloads use it: its sessions, and its errors in words."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import urllib.request
import weakref
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yarl

import changeclothes_async
from changeclothes_async import settings
from changeclothes_async.protocol import addresses, redaction, texts

# A server may close an idle connection at the very moment of its reuse, and the request is then
# unsure. Connections idle for longer are not used again; the least patient servers wait for 2 s.
IDLE = 1.0
_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")


def opened(
    owner: object,
    trace_configs: Iterable[aiohttp.TraceConfig] = (),
    **terms: Any,
) -> aiohttp.ClientSession:
    """Open a session with a pool on these `terms`; it goes away with its owner at the latest.

    It trusts no environment by itself: with its proxies aiohttp would take credentials out of a
    netrc, which do not go together with a key, and which no result's host shall see.
    """
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, **terms),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(trace_configs),
    )
    weakref.finalize(owner, _dropped, http, os.getpid())
    return http


def _dropped(http: aiohttp.ClientSession, process: int) -> None:
    """Let go of a session that nobody closed and whose loop is over: aiohttp would complain.

    A forked child leaves the connections as they are: closing one would take it out of the epoll
    that the child shares with its parent, whose answer would then never be noticed.
    """
    connector = http.connector
    http.detach()
    if connector is None:
        return
    if os.getpid() == process:
        connector._close()  # noqa: SLF001 - its close() wants a loop that goes on
    else:
        connector._closed = True  # noqa: SLF001 - or it would close itself when it is collected


async def proxy(url: str, options: settings.Settings | settings.Fetching) -> yarl.URL | None:
    """Return the proxy that an address is asked through: the one given, or the environment's.

    Plain http is for this machine, and goes through a proxy on it alone: it would be read there.
    """
    given = options.proxy
    if not given and options.trust_env:
        given = await _in_environment(url)
    if not given:
        return None
    found = _address(given)
    is_plain = urlsplit(url).scheme == "http"
    return None if is_plain and not addresses.is_loopback(found.host or "") else found


async def _in_environment(url: str) -> str | None:
    parts = urlsplit(url)
    # In a thread, as some systems ask a name server; debug mode shows what a thread returns.
    if await asyncio.to_thread(urllib.request.proxy_bypass, parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _address(proxy: str) -> yarl.URL:
    """Take a proxy's address apart; aiohttp's own error about it would repeat its password."""
    try:
        found = yarl.URL(proxy)
    except ValueError:
        found = yarl.URL()
    if found.scheme not in {"http", "https"} or not found.host:
        raise aiohttp.InvalidURL("the proxy's, which is no http:// or https:// address")
    return found


@functools.cache
def agent() -> str:
    """Return the User-Agent of all requests."""
    return f"changeclothes-async/{changeclothes_async.__version__}"


def words(error: Exception, secret: str = "") -> str:
    """Describe an error of aiohttp's on one line, without a `secret` or a proxy's password."""
    name, said = f"{type(error).__name__}: ", str(error)
    if isinstance(error, aiohttp.ClientResponseError):
        said = error.message
    elif isinstance(error, aiohttp.ClientSSLError):
        pass  # a connector's error too, which tells more than the system's words
    elif isinstance(error, aiohttp.ClientConnectorError):
        why = error.strerror or error.os_error
        name, said = "", f"Cannot connect to {error.host}:{error.port}: {why}"
    said = texts.on_a_line(_LOGIN.sub("", " ".join(said.split())))
    said = redaction.Redactor(secret).in_cut(said)[:300]  # cut first, a piece would stay
    return f"{name}{said}" if said else type(error).__name__


def headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return an answer's headers, their names in lower case."""
    return {name.lower(): value for name, value in response.headers.items()}
