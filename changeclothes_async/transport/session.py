"""One attempt on the wire over aiohttp; its errors become ours here.

Rules of this file:

* aiohttp's exceptions stay inside: they carry the request's headers, so the key, and cannot be
  pickled. They are turned into values in the `except` block and raised after it, so that not
  even `__context__` leads to them.
* What a failure means is decided by phase (`Upload.sent_whole`), never by its type: aiohttp raises
  the same types before and after a request was whole.
* The key goes into each request's own headers: a session's defaults would go to every host.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import re
import socket
import ssl
import urllib.request
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from importlib import metadata
from typing import Any

import aiohttp
import yarl

from changeclothes_async import errors, settings
from changeclothes_async.protocol import addresses, answers
from changeclothes_async.transport import uploads

# A server may close an idle connection at the very moment of its reuse, and the request is then
# unsure. Connections idle for longer are not used again; the least patient servers wait for 2 s.
_IDLE = 1.0
_STALLED, _LONGEST = 60.0, 600.0
_BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
# What `_guard` refuses with: the number survives where several addresses' errors become one.
_NOT_PUBLIC = errno.EACCES
# Beyond aiohttp's own 8 kB and 128 lines, since an answer that is not read is lost and paid.
_ROOM = {"max_line_size": 2**16, "max_field_size": 2**16, "max_headers": 1024}
_BLOT = "***"
# Letters of RFC 3986, and no percent sign without its two digits.
_WHOLE = re.compile(r"https?://(?:[\w.~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})+", re.ASCII)


class Session:
    """The HTTP session of one event loop for calls of the API."""

    def __init__(
        self, options: settings.Settings, given: aiohttp.ClientSession | None = None
    ) -> None:
        self._key = options.api_key
        self._headers = {
            "User-Agent": _agent(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **options.headers,
        }
        self._route: dict[str, Any] = {
            "proxy": options.proxy,
            "ssl": options.ssl,
            "allow_redirects": False,  # a 307 would post photographs and key to another host
            "middlewares": (),  # one of a user's own session could send a paid request again
            **_ROOM,
        }
        phase = "sock_connect" if _is_narrow(given, options.max_concurrency) else "connect"
        self._connecting = {phase: options.connect_timeout}
        self._own: list[aiohttp.ClientSession] = []
        self._make = functools.partial(_http, options.trust_env, options.trace_configs)
        self._http = given or self._opened(keepalive_timeout=_IDLE)

    def _opened(self, **terms: Any) -> aiohttp.ClientSession:
        http = self._make(aiohttp.TCPConnector(limit=0, **terms))
        self._own.append(http)
        weakref.finalize(self, _dropped, http)
        return http

    async def close(self) -> None:
        """Close it; a session that was given stays its owner's."""
        for http in self._own:
            await http.close()

    async def post(self, url: str, upload: uploads.Upload, timeout: float) -> answers.Made:
        """Make one attempt of at most `timeout` seconds.

        Raises a ChangeClothesError for anything but a result.
        """
        # In a frame of its own, so that no traceback leads to aiohttp's response and its request.
        outcome = await self._answered(url, upload, timeout)
        if isinstance(outcome, answers.Made):
            return outcome
        raise outcome

    async def _answered(self, url: str, upload: uploads.Upload, timeout: float) -> answers.Outcome:
        try:
            async with self._http.post(
                url,
                data=upload,
                headers=self._headers_of(upload),
                timeout=aiohttp.ClientTimeout(total=max(timeout, 0.001), **self._connecting),
                raise_for_status=False,  # a session of the user's own may have another habit
                **self._route,
            ) as response:
                outcome = await self._understood(response)
            if isinstance(outcome, errors.Unsure) and not upload.sent_whole:
                return errors.NotSent(f"The request was not sent whole. {outcome.message}")
            return outcome
        except Exception as error:  # whatever it is, the phase tells what it costs
            if isinstance(error, _BROKEN) and not isinstance(error, aiohttp.ClientConnectorError):
                self._trust_no_idle_connection()
            return upload.failure or self._failure(error, upload.sent_whole)

    def _headers_of(self, upload: uploads.Upload) -> dict[str, str]:
        return {
            **self._headers,
            "Authorization": f"Bearer {self._key.get_secret_value()}",
            "Content-Type": upload.content_type,  # a session's default would be sent in its place
        }

    def _trust_no_idle_connection(self) -> None:
        """Give each request a connection of its own from now on.

        The one that broke may have been closed without a word, as the next ones may be: a request
        that meets that is unsure, and costs more than a handshake.
        """
        if len(self._own) == 1:
            self._http = self._opened(force_close=True)

    async def _understood(self, response: aiohttp.ClientResponse) -> answers.Outcome:
        body, whole = await _body(response)
        key = self._key.get_secret_value()
        raw = answers.received(response.status, _headers(response), body, key)
        return answers.decode(raw, whole=whole)

    def _failure(self, error: Exception, sent_whole: bool) -> errors.ChangeClothesError:
        if sent_whole:
            return errors.Unsure(
                f"The request was sent whole, but no answer came ({self._words(error)})."
            )
        if isinstance(error, ssl.SSLError | ssl.CertificateError | aiohttp.ClientSSLError):
            return errors.NotSent(
                f"No secure connection ({self._words(error)}).",
                final=True,
                next_step="Check base_url and the certificate (ssl= takes a context of your own).",
            )
        return errors.NotSent(f"The request was not sent ({self._words(error)}).")

    def _words(self, error: Exception) -> str:
        return _words(error).replace(self._key.get_secret_value(), _BLOT)


class Downloads:
    """The HTTP session of one event loop for results; it never sees the key."""

    def __init__(self, options: settings.Fetching) -> None:
        self._options = options
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        # Behind a proxy the proxy resolves names, and the guard would only see the proxy.
        in_environment = options.trust_env and {"https", "all"} & urllib.request.getproxies().keys()
        proxied = options.proxy or in_environment
        factory = None if proxied else _guard(options.near)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE, socket_factory=factory)
        self._http = _http(options.trust_env, (), connector)
        weakref.finalize(self, _dropped, self._http)

    async def close(self) -> None:
        """Close it when the downloads under way have ended: what they fetch was paid for."""
        await self._idle.wait()
        await self._http.close()

    @contextlib.asynccontextmanager
    async def get(
        self, url: str
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        """Open an address: its status, headers, and chunks.

        Raises DownloadFailed for any failure of the network.
        """
        self._under_way += 1
        self._idle.clear()
        try:
            async with await self._opened(url) as response:
                yield response.status, _headers(response), _chunks(response, url)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _opened(self, url: str) -> aiohttp.ClientResponse:
        try:
            return await self._http.get(
                _spelled(url),
                headers={"User-Agent": _agent(), "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(
                    total=_LONGEST, connect=self._options.connect_timeout, sock_read=_STALLED
                ),
                allow_redirects=False,
                proxy=self._options.proxy,
                ssl=self._options.ssl,
            )
        except Exception as error:
            failure = _not_fetched(error, url)
        raise failure


def _is_narrow(given: aiohttp.ClientSession | None, calls: int) -> bool:
    """Tell whether calls wait for a place in a user's own pool, which is no part of connecting."""
    connector = getattr(given, "connector", None)
    limits = (connector.limit, connector.limit_per_host) if connector else ()
    return any(0 < limit < calls for limit in limits)


async def _chunks(response: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
    """Read a picture; its errors are ours here, before a consumer takes them for its disk's."""
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
        f"The result's download failed ({_words(error)}).", url=url, final=refused
    )


def _spelled(url: str) -> yarl.URL:
    """Keep an address as it was given if it is whole: it may be signed letter by letter."""
    return yarl.URL(url, encoded=bool(_WHOLE.fullmatch(url)))


@functools.cache
def _agent() -> str:
    return f"changeclothes-async/{metadata.version('changeclothes-async')}"


def _words(error: Exception) -> str:
    """Say what aiohttp met, on one line."""
    words = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    words = " ".join(words.split())[:300]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


async def _body(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Read an answer up to its cap: the bytes, and whether that was all of it."""
    data = bytearray()
    try:
        while chunk := await response.content.readany():
            data += chunk
            if len(data) > answers.LARGEST:
                return bytes(data[: answers.LARGEST]), False
    except (aiohttp.ClientError, OSError):
        return bytes(data), False
    return bytes(data), True


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _http(
    trust_env: bool,
    trace_configs: Iterable[aiohttp.TraceConfig],
    connector: aiohttp.TCPConnector,
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=trust_env,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(trace_configs),
    )


def _dropped(http: aiohttp.ClientSession) -> None:
    """Let go of a session that nobody closed and whose loop is over: aiohttp would complain."""
    connector = http.connector
    http.detach()
    if connector is not None:
        connector._close()  # noqa: SLF001 - its close() wants a loop that goes on


def _guard(near: bool) -> Callable[[Any], socket.socket]:
    """Refuse, at the socket, what only this network can reach; a rebound name does not pass."""

    def guarded(address: Any) -> socket.socket:
        family, kind, protocol, _, (host, *_) = address
        if not (addresses.is_public(host) or (near and settings.is_loopback(host))):
            raise OSError(_NOT_PUBLIC, f"{host} is not a public address")
        return socket.socket(family, kind, protocol)

    return guarded
