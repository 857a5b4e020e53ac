"""What an answer means: every code, every status, and anything that a service might say."""

from __future__ import annotations

import gzip
import html
import json
import subprocess
import sys
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changeclothes_async import errors
from changeclothes_async.protocol import answers, redaction

URL = "https://r2.changeclothesai.online/1748486113268661990.webp"


def decoded(status, body, **headers):
    """Decode an answer with a body of bytes, or of anything that JSON can say."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answers.decode(answers.received(status, named, data))


def test_the_pages_first_sample_is_a_result():
    """API 1: result, mask and cacheHit; msg may be absent."""
    data = {"resultImgUrl": URL, "maskImgUrl": f"{URL}?mask", "cacheHit": True}
    made = decoded(200, {"code": 200, "data": data})
    assert (made.result_img_url, made.mask_img_url, made.cache_hit) == (URL, f"{URL}?mask", True)
    assert made.seed is None


def test_the_pages_second_sample_is_a_result():
    """API 2: result and seed."""
    made = decoded(200, {"code": 200, "data": {"resultImgUrl": URL, "seed": 627512067}})
    assert (made.result_img_url, made.seed) == (URL, 627512067)
    assert made.mask_img_url is made.cache_hit is None


def test_unknown_fields_stay_readable():
    """What is not documented does not disturb, and is kept."""
    envelope = {"code": 200, "data": {"resultImgUrl": URL, "score": 0.9}, "trace": [1]}
    made = decoded(200, envelope, x_trace="7")
    assert (made.raw.status, made.raw.headers, made.raw.envelope) == (
        200,
        {"x-trace": "7"},
        envelope,
    )


@pytest.mark.parametrize("code", [200, 200.0, "200"])
@pytest.mark.parametrize("status", [200, 201, 400, 500, 503])
def test_a_result_is_a_result_however_its_code_is_written(status, code):
    """Code 200 with a URL was paid and works, at any status."""
    made = decoded(status, {"code": code, "data": {"resultImgUrl": URL}})
    assert isinstance(made, answers.Made)


@pytest.mark.parametrize(
    "code", [True, None, "", "two hundred", [], {}, 200.5, -200, 2**70, "0xC8", "²", "9" * 5000]
)
def test_a_code_of_another_kind_is_no_success(code):
    """Strict where money hangs on it: such an answer was paid, and is damaged."""
    assert type(decoded(200, {"code": code, "data": {"resultImgUrl": URL}})) is errors.Damaged


def test_a_missing_code_is_no_success():
    """An envelope without a code is damaged."""
    assert type(decoded(200, {"data": {"resultImgUrl": URL}})) is errors.Damaged


UNUSABLE = {
    "null": None,
    "a list": [URL],
    "a text": URL,
    "no URL": {},
    "null URL": {"resultImgUrl": None},
    "empty URL": {"resultImgUrl": ""},
    "a number": {"resultImgUrl": 7},
    "relative": {"resultImgUrl": "/1.webp"},
    "no host": {"resultImgUrl": "https://"},
    "another scheme": {"resultImgUrl": "ftp://r2.example/1.webp"},
    "script": {"resultImgUrl": "javascript:alert(1)"},
    "half a letter": {"resultImgUrl": "https://r2.example/\ud800"},
    "a line end": {"resultImgUrl": "https://r2.example/\r\nX"},
    "half an IPv6": {"resultImgUrl": "https://[::1"},
}


@pytest.mark.parametrize("data", UNUSABLE.values(), ids=UNUSABLE)
def test_a_200_without_a_usable_url_is_damaged(data):
    """It was paid; the bytes are kept for salvage."""
    error = decoded(200, {"code": 200, "data": data})
    assert (type(error), error.money, error.code) == (errors.Damaged, "spent", 200)
    assert error.raw.envelope["data"] == data


FACTS = [
    ({"maskImgUrl": None}, "mask_img_url"),
    ({"maskImgUrl": 7}, "mask_img_url"),
    ({"maskImgUrl": ""}, "mask_img_url"),
    ({"cacheHit": "yes"}, "cache_hit"),
    ({"cacheHit": 1}, "cache_hit"),
    ({"seed": "lucky"}, "seed"),
    ({"seed": True}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"seed": float("inf")}, "seed"),
    ({"seed": float("nan")}, "seed"),
    ({"seed": [1]}, "seed"),
]


@pytest.mark.parametrize(("fact", "name"), FACTS)
def test_facts_of_another_type_are_none(fact, name):
    """A strange fact does not cost the result; it is None, and readable in raw."""
    made = decoded(200, {"code": 200, "data": {"resultImgUrl": URL, **fact}})
    assert isinstance(made, answers.Made)
    assert getattr(made, name) is None


@pytest.mark.parametrize(("seed", "read"), [(7.0, 7), (0, 0), (2**70, 2**70), ("7", 7)])
def test_a_seed_is_read_as_a_number_is_written(seed, read):
    """A whole number is one with a point, too, and in quotes, as it was sent."""
    made = decoded(200, {"code": 200, "data": {"resultImgUrl": URL, "seed": seed}})
    assert made.seed == read


@pytest.mark.parametrize("url", [f" {URL} ", f"{URL}\r\n", f"\t{URL}"])
def test_space_around_a_url_is_not_part_of_it(url):
    """Sent as a part of its path it would lead nowhere, and the picture is paid."""
    made = decoded(200, {"code": 200, "data": {"resultImgUrl": url, "maskImgUrl": url}})
    assert (made.result_img_url, made.mask_img_url) == (URL, URL)


@pytest.mark.parametrize(("code", "kind"), errors.CODES.items())
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 413, 429, 500, 502, 503, 520])
@pytest.mark.parametrize("write", [int, float, str])
def test_each_documented_code_decides_at_any_status(code, kind, status, write):
    """Code 10003 is InsufficientCredits at HTTP 200 as at HTTP 503."""
    error = decoded(status, {"code": write(code) if write is not str else str(code), "msg": "m"})
    assert (type(error), error.code, error.msg, error.http_status) == (kind, code, "m", status)
    assert str(code) in str(error)


def test_a_code_is_told_without_docstrings_too():
    """`python -OO` takes them out, and what was answered is told all the same."""
    script = """if True:
        from changeclothes_async.protocol import answers
        print(answers.decode(answers.received(200, {}, b'{"code": 10003, "msg": "m"}')).message)
    """
    words = [sys.executable, "-OO", "-B", "-c", script]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == 'The service answered 10003 INSUFFICIENT_CREDITS: "m".\n'


def test_every_documented_code_has_its_class():
    """The ten failures of the page's table."""
    assert set(errors.CODES) == {500, *range(10001, 10007), 20001, 30001, 30002}
    assert len(set(errors.CODES.values())) == 10


STATUSES = {
    errors.Refused: [*range(300, 309), 408, 413, 415, 421 + 4, 429, 431, 503, 521, 523],
    errors.AccountError: [401, 402, 403],
    errors.JobError: [400, 404, 405, 409, 410, 418, 422, 451],
    errors.ServerError: [500],
    errors.Unsure: [101, 501, 502, 504, 505, 511, 520, 522, 524, 525, 526, 599, 999],
    errors.Damaged: [200, 201, 202, 204, 206, 299],
}


@pytest.mark.parametrize(("kind", "status"), [(k, s) for k, many in STATUSES.items() for s in many])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b"{}", b'{"msg": "m"}'])
def test_without_a_documented_code_the_status_decides(kind, status, body):
    """The table of what an answer may have cost."""
    error = decoded(status, body)
    assert (type(error), error.http_status) == (kind, status)
    assert error.raw.body == body


FINAL = [(status, True) for status in (301, 307, 413, 415, 431)]
FOR_NOW = [(status, False) for status in (408, 425, 429, 503, 521, 523)]


@pytest.mark.parametrize(("status", "final"), FINAL + FOR_NOW)
def test_a_refusal_knows_whether_it_may_pass(status, final):
    """Too much and elsewhere are final, later is not."""
    assert decoded(status, b"").final is final


@pytest.mark.parametrize("code", [0, 7, 404, 10007, 99999, -1])
def test_an_unknown_code_at_http_200_is_paid_and_damaged(code):
    """Nothing is known of it but that the service answered: the money counts as spent."""
    error = decoded(200, {"code": code, "msg": "m"})
    assert (type(error), error.money, error.code, error.msg) == (errors.Damaged, "spent", code, "m")


@pytest.mark.parametrize("code", [0, 7, 404, 10007, 99999, -1])
@pytest.mark.parametrize("status", [400, 404, 405, 410, 418, 422, 499])
def test_an_unknown_code_at_a_4xx_may_be_paid(status, code):
    """Nobody knows what it stands for: the job is refused, and the money not called unspent."""
    error = decoded(status, {"code": code, "msg": "m"})
    assert (type(error), error.money, error.code) == (errors.JobError, "maybe spent", code)


UNREADABLE = {
    "invalid UTF-8": b'{"code": \xff}',
    "NaN for a code": b'{"code": NaN}',
    "infinity for a code": b'{"code": Infinity}',
    "5,000 digits": b'{"code": ' + b"9" * 5000 + b"}",
    "nesting": b'{"code": 200, "data": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep objects": b'{"a":' * 100_000,
    "half": b'{"code": 200, "data": {"resultImgUrl": "https://',
    "NUL": b"\0" * 1000,
    "two": b'{"code": 200}{"code": 200}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_damaged(body):
    """Whatever stands in the way of reading a 200, it was paid and is kept."""
    error = decoded(200, body)
    assert (type(error), error.money, error.raw.body) == (errors.Damaged, "spent", body)


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"code": 10005, "msg": "m"}',
        b' \r\n {"code": 10005, "msg": "m"}\n',
        b'{"code": 10005, "msg": "m", "x": NaN}',
        b'{"code": 10005, "msg": "m", "x": "\xff"}',
    ],
    ids=["BOM", "blanks", "NaN", "invalid UTF-8"],
)
def test_what_can_be_read_nevertheless_is(body):
    """A byte order mark, blanks, NaN and a broken letter elsewhere do not hide the code."""
    assert type(decoded(200, body)) is errors.HarmfulContent


def test_a_msg_stays_on_one_line():
    """Control characters and line ends of a msg reach no terminal and no log; it is capped."""
    error = decoded(400, {"code": 10004, "msg": "seed\x1b[31m is\r\n\tbad \u202e\x00" + "x" * 9999})
    assert error.msg.startswith("seed [31m is bad x")
    assert error.msg.isprintable()
    assert len(error.msg) <= 500


def test_an_absent_msg_is_not_quoted():
    """Where there is no msg there are no quotes around nothing."""
    for status in (200, 400, 418, 502):
        assert "None" not in str(decoded(status, {"code": 7}))
        assert "None" not in str(decoded(status, {"code": 10004}))


@pytest.mark.parametrize("msg", [None, 7, ["x"], {"x": 1}])
def test_a_msg_of_another_type_is_none(msg):
    """A msg that is no text is not taken for one."""
    assert decoded(400, {"code": 10004, "msg": msg}).msg is None


def test_a_number_of_any_length_loses_no_result():
    """A field that nobody asked for may hold more digits than Python's int takes."""
    body = f'{{"code": 200, "data": {{"resultImgUrl": "https://r.example/1", "n": {"9" * 5000}}}}}'
    made = answers.decode(answers.received(200, {}, body.encode()))
    assert isinstance(made, answers.Made)


@pytest.mark.parametrize("status", [404, 405, 410])
def test_an_address_that_is_none_is_said(status):
    """Nobody has to correct a job for a wrong base_url; an envelope says that it is the API."""
    lost = answers.decode(answers.received(status, {}, b"<html>not found"))
    assert (type(lost), lost.money) == (errors.JobError, "not spent")
    assert "base_url" in lost.next_step
    known = answers.decode(answers.received(status, {}, b'{"code": 10004}'))
    assert "base_url" not in known.next_step


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Damaged), (299, errors.Damaged), (401, errors.Unsure), (503, errors.Unsure)],
)
def test_a_body_that_was_cut_off_is_not_believed(status, kind):
    """Half an answer may look whole: 2xx was paid, all else is unsure."""
    raw = answers.received(status, {}, b'{"code": 10003}')
    assert type(answers.decode(raw, whole=False)) is kind


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
WISHES = [
    ("0", 0),
    ("7", 7),
    (" 120 ", 120),
    ("315360000", 315360000),
    ("9" * 400, float("9" * 12)),
    ("-5", None),
    ("1.5", None),
    ("soon", None),
    ("", None),
    ("²", None),
    ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
    ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
    ("Wed, 21 Oct 2026 07:28:30", None),
    ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 251620388519),
]


@pytest.mark.parametrize(("value", "seconds"), WISHES)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    """A date is read against the answer's own Date; anything else is no wish."""
    wish = decoded(429, b"", retry_after=value, date=DATE).retry_after
    assert wish == (None if seconds is None else pytest.approx(seconds, rel=0.01))


def test_a_retry_date_without_a_date_is_no_wish():
    """This machine's clock is not asked."""
    assert decoded(429, b"", retry_after=DATE).retry_after is None


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("name", ["gzip", "x-gzip", "deflate", " GZIP "])
def test_a_packed_answer_is_unpacked(pack, name):
    """Gzip and deflate are undone, whichever name they come under."""
    body = pack(json.dumps({"code": 10005}).encode())
    assert type(decoded(200, body, content_encoding=name)) is errors.HarmfulContent


def test_a_packed_answer_is_unpacked_to_a_cap():
    """A bomb gives LARGEST bytes and no more."""
    raw = answers.received(200, {"content-encoding": "gzip"}, gzip.compress(b" " * 2**25))
    assert len(raw.body) == answers.LARGEST


SECRET = "sk/live-1234567890"
ECHOES = [SECRET, SECRET.replace("/", "\\/"), "".join(f"\\u{ord(c):04x}" for c in SECRET)]


@pytest.mark.parametrize("echo", ECHOES)
def test_a_secret_is_redacted_however_it_is_written(echo):
    """Neither msg nor the raw answer holds it, in clear or in JSON's escapes."""
    body = f'{{"code": 10004, "msg": "bad {echo}", "{echo}": ["{echo}"]}}'.encode()
    raw = answers.received(400, {"x-echo": SECRET}, body, SECRET)
    error = answers.decode(raw)
    assert SECRET not in repr((str(error), error.msg, raw.headers, raw.body, raw.envelope))
    assert type(error) is errors.InvalidParam


PADDED = "Zk9/adv+keykey&0123+abcdEF=="
WRITTEN = {
    "in another case": PADDED.upper(),
    "in an address": quote(PADDED, safe=""),
    "in a page": html.escape(PADDED).replace("/", "&#x2F;").replace("+", "&#43;"),
    "in JSON that is cut off": '{"code": 200, "echo": "' + PADDED.replace("/", "\\/") + '", "da',
    "in JSON in JSON": json.dumps({"msg": json.dumps({"key": PADDED}).replace("/", "\\/")}),
}


@pytest.mark.parametrize("body", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_redacted_where_it_is_written_otherwise(body):
    """What stays is nothing that the secret could be read from."""
    raw = answers.received(502, {"location": f"/?{body}"}, body.encode(), PADDED)
    left = raw.body.decode() + raw.headers["location"] + redaction.Redactor(PADDED).in_cut(body)
    assert left.count("***") == 3
    assert "keykey" not in left.lower()
    assert "0123" not in left


RUNS = ["\\" * 300_000, "%2" * 150_000, "&#0" * 100_000, "\\\\u00" * 50_000]


@pytest.mark.parametrize("run", RUNS, ids=["backslashes", "percents", "entities", "escapes"])
def test_a_long_run_of_escapes_is_looked_through_once(run):
    """Not anew from each of its letters, which would take days: this test would not end."""
    body = f"{run} \\u0041 {PADDED}".encode()
    raw = answers.received(200, {}, body, PADDED)
    assert raw.body == f"{run} \\u0041 ***".encode()


@pytest.mark.parametrize("secret", ['sk-"quoted"-1234567890', "sk-back\\slash-1234567890"])
def test_a_secret_that_json_has_to_escape_is_redacted(secret):
    """A service that repeats it in JSON writes it otherwise, and msg has it as it was."""
    body = json.dumps({"code": 10004, "msg": f"bad {secret}"}).encode()
    error = answers.decode(answers.received(400, {}, body, secret))
    assert error.msg == "bad ***"
    assert "1234567890" not in repr((error.raw.body, error.raw.envelope))


def test_a_secret_is_redacted_in_a_headers_name():
    """Names come in lower case, whatever they were."""
    raw = answers.received(400, {"sk/live-abcdef": "1"}, b"", "sk/live-ABCDEF")
    assert dict(raw.headers) == {"***": "1"}


@pytest.mark.parametrize("size", [12, len(SECRET) - 1, len(SECRET)])
def test_the_beginning_of_a_secret_in_which_a_body_ends_is_redacted(size):
    """Where a connection or a cap cut it; inside a body the same letters may be an address's."""
    body = b"https://" + SECRET[:12].encode() + b".example/ " + SECRET[:size].encode()
    raw = answers.received(200, {}, body, SECRET)
    assert raw.body == b"https://" + SECRET[:12].encode() + b".example/ ***"


def test_bytes_stay_out_of_repr():
    """An answer as received shows its status alone."""
    raw = answers.received(200, {"x": "canary"}, b"canary")
    assert "canary" not in repr(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
CODES = st.sampled_from([200, *errors.CODES]) | JSON
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "code": CODES | CODES.map(str),
        "msg": JSON,
        "data": JSON | st.fixed_dictionaries({"resultImgUrl": JSON | st.just(URL), "seed": JSON}),
    },
)
BODIES = st.binary(max_size=200) | (ENVELOPES | JSON).map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-encoding", "location"]),
    st.text() | st.sampled_from(["gzip", "deflate", "7", DATE]),
)
REFUSALS = tuple(kind for code, kind in errors.CODES.items() if code not in {500, 20001})


@given(
    status=st.integers(100, 999),
    headers=HEADERS,
    body=BODIES,
    whole=st.booleans(),
    secret=st.just("") | st.text(min_size=8),
)
def test_anything_is_a_result_or_an_error_and_money_is_never_called_unspent_in_vain(
    status, headers, body, whole, secret
):
    """Never raises; a 2xx cost nothing only where a documented code says so."""
    outcome = answers.decode(answers.received(status, headers, body, secret), whole=whole)
    if isinstance(outcome, answers.Made):
        assert whole
        assert outcome.result_img_url.startswith("http")
        return
    assert isinstance(outcome, errors.ChangeClothesError)
    assert outcome.http_status == status
    if 200 <= status < 300 and outcome.money == "not spent":
        assert whole
        assert isinstance(outcome, REFUSALS)
