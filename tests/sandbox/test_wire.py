"""Requests that are broken, foreign or lost: an envelope each time, and nothing in the log."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from changeclothes_async.sandbox import Sandbox, tiny

PROMPT = b"/api/openapi/change-clothes-by-prompt"


def part(name: str, value: bytes) -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
FORM = part("modelImg", tiny.png(1)) + part("prompt", b"a blue shirt") + b"--B--\r\n"


def post(
    sandbox: Sandbox,
    form: bytes = FORM,
    *more: bytes,
    method: bytes = b"POST",
    path: bytes = PROMPT,
    version: bytes = b"HTTP/1.1",
    host: bytes | None = None,
) -> bytes:
    """Write a request; further lines of its head come before those that belong to each."""
    lines = [
        b"%s %s %s" % (method, path, version),
        *more,
        b"Host: " + sandbox.url.removeprefix("http://").encode() if host is None else host,
        b"Authorization: Bearer " + sandbox.api_key.encode(),
        b"Content-Type: multipart/form-data; boundary=B",
        b"Connection: close",
        b"" if CHUNKED in more else b"Content-Length: %d" % len(form),
    ]
    return b"\r\n".join(filter(None, lines)) + b"\r\n\r\n" + form


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        assert self.headers["content-type"].startswith("application/json")
        envelope: dict[str, Any] = json.loads(self.body)
        return envelope


@asynccontextmanager
async def connected(
    sandbox: Sandbox,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*sandbox.url.removeprefix("http://").split(":"))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ask(sandbox: Sandbox, request: bytes) -> Answer:
    async with connected(sandbox) as (reader, writer):
        writer.write(request)
        return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(status.split()[1]), headers, body)


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No request, however broken, is an error of the server's."""
    yield
    assert caplog.messages == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # it names no host
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    ],
)
async def test_what_is_not_http_is_400(garbage: bytes) -> None:
    """It is answered in an envelope of a line, and the connection ends."""
    async with Sandbox(draw=False) as sandbox:
        status, headers, _ = told = await ask(sandbox, garbage)
        assert (status, told.envelope["code"]) == (400, 10004)
        assert len(told.envelope["msg"]) < 200
        assert "\n" not in told.envelope["msg"]
        assert headers.get("connection", "close") == "close"
        assert sandbox.calls == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
async def test_an_encoded_body_is_refused(encoding: str) -> None:
    """A Content-Encoding is 415, whether the body has it or not, and costs nothing."""
    async with Sandbox(draw=False) as sandbox:
        request = post(sandbox, FORM, f"Content-Encoding: {encoding}".encode())
        told = await ask(sandbox, request)
        assert (told.status, told.envelope["code"]) == (415, 10004)
        assert encoding in told.envelope["msg"]
        plain = await ask(sandbox, post(sandbox, FORM, b"Content-Encoding: identity"))
        assert (plain.status, plain.envelope["code"], sandbox.charges) == (200, 200, 1)


@pytest.mark.parametrize("at", [10, len(FORM) - 10])
async def test_broken_chunks_are_400_in_the_middle_too(at: int) -> None:
    """A body whose framing breaks is answered once, costs nothing, and is on record."""
    async with Sandbox(draw=False) as sandbox, connected(sandbox) as (reader, writer):
        writer.write(post(sandbox, b"%x\r\n%s\r\n" % (at, FORM[:at]), CHUNKED))
        while not sandbox.calls:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
        writer.write(b"no size\r\n")
        told = await answer(reader)
        assert (told.status, told.envelope["code"]) == (400, 10004)
        assert await reader.read() == b""
        (call,) = sandbox.calls
        assert (call.complete, call.charged, call.code, call.http_status) == (False, 0, 10004, 400)


async def test_broken_chunks_after_an_early_answer() -> None:
    """The rest of a body that nobody wanted ends the connection, and nothing more."""
    async with Sandbox(draw=False) as sandbox, connected(sandbox) as (reader, writer):
        writer.write(post(sandbox, b"5\r\nhello\r\n", CHUNKED, path=b"/nowhere"))
        assert (await answer(reader)).status == 404
        writer.write(b"no size\r\n")
        assert await reader.read() == b""


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"PUT", b"DELETE", b"TRACE", b"HEAD"])
async def test_the_endpoints_take_only_post(method: bytes) -> None:
    """Another method is 405 and names the one that is allowed."""
    async with Sandbox(draw=False) as sandbox:
        async with connected(sandbox) as (reader, writer):
            writer.write(post(sandbox, method=method))
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405 ")
        assert b"\r\nAllow: POST\r\n" in head
        assert method == b"HEAD" or json.loads(body)["code"] == 10004
        assert sandbox.calls == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (b"POST", b"/api/openapi/nope", 404),
        (b"POST", b"/api/openapi/change-clothes-ai/", 404),
        (b"GET", b"/api/openapi/nope", 404),
        (b"GET", b"/%ff", 404),
        (b"OPTIONS", b"*", 404),
        (b"POST", b"/", 405),
        (b"PUT", b"/results/1.png", 405),
    ],
)
async def test_what_is_not_there_is_an_envelope(method: bytes, path: bytes, status: int) -> None:
    """An unknown path is 404 and names the right ones; what can only be read is 405."""
    async with Sandbox(draw=False) as sandbox:
        told = await ask(sandbox, post(sandbox, method=method, path=path))
        assert (told.status, told.envelope["code"]) == (status, 10004)
        assert (PROMPT.decode() in told.envelope["msg"]) == (status == 404)
        assert told.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


async def test_a_boundary_of_any_bytes() -> None:
    """A boundary that is no text is read as the bytes that came."""
    async with Sandbox(draw=False) as sandbox:
        form = FORM.replace(b"--B", b"--\xff")
        request = post(sandbox, form).replace(b"boundary=B", b"boundary=\xff")
        assert (await ask(sandbox, request)).envelope["code"] == 200
        request = post(sandbox).replace(b"boundary=B", b"boundary=\xff")
        assert (await ask(sandbox, request)).envelope["code"] == 10004


async def test_results_are_where_the_request_went() -> None:
    """The host of a request's first line, which nobody checks, is not taken over."""
    async with Sandbox(draw=False) as sandbox:
        told = await ask(sandbox, post(sandbox, path=b"http://evil.example" + PROMPT))
        assert told.envelope["data"]["resultImgUrl"].startswith(sandbox.url)


async def test_http_1_0_is_spoken() -> None:
    """An old client is answered, and is not told to continue."""
    async with Sandbox(draw=False) as sandbox:
        request = post(sandbox, FORM, b"Expect: 100-continue", version=b"HTTP/1.0")
        told = await ask(sandbox, request)
        assert (told.status, told.envelope["code"]) == (200, 200)


async def test_mutations_of_a_request() -> None:
    """Whatever one changes: an envelope, unless the rest of the request is waited for."""
    random_ = random.Random(4)
    tokens = [
        b"\xff",
        b"\0",
        b"\r\n",
        b'"',
        b"\\",
        b";",
        b"--B",
        b"name=",
        b"data:",
        b"http://[::1",
    ]
    codes = set()
    async with Sandbox(draw=False, credits=None) as sandbox:
        for _ in range(300):
            request = bytearray(post(sandbox))
            # The length of the body stays right, or the sandbox would wait for the rest of it.
            size = len(request)
            for _ in range(random_.randint(1, 3)):
                token = random_.choice([*tokens, random_.randbytes(1)])
                at = random_.randrange(len(request) - len(token))
                request[at : at + len(token)] = token
            assert len(request) == size
            try:
                async with asyncio.timeout(0.2):
                    told = await ask(sandbox, bytes(request))
            except TimeoutError:
                continue
            assert told.status in {200, 400, 404, 405, 421}
            codes.add(told.envelope["code"])
    assert codes >= {200, 10001, 10004, 30001}
