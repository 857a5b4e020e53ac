"""Pictures as Base64 texts: in a data URI, or bare, which is none of the API's forms."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from changeclothes_async import errors

_BEGINNING = 24  # letters, for 18 bytes: enough to tell a picture by


def decoded(uri: str) -> bytes:
    """Return the bytes that a data URI holds (RFC 2397); the API page has them in Base64 alone."""
    head, comma, payload = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise errors.NotAnImage(
            f"The data URI {head[:60]!r} is not in Base64.",
            next_step="Write it as data:image/jpeg;base64,… or hand over the bytes themselves.",
        )
    try:
        compact = unquote_to_bytes(payload) if "%" in payload else payload.encode("ascii")
        return base64.b64decode(b"".join(compact.split()), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        failure = errors.NotAnImage(
            "The data URI's Base64 is damaged.",
            next_step="Encode the picture again, or hand over the bytes themselves.",
        )
    raise failure


def encoded(mime: str, data: bytes) -> str:
    """Write bytes as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def bare(text: str) -> bytes:
    """Return the first bytes that a text holds in Base64 without a head; none where it is other."""
    try:
        return base64.b64decode(text.lstrip()[:_BEGINNING], validate=True)
    except ValueError:  # also for what is not ASCII
        return b""
