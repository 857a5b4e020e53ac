"""Faults: as values, as texts, and as what they do on the wire and to the account."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from changeclothes_async.sandbox import Fault, RandomFaults, Sandbox, tiny

Post = Callable[..., Awaitable[Any]]

TRY_ON = "/api/openapi/change-clothes-ai"
LOOKS = {"modelImg": tiny.png(1), "garmentImg": "https://shop.example/a.jpg", "category": "dresses"}

TEXTS = {
    "20001": Fault.code(20001),
    "500": Fault.code(500),
    "10003:402": Fault.code(10003, 402),
    "503": Fault.status(503),
    "429:1.5": Fault.status(429, 1.5),
    "html:502": Fault.html(502),
    "garbage": Fault.garbage(),
    "cut:before_read": Fault.cut("before_read"),
    "cut:in_upload": Fault.cut("in_upload"),
    "cut:after_request": Fault.cut(),
    "stall:in_answer": Fault.stall("in_answer"),
    "slow:2.5": Fault.slow(2.5),
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_form_is_read_and_written(text: str) -> None:
    """A fault and its text are two forms of one thing."""
    assert Fault.parse(text) == TEXTS[text]
    assert str(TEXTS[text]) == text


def test_the_moment_may_be_left_out() -> None:
    """A cut or a stall comes once the request is there, unless told otherwise."""
    assert Fault.parse("cut") == Fault.cut("after_request")
    assert Fault.parse("stall") == Fault.stall("after_request")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "boom",
        "cut:later",
        "garbage:1",
        "slow",
        "slow:x",
        "slow:-1",
        "slow:nan",
        "html",
        "html:9",
        "20001:x",
        "99",
        "²",
    ],
)
def test_a_wrong_text_says_what_may_be_written(text: str) -> None:
    """The error shows the text and the forms there are."""
    with pytest.raises(ValueError, match=r"is not a fault\. Give one of 20001"):
        Fault.parse(text)


@pytest.mark.parametrize("make", [lambda: Fault.cut("later"), lambda: Fault.status(99)])
def test_a_wrong_fault_cannot_be_made(make: Callable[[], Fault]) -> None:
    """What could not be done is refused when it is ordered."""
    with pytest.raises(ValueError, match="Give one"):
        make()


def test_random_faults_are_the_same_for_a_seed() -> None:
    """A seed decides the whole sequence, each time anew; another seed, another sequence."""
    faults = RandomFaults({"20001": 0.3, Fault.cut(): 0.2}, seed=5)
    first = list(itertools.islice(faults, 1000))
    assert list(itertools.islice(faults, 1000)) == first
    assert list(itertools.islice(RandomFaults(faults.rates, seed=6), 1000)) != first
    counts = Counter(map(str, first))
    assert 250 < counts["20001"] < 350
    assert 150 < counts["cut:after_request"] < 250


def test_random_faults_have_a_text_form() -> None:
    """`FAULT@RATE`, as a command line gives them."""
    faults = RandomFaults.parse(["20001:503@0.1", "cut@.05", "slow:2.5@0"], seed=3)
    assert faults.rates == {
        Fault.code(20001, 503): 0.1,
        Fault.cut(): 0.05,
        Fault.slow(2.5): 0,
    }
    assert RandomFaults.parse(["garbage"]).rates == {Fault.garbage(): 1}


@pytest.mark.parametrize(
    "texts", [["cut@x"], ["cut@-1"], ["cut@2"], ["cut@0.6", "500@0.6"], ["@1"]]
)
def test_a_wrong_rate_is_refused(texts: list[str]) -> None:
    """Rates are shares of the calls."""
    with pytest.raises(ValueError, match=r"Write|Rates|not a fault"):
        RandomFaults.parse(texts)


async def test_a_script_goes_through_once(post: Post) -> None:
    """One fault for each call, None for none, and no fault after the last."""
    async with Sandbox(draw=False, faults=[Fault.code(500), None, "20001:503"]) as sandbox:
        answers = [await post(sandbox, TRY_ON, LOOKS) for _ in range(5)]
    assert [(answer.status, answer.envelope["code"]) for answer in answers] == [
        (200, 500),
        (200, 200),
        (503, 20001),
        (200, 200),
        (200, 200),
    ]
    assert [call.fault for call in sandbox.calls] == ["500", None, "20001:503", None, None]


@pytest.mark.parametrize(
    ("fault", "charged", "with_failures"),
    [
        ("500", 0, 1),
        ("20001", 0, 1),
        ("20001:503", 0, 1),
        ("html:500", 0, 1),
        ("10003", 0, 0),
        ("30002", 0, 0),
        ("503", 0, 0),
        ("429:1", 0, 0),
        ("html:502", 1, 1),
        ("504", 1, 1),
        ("garbage", 1, 1),
        ("html:200", 1, 1),
        ("slow:0.001", 1, 1),
        ("cut:before_read", 0, 0),
        ("cut:in_upload", 0, 0),
        ("cut:after_request", 1, 1),
        ("cut:in_answer", 1, 1),
    ],
)
async def test_what_each_fault_costs(
    session: aiohttp.ClientSession, fault: str, charged: int, with_failures: int
) -> None:
    """A lost answer is paid, a refusal is not, a failure as the sandbox was told."""
    for failures, expected in ((False, charged), (True, with_failures)):
        async with Sandbox(draw=False, faults=[fault], charge_failures=failures) as sandbox:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.post(
                    sandbox.url + TRY_ON, data=_form(), headers=_key(sandbox)
                ) as response:
                    await response.read()
            assert (sandbox.charges, sandbox.calls[0].charged) == (expected, expected)
            assert sandbox.credits == 100 - expected


async def test_a_fault_does_not_pay_for_a_refused_call(post: Post) -> None:
    """What is wrong with the call comes first; no answer is lost that was not due."""
    async with Sandbox(draw=False, faults=["cut:after_request"]) as sandbox:
        _, envelope = await post(sandbox, TRY_ON, LOOKS | {"category": "hats"})
    assert (envelope["code"], sandbox.charges) == (10004, 0)


async def test_statuses_and_pages(session: aiohttp.ClientSession) -> None:
    """A status comes without an envelope, with `Retry-After` if so ordered; a page is HTML."""
    async with Sandbox(draw=False, faults=["503:2", "html:502", "garbage"]) as sandbox:
        answers = []
        for _ in range(3):
            async with session.post(
                sandbox.url + TRY_ON, data=_form(), headers=_key(sandbox)
            ) as response:
                answers.append((response.status, response.headers, await response.text()))
    (busy, headers, empty), (bad, page_headers, page), (fine, _, garbage) = answers
    assert (busy, headers["Retry-After"], empty) == (503, "2", "")
    assert (bad, page_headers["Content-Type"]) == (502, "text/html")
    assert page.startswith("<!doctype html>")
    assert fine == 200
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(garbage)


@pytest.mark.parametrize("when", ["before_read", "in_upload"])
async def test_a_cut_before_the_end_resets(when: str) -> None:
    """Until the request is whole, a cut is a reset, and the record says it was not complete."""
    async with Sandbox(draw=False, faults=[f"cut:{when}"]) as sandbox:
        with pytest.raises(ConnectionResetError):
            await _raw(sandbox, body=b"half of a body")
        (call,) = sandbox.calls
    assert (call.complete, call.code, call.http_status) == (False, None, None)


async def test_a_cut_after_the_request_closes() -> None:
    """Once the request is whole, a cut gives no byte of an answer."""
    async with Sandbox(draw=False, faults=["cut"]) as sandbox:
        assert await _raw(sandbox) == b""
        (call,) = sandbox.calls
    assert (call.complete, call.charged, call.http_status) == (True, 1, None)


async def test_a_cut_in_the_answer_sends_half() -> None:
    """The head promises the whole body, and half of it comes."""
    async with Sandbox(draw=False, faults=["cut:in_answer"]) as sandbox:
        head, _, body = (await _raw(sandbox)).partition(b"\r\n\r\n")
    assert body.startswith(b'{"code":200')
    (length,) = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    assert len(body) == int(length.split()[1]) // 2


@pytest.mark.parametrize(
    ("when", "charged"), [("before_read", 0), ("in_upload", 0), ("after_request", 1)]
)
async def test_a_stall_gives_no_answer(when: str, charged: int) -> None:
    """A stalled call is silent as long as the sandbox runs."""
    sandbox = Sandbox(draw=False, faults=[f"stall:{when}"])
    async with sandbox:
        reader, writer = await _connect(sandbox)
        writer.write(_request(sandbox))
        while not sandbox.calls or sandbox.charges < charged:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
    assert await reader.read() == b""
    assert (sandbox.charges, sandbox.calls[0].http_status) == (charged, None)
    writer.close()


async def test_a_stall_ends_with_its_caller() -> None:
    """Nothing stays behind when the caller of a stalled call goes away."""
    async with Sandbox(draw=False, faults=["stall"]) as sandbox:
        before = len(asyncio.all_tasks())
        _, writer = await _connect(sandbox)
        writer.write(_request(sandbox))
        while not sandbox._tasks:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
        writer.close()
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(0)
        assert not sandbox._tasks
        assert [(call.fault, call.http_status) for call in sandbox.calls] == [
            ("stall:after_request", None)
        ]


async def test_a_stall_in_the_answer_sends_half() -> None:
    """Half of the answer comes, and the connection stays open."""
    async with Sandbox(draw=False, faults=["stall:in_answer"]) as sandbox:
        reader, writer = await _connect(sandbox)
        writer.write(_request(sandbox))
        await reader.readuntil(b'{"code":200')
        assert not reader.at_eof()
        writer.close()


@pytest.mark.parametrize(
    "options", [{"latency": 3600}, {"latency": (3600, 3601)}, {"faults": ["slow:3600"]}]
)
async def test_what_is_slow_is_charged_first(post: Post, options: dict[str, Any]) -> None:
    """Latency and `slow` come after the charge and before the answer."""
    async with Sandbox(draw=False, **options) as sandbox:
        call = asyncio.create_task(post(sandbox, TRY_ON, LOOKS))
        while not sandbox.charges:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
        assert (sandbox.calls[0].complete, sandbox.calls[0].http_status) == (True, None)
        call.cancel()


def _form() -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name in ("modelImg", "garmentImg"):
        form.add_field(name, "https://shop.example/a.jpg")
    form.add_field("category", "dresses")
    return form


def _key(sandbox: Sandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {sandbox.api_key}"}


BODY = (
    b"".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in [
            ("modelImg", "https://shop.example/a.jpg"),
            ("garmentImg", "https://shop.example/b.jpg"),
            ("category", "dresses"),
        ]
    )
    + b"--B--\r\n"
)


def _request(sandbox: Sandbox, body: bytes = BODY) -> bytes:
    return (
        f"POST {TRY_ON} HTTP/1.1\r\nHost: {sandbox.url.removeprefix('http://')}\r\n"
        f"Authorization: Bearer {sandbox.api_key}\r\n"
        f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(BODY)}\r\n\r\n"
    ).encode() + body


async def _connect(sandbox: Sandbox) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))


async def _raw(sandbox: Sandbox, body: bytes = BODY) -> bytes:
    reader, writer = await _connect(sandbox)
    try:
        writer.write(_request(sandbox, body))
        return await reader.read()
    finally:
        writer.close()
