"""One attempt on the wire over aiohttp; its errors become ours here.

Rules of this file:

* aiohttp's exceptions stay inside: they carry the request's headers, so the key, and cannot be
  pickled. They are turned into values, which are raised elsewhere: neither `__context__` nor a
  traceback leads to them.
* What a failure means is decided by phase (`Upload.sent_whole`), never by its type: aiohttp raises
  the same types before and after a request was whole.
* The key goes into each request's own headers: a session's defaults would go to every host.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp

from changeclothes_async import errors, settings
from changeclothes_async.protocol import answers
from changeclothes_async.transport import engine, uploads

_BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
_GRACE = 0.1  # seconds; a turn would do, but uvloop looks at its timers before its sockets
# Beyond aiohttp's own 8 kB and 128 lines, since an answer that is not read is lost and paid.
_ROOM = {"max_line_size": 2**16, "max_field_size": 2**16, "max_headers": 1024}


class Session:
    """The HTTP session of one event loop for calls of the API."""

    def __init__(
        self, options: settings.Settings, given: aiohttp.ClientSession | None = None
    ) -> None:
        self._options = options
        self._key = options.api_key
        self._headers = {
            "User-Agent": engine.agent(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            # Also where no request follows: told "close", many a server closes right behind an
            # answer in the midst of an upload, and the reset that this causes overtakes the answer.
            "Connection": "keep-alive",
            **options.headers,
        }
        self._route: dict[str, Any] = {
            "ssl": options.ssl,
            "allow_redirects": False,  # a 307 would post photographs and key to another host
            "middlewares": (),  # one of a user's own session could send a paid request again
            **_ROOM,
        }
        phase = "sock_connect" if _is_narrow(given, options.max_concurrency) else "connect"
        self._connecting = aiohttp.ClientTimeout(**{phase: options.connect_timeout})
        self._own: list[aiohttp.ClientSession] = []
        self._http = given or self._opened(keepalive_timeout=engine.IDLE)

    def _opened(self, **terms: Any) -> aiohttp.ClientSession:
        self._own.append(engine.opened(self, self._options.trace_configs, **terms))
        return self._own[-1]

    async def close(self) -> None:
        """Close it; a session that was given stays its owner's."""
        for http in self._own:
            await http.close()

    async def post(self, url: str, upload: uploads.Upload, timeout: float) -> answers.Ending:
        """Make one attempt of at most `timeout` seconds, and return how it ended."""
        loop, limit = asyncio.get_running_loop(), asyncio.timeout(None)
        # Not at once: where the program has blocked the loop, answers are there and not yet read.
        late = loop.call_later(timeout, lambda: limit.reschedule(loop.time() + _GRACE))
        try:
            async with (
                limit,
                self._http.post(
                    url,
                    data=upload,
                    headers=self._headers_of(upload),
                    timeout=self._connecting,
                    proxy=await engine.proxy(url, self._options),
                    raise_for_status=False,  # a session of the user's own may have another habit
                    **self._route,
                ) as response,
            ):
                # Where a body waits for the server's "100", an answer before it is to its head.
                if upload.is_overtaken and "Expect" not in response.request_info.headers:
                    response.close()
                    self._trust_no_idle_connection()
                    return errors.NotSent(
                        "An answer was there before the request, which was not sent."
                    )
                outcome = await self._understood(response, limit)
            if isinstance(outcome, answers.Made) or outcome.money == "not spent":
                return outcome
            if upload.begun and not upload.sent_whole:  # what is not whole costs nothing
                return errors.NotSent(f"The request was not sent whole. {outcome.message}")
            return outcome
        except Exception as error:  # whatever it is, the phase tells what it costs
            upload.abort()
            if isinstance(error, _BROKEN) and not isinstance(error, aiohttp.ClientConnectorError):
                self._trust_no_idle_connection()
            return upload.failure or self._failure(error, upload.sent_whole, timeout)
        finally:
            late.cancel()

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

    async def _understood(
        self, response: aiohttp.ClientResponse, limit: asyncio.Timeout
    ) -> answers.Ending:
        body, whole = await _body(response, limit)
        key = self._key.get_secret_value()
        raw = answers.received(response.status, engine.headers(response), body, key)
        return answers.decode(raw, whole=whole)

    def _failure(
        self, error: Exception, sent_whole: bool, timeout: float
    ) -> errors.ChangeClothesError:
        why = f"({engine.words(error, self._key.get_secret_value())})"
        if type(error) is TimeoutError and not error.args:  # of the whole attempt
            why = f"within {timeout:.4g} s (timeout=…, or what deadline=… had left)"
        if sent_whole:
            return errors.Unsure(f"The request was sent whole, but no answer came {why}.")
        if self._http.closed and not self._own:
            return errors.NotSent(
                "The session that was given is closed.",
                final=True,
                next_step="Keep the aiohttp.ClientSession open for as long as the client.",
            )
        if isinstance(error, ssl.SSLError):
            return errors.NotSent(
                f"No secure connection {why}.",
                final=True,
                next_step="Check base_url and the certificate (ssl= takes a context of your own).",
            )
        return errors.NotSent(f"The request was not sent {why}.")


def _is_narrow(given: aiohttp.ClientSession | None, calls: int) -> bool:
    """Tell whether calls wait for a place in a user's own pool, which is no part of connecting."""
    connector = getattr(given, "connector", None)
    limits = (connector.limit, connector.limit_per_host) if connector else ()
    return any(0 < limit < calls for limit in limits)


async def _body(response: aiohttp.ClientResponse, limit: asyncio.Timeout) -> tuple[bytes, bool]:
    """Read an answer up to its cap: the bytes, and whether that was all of it."""
    data = bytearray()
    try:
        while chunk := await response.content.readany():
            data += chunk
            if len(data) > answers.LARGEST:
                return bytes(data[: answers.LARGEST]), False
    except (aiohttp.ClientError, OSError):
        return bytes(data), False
    except asyncio.CancelledError:
        if not limit.expired():
            raise
        return bytes(data), False  # what has come may hold the result
    return bytes(data), True
