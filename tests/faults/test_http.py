"""Faults of HTTP: framing, status lines, redirects, refusals, pages of HTML."""

from __future__ import annotations

import zlib

from changeclothes_async import errors
from tests import peers
from tests.faults.cases import BIG, MADE, Case, Row, damaged, made, unsure
from tests.faults.rules import (  # noqa: F401 - pytest runs them over this module's CASES
    test_among_other_jobs,
    test_in_a_grid,
    test_on_a_call,
)

SENDING = "tests/transport/test_sending.py"
SESSION = "tests/transport/test_session.py"
LOST = SENDING + "::test_a_lost_answer_is_unsure_and_never_sent_again"
DAMAGED = SENDING + "::test_a_paid_answer_that_is_damaged_is_kept"
PAGES = SENDING + "::test_a_page_of_html_is_judged_by_its_status"
WISHES = SENDING + "::test_retry_after_is_followed_within_reason"
READ = SESSION + "::test_every_framing_of_an_answer_is_read"

HEADERS = b"".join(b"X-%d: y\r\n" % n for n in range(10_000))
CLOSE = {"Connection": "close"}
PACKED = zlib.compress(b" " * 2**24, 9)
BOMB = peers.http(200, PACKED, headers={"Content-Encoding": "deflate"})


def page(status: int) -> bytes:
    """Frame the answer of a machine in between, not of the service."""
    headers = {**CLOSE, "Location": "https://elsewhere.example/"}
    return peers.http(status, "<html>no</html>", kind="text/html", headers=headers)


def lost(status: int, **more: str) -> Case:
    """Make the case of a page that does not tell whether the work was done."""
    return unsure(f"HTML {status}", peers.answering_once(page(status)), **more)


def refused(fault: str, answer: bytes, charges: int, shown: str = "") -> Case:
    """Make the case of a refusal: `charges` is 1 where it is final, and 3 where it may pass."""
    script, cell = peers.answering_once(answer), "failed" if charges == 1 else "open"
    return Case(fault, script, errors.Refused, "not spent", charges, cell, shown=shown)


def redirected(status: int, elsewhere: bool) -> Case:
    """Make the case of a redirect of the photographs and the key."""
    where = "another origin" if elsewhere else "the same"
    target = "https://elsewhere.example/new" if elsewhere else "/new"
    answer = peers.http(status, headers={**CLOSE, "Location": target})
    shown = f"{SESSION}::test_photographs_and_key_never_follow_a_redirect[{elsewhere}-{status}]"
    return refused(f"redirect {status} to {where}", answer, 1, shown)


REDIRECTS = [
    redirected(status, elsewhere)
    for status in (301, 302, 303, 307, 308)
    for elsewhere in (False, True)
]

CASES = [
    unsure(
        "garbage status line",
        peers.answering_once(b"MUMBLE\r\n\r\n"),
        shown=f"{LOST}[garbage status line]",
    ),
    unsure(
        "half a header",
        peers.answering_once(b"HTTP/1.1 200 OK\r\nContent-Le"),
        shown=f"{LOST}[half a header]",
    ),
    unsure(
        "10,000 headers",
        peers.answering_once(b"HTTP/1.1 200 OK\r\n" + HEADERS + b"\r\n"),
        shown=f"{LOST}[10,000 headers]",
    ),
    damaged("Content-Length too long", MADE[:-5], shown=f"{DAMAGED}[too short]"),
    unsure(
        "Content-Length too long: of a refusal",
        peers.answering_once(peers.envelope(10003, status=402)[:-3]),
        shown=f"{LOST}[a refusal cut off]",
    ),
    unsure(
        "Content-Length too short",
        peers.answering_once(MADE.replace(b"Length: 68", b"Length: 60")),
    ),
    damaged(
        "chunked without an end",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod',
        shown=f"{DAMAGED}[chunked without an end]",
    ),
    made("100 first", b"HTTP/1.1 100 Continue\r\n\r\n" + MADE, shown=f"{READ}[100 first]"),
    made(
        "103 first",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + MADE,
        shown=f"{READ}[103 first]",
    ),
    made("two answers in one segment", MADE + MADE, shown=f"{READ}[two answers at once]"),
    Case(
        "early 413",
        peers.early(page(413)),
        errors.Refused,
        "not spent",
        0,
        "failed",
        look=BIG,
        shown=f"{SENDING}::test_an_early_refusal_ends_the_upload",
    ),
    *REDIRECTS,
    damaged("gzip bomb", BOMB, shown=f"{SESSION}::test_a_bomb_is_unpacked_to_a_cap_only"),
    damaged(
        "unknown encoding",
        peers.http(200, b"\x01", headers={"Content-Encoding": "zstd-2"}),
        shown=f"{DAMAGED}[unknown encoding]",
    ),
    refused("429", page(429), 3, f"{PAGES}[429-Refused-not spent-3]"),
    refused("503", page(503), 3, f"{PAGES}[503-Refused-not spent-3]"),
    Case(
        "HTML 500",
        peers.answering_once(page(500)),
        errors.ServerError,
        "maybe spent",
        3,
        "failed",
        shown=f"{PAGES}[500-ServerError-maybe spent-3]",
    ),
    *[
        lost(status, shown=f"{PAGES}[{status}-Unsure-maybe spent-1]")
        for status in (502, 504, 520, 522, 524)
    ],
    lost(525),
    lost(526),
    *[
        Case(
            f"HTML {status}",
            peers.answering_once(page(status)),
            errors.AccountError,
            "not spent",
            1,
            "open",
            shown=f"{PAGES}[{status}-AccountError-not spent-1]",
        )
        for status in (401, 403)
    ],
    damaged("HTML 200", page(200), shown=f"{PAGES}[200-Damaged-spent-1]"),
    damaged("204", b"HTTP/1.1 204 No Content\r\n\r\n", shown=f"{DAMAGED}[204]"),
]

WISHED = {
    "seconds": "waited for",
    "a date": "waited for, by the answer's own clock",
    "garbage": "our own pause",
    "negative": "our own pause",
    "ten years": "120 s, then again",
    "none": "our own pause",
}

ROWS: list[Case | Row] = [
    *CASES,
    *[
        Row(
            f"HTML {status}",
            "Refused",
            "not spent",
            "3",
            f"{PAGES}[{status}-Refused-not spent-3]",
        )
        for status in (521, 523)
    ],
    *[
        Row(
            f"{status} with Retry-After: {wish}",
            f"{what}; then the result",
            "spent",
            "2 requests, 1 charged",
            f"{WISHES}[{status}-{wish}]",
        )
        for status in (429, 503)
        for wish, what in WISHED.items()
    ],
    Row(
        "429 in a grid",
        "all slots pause together, none fails",
        "spent",
        "1 a cell",
        "tests/bulk/run/test_runner.py::test_a_busy_service_is_waited_for[429]",
    ),
    Row(
        "503 in a grid",
        "all slots pause together, none fails",
        "spent",
        "1 a cell",
        "tests/bulk/run/test_runner.py::test_a_busy_service_is_waited_for[503]",
    ),
]
