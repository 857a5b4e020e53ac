"""Faults of TLS: no byte of the key goes to whom the certificate does not vouch for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from changeclothes_async import NotSent
from tests import peers, samples
from tests.bulk import service as services
from tests.faults.cases import Row
from tests.faults.rules import Client
from tests.transport.test_session import UNTRUSTED, serving, trusting

SESSION = "tests/transport/test_session.py"
CERTIFICATES = f"{SESSION}::test_no_byte_goes_to_a_server_that_is_not_trusted"
ELSEWHERE = "tests/test_environment.py::test_another_origin_is_refused_before_anything_is_sent"
HERE = "tests/faults/test_tls.py::"

ROWS = [
    Row("expired", "NotSent, not tried again", "not spent", "0", f"{CERTIFICATES}[expired]"),
    Row("wrong host", "NotSent, not tried again", "not spent", "0", f"{CERTIFICATES}[wrong host]"),
    Row(
        "unknown authority",
        "NotSent, not tried again",
        "not spent",
        "0",
        f"{CERTIFICATES}[unknown authority]",
    ),
    Row("self-signed", "NotSent, not tried again", "not spent", "0", f"{HERE}test_self_signed"),
    Row(
        "any of these in a grid",
        "the run stops, its cells stay open",
        "not spent",
        "0",
        f"{HERE}test_a_run_stops_at_a_certificate_that_is_not_trusted",
    ),
    Row(
        "stalled handshake",
        "NotSent at connect_timeout",
        "not spent",
        "0",
        f"{SESSION}::test_no_key_goes_out_before_tls_is_up[deaf-3]",
    ),
    Row(
        "plain HTTP on the TLS port",
        "NotSent, not tried again",
        "not spent",
        "0",
        f"{SESSION}::test_no_key_goes_out_before_tls_is_up[plain-1]",
    ),
    Row(
        "reset in the handshake",
        "NotSent",
        "not spent",
        "0",
        f"{HERE}test_a_reset_in_the_handshake",
    ),
    Row(
        "connection cut under TLS before the answer",
        "Unsure",
        "maybe spent",
        "1",
        f"{HERE}test_a_tls_connection_that_is_cut",
    ),
    Row(
        "http:// to another machine",
        "InvalidInput of the constructor",
        "not spent",
        "0",
        f"{ELSEWHERE}[http://api.example]",
    ),
]


@pytest.mark.swift
async def test_self_signed(client: Client) -> None:
    """A certificate that vouches for itself vouches for nobody."""
    alone = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(alone.cert_pem.bytes() + alone.private_key_pem.bytes())
        file.flush()
        context.load_cert_chain(file.name)
    async with peers.serve_tls(context) as (origin, heard):
        with pytest.raises(NotSent, match="certificate") as caught:
            await client(origin).try_on(**samples.LOOK)
    assert (caught.value.attempts, heard) == (1, b"")


@pytest.mark.swift
@pytest.mark.parametrize(("server", "trust"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_a_run_stops_at_a_certificate_that_is_not_trusted(
    client: Client, out: Path, server: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    """No other cell can succeed: all stay open, and the server has heard nothing."""
    async with peers.serve_tls(server) as (origin, heard):
        lookbook = await client(origin, ssl=trust).run_grid(services.grid(5, 5), out)
    assert isinstance(lookbook.stopped, NotSent)
    assert not lookbook.failed
    assert set(await services.states(out)) == {"open"}
    assert heard == b""


@pytest.mark.swift
async def test_a_reset_in_the_handshake(client: Client) -> None:
    """A connection that breaks before TLS is up had nothing on it, and is tried again."""

    async def greeted(line: peers.Line) -> None:
        await line.read()
        line.reset()

    async with peers.serve(greeted) as peer:
        with pytest.raises(NotSent) as caught:
            await client(peer.url.replace("http:", "https:")).try_on(**samples.LOOK)
    assert (caught.value.attempts, peer.charges) == (3, [])
    assert peers.KEY.encode() not in peer.heard


@contextlib.asynccontextmanager
async def cutting(context: ssl.SSLContext) -> AsyncIterator[tuple[str, bytearray]]:
    """Serve TLS, and drop each connection without a goodbye once its request ends."""
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not heard.endswith(b"--\r\n"):
            heard.extend(await reader.read(2**16))
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


@pytest.mark.swift
async def test_a_tls_connection_that_is_cut(client: Client) -> None:
    """The request was whole at the server: held, sent once."""
    async with cutting(serving("127.0.0.1")) as (origin, heard):
        one = client(origin, ssl=trusting())
        with pytest.raises(Exception, match="sent whole") as caught:
            await one.try_on(**samples.LOOK)
    assert (type(caught.value).__name__, heard.count(b"POST ")) == ("Unsure", 1)
