"""Breaks the connection of a request, as a fault orders it."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from changeclothes_async.sandbox.faults import Fault, When

_LOOK = 0.25
"""Seconds between two looks at whether a caller in a stall has gone; nobody announces it."""


class Gone(Exception):
    """There is nobody left to answer."""


async def strike(fault: Fault, when: When, request: web.BaseRequest) -> None:
    """Do what the fault orders for this moment, if anything; raises Gone after that."""
    if not fault.loses_connection(when):
        return
    if fault.kind == "stall":
        await _silence(request)
    elif when in ("before_read", "in_upload"):
        _reset(request)
    elif request.transport is not None:
        request.transport.close()
    raise Gone


async def answer_half(fault: Fault, request: web.BaseRequest, response: web.Response) -> None:
    """Send the head and half of the body, then cut or stall, if the fault orders that."""
    if not fault.loses_connection("in_answer"):
        return
    body = response.body
    assert isinstance(body, bytes)  # noqa: S101 - all answers of the endpoints are
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    await strike(fault, "in_answer", request)


async def _silence(request: web.BaseRequest) -> None:
    while request.transport is not None:  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(_LOOK)


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    # A close without lingering is what makes the kernel send RST instead of FIN.
    wire: socket.socket = transport.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
