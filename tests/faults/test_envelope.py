"""Faults of the envelope: codes as they are documented and as they are not, data, texts, sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from changeclothes_async import errors
from tests import peers, samples
from tests.faults.cases import MADE, Case, Row, damaged, made
from tests.faults.rules import (  # noqa: F401 - pytest runs them over this module's CASES
    Client,
    test_among_other_jobs,
    test_in_a_grid,
    test_on_a_call,
)

URL = "http://127.0.0.1:9/1.webp"
SENDING = "tests/transport/test_sending.py"
BY_CODE = SENDING + "::test_each_code_has_its_class_and_is_retried_only_where_that_is_safe"
NESTED = '{"code": 200, "data": ' + "[" * 10_000 + "]" * 10_000 + "}"
CLOSE = {"Connection": "close"}


def said(body: str | bytes, status: int = 200) -> bytes:
    """Frame a body as it is."""
    return peers.http(status, body, headers=CLOSE)


def coded(code: Any) -> bytes:
    """Frame a result under a code that is written otherwise."""
    return said(json.dumps({"code": code, "data": {"resultImgUrl": URL}}))


def holding(data: Any) -> bytes:
    """Frame a success with other data."""
    return said(json.dumps({"code": 200, "data": data}))


def documented(code: int, status: int) -> Case:
    """Make the case of a code of the page: its class, its attempts, its cell in a grid."""
    kind = errors.CODES[code]
    failed = issubclass(kind, errors.ServiceFailed)
    charges = 3 if failed else 1
    return Case(
        f"code {code} at HTTP {status}",
        peers.answering_once(peers.envelope(code, status=status, Connection="close")),
        kind,
        "maybe spent" if failed else "not spent",
        charges,
        "open" if issubclass(kind, errors.AccountError) else "failed",
        shown=f"{BY_CODE}[{status}-{code}-{kind.__name__}-{charges}]",
    )


CASES = [
    *[documented(code, status) for code in errors.CODES for status in (200, 400, 500)],
    made('code as "200"', coded("200")),
    made("code as 200.0", coded(200.0)),
    damaged("code as true", coded(True)),
    damaged("code as null", coded(None)),
    damaged("code missing", said(json.dumps({"data": {"resultImgUrl": URL}}))),
    damaged("code 2**70", coded(2**70)),
    damaged("unknown code", coded(10007)),
    damaged("data null", holding(None)),
    damaged("data a list", holding([URL])),
    damaged("data without a URL", holding({})),
    damaged("data with an empty URL", holding({"resultImgUrl": ""})),
    made("unknown extra fields", holding({"resultImgUrl": URL, "score": 1, "more": [{}]})),
    damaged("invalid UTF-8", said(b'{"code": \xff}')),
    made("invalid UTF-8: in msg", said(MADE.partition(b"\r\n\r\n")[2][:-1] + b', "msg": "\xff"}')),
    made("BOM", said(b"\xef\xbb\xbf" + MADE.partition(b"\r\n\r\n")[2])),
    damaged("NaN", said('{"code": NaN}')),
    made(
        "NaN: in seed", said(f'{{"code": 200, "data": {{"resultImgUrl": "{URL}", "seed": NaN}}}}')
    ),
    damaged("nesting 10,000", said(NESTED)),
    Case(
        "msg with control characters",
        peers.answering_once(
            peers.envelope(10004, msg="\x1b[31mred\r\n\0\u202ered", Connection="close")
        ),
        errors.InvalidParam,
        "not spent",
        1,
        "failed",
    ),
]

SESSION = "tests/transport/test_session.py"
HERE = "tests/faults/test_envelope.py"
ROWS: list[Case | Row] = [
    *CASES,
    Row(
        "1 GB: endless",
        "Damaged, 8 MB of it kept",
        "spent",
        "1",
        f"{SESSION}::test_an_endless_answer_is_cut_at_a_cap",
    ),
    Row(
        "1 GB: announced",
        "Damaged; the connection is closed at 8 MB",
        "spent",
        "1",
        f"{HERE}::test_a_gigabyte_is_not_read",
    ),
    Row(
        "msg with control characters: on one line",
        "a msg without them",
        "not spent",
        "1",
        "tests/protocol/test_answers.py::test_a_msg_stays_on_one_line",
    ),
    *[
        Row(
            f"msg with the key in it: {where}",
            "the key redacted",
            "by the answer",
            "1",
            f"{SESSION}::test_an_echoed_key_is_redacted[{where}]",
        )
        for where in ("msg", "gzip", "header", "damaged")
    ],
]


@pytest.mark.swift
async def test_a_gigabyte_is_not_read(client: Client) -> None:
    """What is announced as 1 GB is read up to the cap, and then no more is taken."""
    taken = 0

    async def large(line: peers.Line) -> None:
        nonlocal taken
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while taken < 2**30:
            await line.send(b" " * 2**20)
            taken += 2**20

    async with peers.serve(large) as peer:
        with pytest.raises(errors.Damaged) as caught:
            await client(peer).try_on(**samples.LOOK)
    assert (caught.value.money, len(peer.charges)) == ("spent", 1)
    assert taken < 64 * 2**20
