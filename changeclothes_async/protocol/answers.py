"""What an answer means: (status, headers, body) -> a result or an error.

Rules of this file:

* Pure: no clock, no socket; a Retry-After date is read against the answer's own Date.
* A documented code decides at any HTTP status, as the API page's samples read it both ways.
* Strict where money hangs on it: a result needs code 200 and a URL. Tolerant of all else.
* Without a readable envelope the HTTP status alone tells whether credits may have been spent.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from changeclothes_async import errors
from changeclothes_async.protocol import redaction

LARGEST = 8 * 2**20
"""The most bytes of an answer that are read or unpacked."""

_LATER = {408, 425, 429, 503, 521, 523}
_TOO_MUCH = {413, 415, 431}
_ACCOUNT = {401, 402, 403}
_NOWHERE = {404, 405, 410}
_ADDRESS = "Check that base_url is the API's address, without the endpoint's path; then call again."


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as received, the API key redacted; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False, hash=False)
    body: bytes = field(repr=False)

    @property
    def envelope(self) -> Any:
        """The JSON of the body with all its fields, known or not; None where it is not JSON."""
        # Not as "utf-8-sig", whose module Python opens at its first use: no file may be left.
        text = self.body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            # A number that nobody asked for may have too many digits for Python's int.
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(text, parse_int=float)
        return None


@dataclass(frozen=True, slots=True)
class Made:
    """A paid result: addresses and facts out of `data`, each None where the answer has none."""

    result_img_url: str
    mask_img_url: str | None
    cache_hit: bool | None
    seed: int | None
    raw: Raw


Ending: TypeAlias = Made | errors.ChangeClothesError
"""How an attempt ended."""


def received(status: int, headers: Mapping[str, str], body: bytes, secret: str = "") -> Raw:
    """Take an answer in: unpacked where it came packed, the `secret` redacted in it.

    A gzip or deflate that was not asked for is undone up to LARGEST bytes; a body that does not
    unpack is kept as it is, since a session of the user's own may have done it. A service that
    echoes the key must not carry it into errors, logs and the ledger.
    """
    packing = headers.get("content-encoding", "").strip().lower()
    if packing in {"gzip", "x-gzip", "deflate"}:
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, LARGEST)
    raw = Raw(status, headers, body)
    return _without(raw, secret) if secret else raw


def _without(raw: Raw, secret: str) -> Raw:
    redact = redaction.Redactor(secret)
    if not redact.is_needed(*raw.headers, *raw.headers.values(), raw.body.decode("latin-1")):
        return raw
    headers = {redact.in_text(name): redact.in_text(value) for name, value in raw.headers.items()}
    return Raw(raw.status, headers, redact.in_bytes(raw.body))


def decode(raw: Raw, *, whole: bool = True) -> Ending:
    """Tell what an answer means; `whole` is False when the connection ended inside its body.

    Follows "响应码说明" and "响应 JSON 格式" of both APIs. Never raises.
    """
    if not whole:
        return _cut(raw)
    envelope = raw.envelope
    if not isinstance(envelope, dict):
        return _by_status(raw, None, None)
    code, msg = _number(envelope.get("code")), _msg(envelope.get("msg"))
    if code == 200:
        return _made(raw, envelope.get("data")) or _damaged(raw, code, msg, "it has no result URL")
    if code in errors.CODES:
        return _named(raw, code, msg)
    return _by_status(raw, code, msg)


def _made(raw: Raw, data: Any) -> Made | None:
    url = _url(data.get("resultImgUrl")) if isinstance(data, dict) else None
    if url is None:
        return None
    hit = data.get("cacheHit")
    return Made(
        result_img_url=url,
        mask_img_url=_url(data.get("maskImgUrl")),
        cache_hit=hit if isinstance(hit, bool) else None,
        seed=_number(data.get("seed")),
        raw=raw,
    )


def _url(value: Any) -> str | None:
    """Return a URL without the space around it, which would become a part of its path."""
    url = value.strip() if isinstance(value, str) else ""
    if not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _number(value: Any) -> int | None:
    """Read a number that came as 200, 200.0 or "200"; anything else is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return _whole_number(value)


def _whole_number(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _msg(value: Any) -> str | None:
    """Keep the service's message readable on one line of a terminal or a log."""
    if not isinstance(value, str):
        return None
    printable = "".join(letter if letter.isprintable() else " " for letter in value[:2000])
    return " ".join(printable.split())[:500]


def _named(raw: Raw, code: int, msg: str | None) -> errors.ChangeClothesError:
    kind = errors.CODES[code]
    meaning = f"{code} {errors.page_name(kind)}"
    said = f': "{msg}"' if msg and msg not in meaning else ""
    return kind(f"The service answered {meaning}{said}.", **_facts(raw, code, msg))


def _facts(raw: Raw, code: int | None, msg: str | None) -> dict[str, Any]:
    return {"code": code, "msg": msg, "http_status": raw.status, "raw": raw}


def _by_status(raw: Raw, code: int | None, msg: str | None) -> errors.ChangeClothesError:
    """Classify an answer whose envelope is missing or has no documented code."""
    status, facts = raw.status, _facts(raw, code, msg)
    said = f"HTTP {status}" + (f", code {code}" if code is not None else "")
    said += f', "{msg}"' if msg else ""
    if 200 <= status < 300:
        return _damaged(raw, code, msg, "no envelope" if code is None else f"unknown code {code}")
    if status in _LATER:
        wish = _retry_after(raw.headers)
        return errors.Refused(
            f"The service refused it for now ({said}).", retry_after=wish, **facts
        )
    if status in _TOO_MUCH:
        return errors.Refused(
            f"The service does not take a request of this size or type ({said}).",
            final=True,
            next_step="Send smaller pictures, or JPEG, PNG or WebP.",
            **facts,
        )
    if 300 <= status < 400:
        return _redirected(raw, facts)
    if status in _ACCOUNT:
        return errors.AccountError(f"The service does not accept the account ({said}).", **facts)
    if 400 <= status < 500:
        money = "not spent" if code is None else "maybe spent"  # who knows what it stands for
        next_step = _ADDRESS if status in _NOWHERE and code is None else None
        return errors.JobError(
            f"The service does not take this request ({said}).",
            money=money,
            next_step=next_step,
            **facts,
        )
    if status == 500:
        return errors.ServerError(f"The service failed ({said}).", **facts)
    return errors.Unsure(f"The answer does not tell whether the work was done ({said}).", **facts)


def _redirected(raw: Raw, facts: dict[str, Any]) -> errors.ChangeClothesError:
    target = (_msg(raw.headers.get("location")) or "nowhere")[:200]
    return errors.Refused(
        f"The service redirects to {target}; pictures and key are never sent elsewhere.",
        final=True,
        next_step="Set base_url to the service's own address.",
        **facts,
    )


def _damaged(raw: Raw, code: int | None, msg: str | None, what: str) -> errors.Damaged:
    return errors.Damaged(
        f"The service answered HTTP {raw.status}, but its answer is not usable ({what}).",
        **_facts(raw, code, msg),
    )


def _cut(raw: Raw) -> errors.ChangeClothesError:
    if 200 <= raw.status < 300:
        return _damaged(raw, None, None, "it is cut off or too long")
    return errors.Unsure(
        f"The answer, HTTP {raw.status}, was cut off.", http_status=raw.status, raw=raw
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3) as seconds or a date; None where it is neither."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        then, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (then - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
