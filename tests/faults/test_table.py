"""The page of faults: up to date, no fault missing, and every test that it names is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.faults import table

WANTED = {
    "Network": """refused; unknown host; DNS timeout; connect black hole; reset on accept;
        reset in the upload; reset after the whole request; close after the whole request;
        silence after the whole request; server never reads; 1 KB/s upload;
        an answer of one byte a second; 1-byte segments both ways; stale kept-alive;
        server that takes only two connections; network gone for minutes in a bulk run""",
    "TLS": """expired; wrong host; self-signed; stalled handshake; plain HTTP on the TLS port;
        http:// to another machine""",
    "HTTP": """garbage status line; half a header; 10,000 headers; Content-Length too long;
        chunked without an end; 100 first; 103 first; two answers in one segment; early 413;
        redirect 301 to the same; redirect 302 to the same; redirect 303 to the same;
        redirect 307 to the same; redirect 308 to the same; redirect 301 to another origin;
        redirect 302 to another origin; redirect 303 to another origin;
        redirect 307 to another origin; redirect 308 to another origin; gzip bomb;
        unknown encoding; 429 with Retry-After: seconds; 429 with Retry-After: a date;
        429 with Retry-After: garbage; 429 with Retry-After: negative;
        429 with Retry-After: ten years; 503 with Retry-After: seconds; 503; HTML 500; HTML 502;
        HTML 504; HTML 520; HTML 521; HTML 522; HTML 523; HTML 524; HTML 525; HTML 526; HTML 401;
        HTML 403; HTML 200; 204""",
    "Envelope": """code 500 at HTTP 200; code 10001 at HTTP 200; code 10002 at HTTP 200;
        code 10003 at HTTP 200; code 10004 at HTTP 200; code 10005 at HTTP 200;
        code 10006 at HTTP 200; code 20001 at HTTP 200; code 30001 at HTTP 200;
        code 30002 at HTTP 200; code 10003 at HTTP 400; code 10003 at HTTP 500; code as "200";
        code as 200.0; code as true; code as null; code missing; code 2**70; unknown code;
        data null; data a list; data without a URL; data with an empty URL; unknown extra fields;
        invalid UTF-8; BOM; NaN; 1 GB; nesting 10,000; msg with control characters;
        msg with the key in it""",
    "Images in": """empty; truncated; directory; FIFO; /dev/zero; unreadable;
        vanished between planning and sending; changed between planning and sending; a text file;
        HEIC named .jpg; a bad data URI; a URL of another scheme;
        file names with quotes, CR LF, non-ASCII""",
    "Results": """expired URL; truncated; endless; HTML; zero bytes; http; private address;
        loopback address; metadata address; rebinding; redirect to a private address;
        a decompression bomb; a server-made file name""",
    "Disk and process": """disk full on the ledger; disk full on a picture; read-only;
        too many open files; folder removed in the run; name too long;
        two names that differ in case; SIGKILL at each step; SIGTERM, SIGINT once; SIGINT twice;
        a second runner; a newer ledger; a corrupt ledger; clock going back; fork; a closed loop;
        exit without aclose()""",
    "User": """cancel before the upload; cancel during the upload; cancel after the upload;
        cancel in the download; wait_for; a sibling task's crash; leaving as_completed early;
        a slow consumer; ten thousand waiters""",
    "Cluster": "worker killed; scheduler killed; worker cut off and back; a batch run twice",
}


@pytest.mark.parametrize("section", WANTED)
def test_no_fault_is_missing(section: str) -> None:
    """Every fault that was asked for has a row of its own, or one for each of its variants."""
    rows = {str(row) for row in dict(table.SECTIONS)[section]}
    known = rows | {row.partition(": ")[0] for row in rows}
    wanted = {" ".join(fault.split()) for fault in WANTED[section].split(";")}
    assert wanted - known == set()


def test_rows_have_names_of_their_own() -> None:
    """No two rows of a section are called the same."""
    for _, rows in table.SECTIONS:
        names = [str(row) for row in rows]
        assert len(set(names)) == len(names)


def test_the_page_is_up_to_date() -> None:
    """docs/faults.md is what the cases say; `python -m tests.faults.table` writes it anew."""
    assert table.PAGE.read_text() == table.page(table.by_hand())


def test_every_test_that_is_named_is_there() -> None:
    """The page points to no test that has gone, or has another name now."""
    root = Path(__file__).parents[2]
    # A module that skips itself as a whole has no tests that could be found.
    skipped = () if find_spec("pip_audit") else ("tests/test_audit.py",)
    named = [test for test in table.tests() if not test.startswith(skipped)]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", *named]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
