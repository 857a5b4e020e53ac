"""A result on the wire over aiohttp: public addresses only, and never the key.

Errors in the midst of a picture become ours here, or its consumer would take them for the disk's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import yarl

from changeclothes_async import errors, settings
from changeclothes_async.protocol import addresses
from changeclothes_async.transport import engine

_STALLED, _LONGEST = 60.0, 600.0
# What `_guard` refuses with: the number survives where several addresses' errors become one.
_NOT_PUBLIC = errno.EACCES
# Letters of RFC 3986, and no percent sign without its two digits.
_WHOLE = re.compile(r"https?://(?:[\w.~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})+", re.ASCII)


class Downloads:
    """The HTTP session of one event loop for results; it never sees the key."""

    def __init__(self, options: settings.Fetching) -> None:
        self.options = options
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._direct = engine.opened(
            self, keepalive_timeout=engine.IDLE, socket_factory=_guard(options.near)
        )
        # Its proxy resolves names, and a guard would only see the proxy.
        self._through_proxy = engine.opened(self, keepalive_timeout=engine.IDLE)

    async def close(self) -> None:
        """Close it when the downloads under way have ended: what they fetch was paid for."""
        await self._idle.wait()
        await self._direct.close()
        await self._through_proxy.close()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Keep it open for a download, from its first address to its last attempt."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    @contextlib.asynccontextmanager
    async def get(
        self, url: str
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        """Open an address: its status, headers, and chunks.

        Raises DownloadFailed for any failure of the network.
        """
        async with await self._opened(url) as response:
            yield response.status, engine.headers(response), _chunks(response, url)

    async def _opened(self, url: str) -> aiohttp.ClientResponse:
        try:
            proxy = await engine.proxy(url, self.options)
            http = self._through_proxy if proxy else self._direct
            return await http.get(
                _spelled(url),
                headers={"User-Agent": engine.agent(), "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(
                    total=_LONGEST, connect=self.options.connect_timeout, sock_read=_STALLED
                ),
                allow_redirects=False,
                proxy=proxy,
                ssl=self.options.ssl,
            )
        except Exception as error:
            failure = _not_fetched(error, url)
        raise failure


async def _chunks(response: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
        return
    except Exception as error:
        failure = _not_fetched(error, url)
    raise failure


def _not_fetched(error: Exception, url: str) -> errors.DownloadFailed:
    refused = isinstance(error, OSError) and error.errno == _NOT_PUBLIC
    return errors.DownloadFailed(
        f"The result's download failed ({engine.words(error)}).", url=url, final=refused
    )


def host(url: str) -> str:
    """Return the host that is asked for: an address in Japanese digits is one all the same.

    Raises ValueError for what is no address.
    """
    return (_spelled(url).raw_host or "").lower()


def _spelled(url: str) -> yarl.URL:
    """Keep an address as it was given if it is whole: it may be signed letter by letter."""
    return yarl.URL(url, encoded=bool(_WHOLE.fullmatch(url)))


def _guard(near: bool) -> Callable[[Any], socket.socket]:
    """Refuse, at the socket, what only this network can reach; a rebound name does not pass."""

    def guarded(address: Any) -> socket.socket:
        family, kind, protocol, _, (host, *_) = address
        if not (addresses.is_public(host) or (near and addresses.is_loopback(host))):
            raise OSError(_NOT_PUBLIC, f"{host} is not a public address")
        return socket.socket(family, kind, protocol)

    return guarded
