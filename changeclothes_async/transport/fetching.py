"""Fetches a result's picture: addresses checked, redirects and bytes limited, failures retried.

A download costs nothing, so it is repeated on its own when it fails.
"""

from __future__ import annotations

import codecs
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from changeclothes_async import errors
from changeclothes_async.protocol import addresses, formats, retries, texts
from changeclothes_async.transport import downloads, trying

_HOPS = 3
_TRIES = 4
_PAUSES = retries.Policy(base=0.25, longest_backoff=8.0)
_WORDS = 64  # bytes at the beginning, by which words are told from a picture
_FOR_NOW = {404, 408, 425, 429}  # 404: a result may be announced before its store has it

T = TypeVar("T")
Consume = Callable[[AsyncIterator[bytes]], Awaitable[T]]


async def fetch(web: downloads.Downloads, url: str, consume: Consume[T]) -> T:
    """Fetch a picture and return what `consume` makes of its chunks; it may be called repeatedly.

    https only (http on loopback where the API itself is there), public addresses only, at most
    three redirects and `max_result_bytes` bytes. Raises DownloadFailed.
    """
    with web.under_way():
        return await trying.tried(lambda: _once(web, url, consume), _backoff)


def _backoff(error: errors.ChangeClothesError, attempt: int) -> float | None:
    may_pass = isinstance(error, errors.DownloadFailed) and not error.final and attempt < _TRIES
    return retries.pause(_PAUSES, error, attempt) if may_pass else None


async def _once(web: downloads.Downloads, url: str, consume: Consume[T]) -> T:
    most = web.options.max_result_bytes
    for _ in range(_HOPS + 1):
        _check_address(url, near=web.options.near)
        async with web.get(url) as (status, headers, chunks):
            if status not in {301, 302, 303, 307, 308}:
                _check_answer(url, status, headers, most)
                kind = headers.get("content-type", "").lower()
                picture = _pictured(url, chunks, kind)
                return await consume(_capped(url, picture, most))
        url = _joined(url, headers.get("location", ""))
    raise _failed(url, "it redirects too often", final=True)


def _joined(url: str, location: str) -> str:
    if not location:
        raise _failed(url, "it redirects without a Location header", final=True)
    try:
        return urljoin(url, location)
    except ValueError:
        failure = _failed(url, f"it redirects to {location[:100]!r}, not an address", final=True)
    raise failure


def _check_address(url: str, *, near: bool) -> None:
    try:
        host, scheme = downloads.host(url).rstrip("."), urlsplit(url).scheme
    except ValueError:
        host = scheme = ""
    near = near and addresses.is_loopback(host)
    if not host or not (scheme == "https" or (scheme == "http" and near)):
        raise _failed(url, "results are fetched over https only", final=True)
    # What is a name is looked at when it is connected to; behind a proxy only this is left.
    if not near and (addresses.is_loopback(host) or _is_private(host)):
        raise _failed(url, f"{host} is not a public address", final=True)


def _is_private(host: str) -> bool:
    # 127.1 and 0x7f000001 are addresses to a system too; letters that it cannot take are none.
    with contextlib.suppress(OSError, ValueError):
        host = socket.inet_ntoa(socket.inet_aton(host))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not addresses.is_public(host)


def _check_answer(url: str, status: int, headers: Mapping[str, str], most: int) -> None:
    if status != 200:
        raise _failed(url, f"HTTP {status}", final=400 <= status < 500 and status not in _FOR_NOW)
    if headers.get("content-encoding", "identity").lower() not in {"identity", ""}:
        raise _failed(url, "it is compressed, though compression was not requested", final=True)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(url, most)


async def _pictured(url: str, chunks: AsyncIterator[bytes], kind: str) -> AsyncIterator[bytes]:
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= formats.HEAD:
            break
    _check_head(url, head, kind)
    yield head
    async for chunk in chunks:
        yield chunk


def _check_head(url: str, head: bytes, kind: str) -> None:
    if not head:
        raise _failed(url, "it is empty")
    if formats.of(head[: formats.HEAD]):
        return  # whatever type it is called: many servers call all they have text/html
    if kind.startswith(("text/", "application/json")):
        raise _failed(url, f"it is {kind[:60]}, not a picture")
    if head.lstrip()[:1] in {b"<", b"{"}:
        raise _failed(url, "it is a page, not a picture")
    if _is_text(head):  # all else may be a format to come
        raise _failed(url, "it is not a picture")


def _is_text(head: bytes) -> bool:
    """Tell words in any language, of which the last letter may be cut."""
    try:
        words = codecs.getincrementaldecoder("utf-8")().decode(head[:_WORDS])
    except UnicodeDecodeError:
        return False
    return "".join(words.split()).isprintable()


async def _capped(url: str, chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _too_large(url, most)
        yield chunk


def _too_large(url: str, most: int) -> errors.DownloadFailed:
    return _failed(url, f"it is larger than {most} bytes", final=True)


def _failed(url: str, why: str, *, final: bool = False) -> errors.DownloadFailed:
    said = texts.on_a_line(f"The result at {url[:300]} was not fetched: {why}.")
    return errors.DownloadFailed(said, url=url, final=final)
