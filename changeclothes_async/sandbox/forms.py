"""Reads a multipart/form-data body as it arrives, holding no more of it than the work needs.

A field's name and its first bytes say what it is, never whether the part has a file name:
the samples of the API page send texts and URLs both ways.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from changeclothes_async.sandbox import envelopes, formats
from changeclothes_async.sandbox.records import Picture

HARMFUL_MARK = b"sandbox:harmful"
"""A picture that ends with these bytes is refused as harmful (10005)."""

_PICTURES = frozenset(("modelImg", "garmentImg"))
_LARGEST_TEXT = 2**16
_LARGEST_HEAD = 2**14
_MOST_PARTS = 64
_PARAMETER = re.compile(r';\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')


@dataclass(slots=True)
class Form:
    """What a body held, by field name; a field that is not documented may be a picture too."""

    texts: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)


async def read(
    chunks: AsyncIterator[bytes], content_type: str, *, keep: bool, largest: int
) -> Form:
    """Read a body to its end; the bytes of files stay in memory only if `keep`.

    `largest` is in bytes, for each picture. Raises Refusal (10004), naming the field.
    """
    scanner = _Scanner(chunks)
    delimiter = b"\r\n--" + _boundary(content_type)
    form = Form()
    async for _ in scanner.pieces(delimiter):
        pass  # a preamble, which RFC 2046 wants ignored
    for _ in range(_MOST_PARTS + 1):
        if await scanner.take(2) == b"--":
            break
        head = _Head.parse(await scanner.upto(b"\r\n\r\n", _LARGEST_HEAD))
        await _read_part(form, head, scanner.pieces(delimiter), keep, largest)
    else:
        raise _invalid(f"the form has more than {_MOST_PARTS} parts")
    async for _ in chunks:
        pass
    return form


async def _read_part(
    form: Form, head: _Head, pieces: AsyncIterator[bytes], keep: bool, largest: int
) -> None:
    if head.name in form.texts or head.name in form.pictures:
        raise _invalid(f"{head.name} comes twice, and nothing says which of the two counts")
    first = await anext(pieces, b"")
    if head.name not in _PICTURES and formats.mime(first[: formats.HEAD]) is None:
        text = await _held(head, first, pieces, _LARGEST_TEXT)
        form.texts[head.name] = _decoded(head, text)
    elif first[:5].lower() == b"data:":
        text = await _held(head, first, pieces, largest * 4 // 3 + 128)
        form.pictures[head.name] = _from_data_uri(head, text, keep, largest)
    elif first[:8].lower().startswith((b"http://", b"https://")):
        text = await _held(head, first, pieces, _LARGEST_TEXT)
        form.pictures[head.name] = _from_url(head, text)
    else:
        form.pictures[head.name] = await _from_file(head, first, pieces, keep, largest)


async def _held(head: _Head, first: bytes, pieces: AsyncIterator[bytes], largest: int) -> bytes:
    held = bytearray(first)
    _bound(head, len(held), largest)
    async for piece in pieces:
        held += piece
        _bound(head, len(held), largest)
    return bytes(held)


async def _from_file(
    head: _Head, first: bytes, pieces: AsyncIterator[bytes], keep: bool, largest: int
) -> Picture:
    digest = hashlib.sha256(first)
    held = bytearray(first)
    last, size = first[-len(HARMFUL_MARK) :], len(first)
    async for piece in pieces:
        size += len(piece)
        _bound(head, size, largest)
        digest.update(piece)
        last = (last + piece[-len(HARMFUL_MARK) :])[-len(HARMFUL_MARK) :]
        if keep:
            held += piece
    _bound(head, size, largest)
    return Picture(
        "file",
        size,
        digest.hexdigest(),
        head.content_type,
        head.filename,
        mime=formats.mime(first[: formats.HEAD]),
        harmful=last == HARMFUL_MARK,
        content=bytes(held) if keep else None,
    )


def _from_data_uri(head: _Head, text: bytes, keep: bool, largest: int) -> Picture:
    prefix, _, encoded = text.partition(b",")
    if not prefix.lower().endswith(b";base64"):
        raise _invalid(f"{head.name} is a data URI without Base64")
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise _invalid(f"{head.name} holds broken Base64") from None
    _bound(head, len(content), largest)
    return Picture(
        "data",
        len(content),
        hashlib.sha256(content).hexdigest(),
        head.content_type,
        head.filename,
        mime=formats.mime(content[: formats.HEAD]),
        harmful=content.endswith(HARMFUL_MARK),
        content=content if keep else None,
    )


def _from_url(head: _Head, text: bytes) -> Picture:
    digest = hashlib.sha256(text).hexdigest()
    url = _decoded(head, text)
    return Picture("url", len(text), digest, head.content_type, head.filename, url=url)


def _decoded(head: _Head, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _invalid(f"{head.name} is not UTF-8 text") from None


class _Scanner:
    """Finds marks in a stream of chunks."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        # So that the first boundary, which begins the body, looks like the others.
        self._buffer = b"\r\n"

    async def take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._fill()
        return self._cut(size, 0)

    async def upto(self, mark: bytes, largest: int) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > largest:
                raise _invalid("a part's head is too long")
            await self._fill()
        return self._cut(at, len(mark))

    async def pieces(self, mark: bytes) -> AsyncIterator[bytes]:
        """Yield what comes before the mark; the first piece is whole or long enough to be known."""
        while (at := self._buffer.find(mark)) < 0:
            certain = len(self._buffer) - len(mark) + 1
            if certain >= formats.HEAD:
                yield self._cut(certain, 0)
            await self._fill()
        yield self._cut(at, len(mark))

    async def _fill(self) -> None:
        chunk = await anext(self._chunks, b"")
        if not chunk:
            raise _invalid("the body ends before its closing boundary")
        self._buffer += chunk

    def _cut(self, size: int, skipped: int) -> bytes:
        piece, self._buffer = self._buffer[:size], self._buffer[size + skipped :]
        return piece


@dataclass(frozen=True, slots=True)
class _Head:
    """What a part says about itself."""

    name: str
    filename: str | None
    content_type: str | None

    @classmethod
    def parse(cls, block: bytes) -> _Head:
        lines = [line.partition(":") for line in block.decode(errors="replace").split("\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        parameters = _parameters(headers.get("content-disposition", ""))
        if not (name := parameters.get("name")):
            raise _invalid("a part has no name")
        return cls(name, parameters.get("filename"), headers.get("content-type"))


def _boundary(content_type: str) -> bytes:
    boundary = _parameters(content_type).get("boundary")
    if not boundary or not content_type.lower().startswith("multipart/form-data"):
        raise _invalid("content-type must be multipart/form-data with a boundary")
    return boundary.encode(errors="surrogateescape")  # as aiohttp reads what is not UTF-8


def _parameters(header: str) -> dict[str, str]:
    return {
        name.lower(): quoted.replace('\\"', '"') or plain
        for name, quoted, plain in _PARAMETER.findall(header)
    }


def _invalid(msg: str) -> envelopes.Refusal:
    return envelopes.Refusal(envelopes.INVALID_PARAM, msg)


def _bound(head: _Head, size: int, largest: int) -> None:
    if size > largest:
        msg = f"{head.name} is larger than {largest:,} bytes"
        raise envelopes.Refusal(envelopes.INVALID_PARAM, msg, http_status=413)
