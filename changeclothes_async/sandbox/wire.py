"""HTTP as the sandbox speaks it: what is no request, or goes nowhere, is answered in envelopes too.

Left to itself aiohttp answers such requests in plain text and logs each as an error of ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from changeclothes_async.sandbox import envelopes

_LOG = logging.getLogger(__name__)
_LONGEST_MSG = 100
_HABITS: dict[str, Any] = {"access_log": None, "auto_decompress": False}


class Server(web.Server):
    """A server whose connections answer as the sandbox does, and leave bodies as they came."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler, request_factory=_request)

    def __call__(self) -> web.RequestHandler:
        """Make the handler of one connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **_HABITS)


class _Unframed(web.RequestPayloadError, TimeoutError):
    """The chunks of a body are broken.

    It is a time-out too, which is all that aiohttp expects of a rest that it reads to drop it.
    """


class _Connection(web.RequestHandler):
    """One connection; aiohttp calls `handle_error` where there is no answer of ours."""

    __slots__ = ("body",)
    body: StreamReader | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.body = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Nothing can follow a body that has not ended but the parser's complaint of its chunks.
        # aiohttp keeps that for when the body is read, which without a word to its reader is never.
        followed = getattr(self, "_messages", None)
        if followed and self.body and not self.body.is_eof():
            self.body.set_exception(_Unframed())
            self.body.feed_eof()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("An answer is under way, and there is no room for another.")
        if status == 400:
            # The lines after the first one quote what came, with an arrow under it.
            reason = (message or "").partition("\n")[0][:_LONGEST_MSG].rstrip(" :")
            response = failure(400, f"the request is not HTTP: {reason}")
        else:
            _LOG.error("the sandbox broke at %s %s", request.method, request.path, exc_info=exc)
            response = failure(500, "the sandbox broke; see its log", code=envelopes.SERVER_ERROR)
        response.force_close()
        return response


def _request(
    message: RawRequestMessage,
    body: StreamReader,
    connection: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    assert isinstance(connection, _Connection)  # noqa: S101 - the server makes no others
    connection.body = body
    return web.BaseRequest(message, body, connection, writer, task, asyncio.get_running_loop())


def failure(
    http_status: int,
    msg: str,
    *,
    code: int = envelopes.INVALID_PARAM,
    allow: str | None = None,
) -> web.Response:
    """Return an envelope at an HTTP status that says the same; `allow` names the methods taken."""
    return web.Response(
        status=http_status,
        body=envelopes.failure(code, msg),
        content_type="application/json",
        headers={"Allow": allow} if allow else None,
    )
