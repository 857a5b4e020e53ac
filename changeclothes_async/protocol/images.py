"""One picture as a value, from whatever users pass in.

The three forms of the API page ("请求体 FormData 参数": a URL, a Base64 data URI, a file) are told
apart here; whether a file exists, and what it holds, is found when it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import data_uris, formats, texts

ACCEPTED = "a path, an http(s) URL, a data: URI, bytes, an open binary file or a PIL image"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PERHAPS_BASE64 = 200  # letters, from which on a text is looked at as a picture


@dataclass(frozen=True, slots=True)
class Link:
    """A picture that the service fetches itself."""

    url: str

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for its address, and for no picture's content."""
        return hashlib.sha256(b"url " + self.url.encode()).digest()


@dataclass(frozen=True, slots=True)
class File:
    """A picture on this machine's disk, by absolute path."""

    path: str
    keep: object = field(default=None, repr=False, compare=False)
    """What must live as long as the file is needed, such as a temporary file's owner."""
    digest: bytes = field(default=b"", repr=False, compare=False)
    """32 bytes that stand for its content, once it was looked at for many jobs."""
    size: int = field(default=0, repr=False, compare=False)
    """How many bytes are sent of it, known at the same time."""


@dataclass(frozen=True)
class Bytes:
    """A picture in memory."""

    data: bytes = field(repr=False)
    made_of: bytes | None = field(default=None, repr=False, compare=False)
    """What stands for a picture that was encoded here: an encoder's bytes change with its version,
    and a job would be paid for again."""

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for it in a job."""
        return self.made_of or self.sha256

    @cached_property
    def sha256(self) -> bytes:
        """Its bytes' digest; kept, since one picture serves many jobs."""
        return hashlib.sha256(self.data).digest()

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)

    def __repr__(self) -> str:
        return f"Bytes({len(self.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Stream:
    """An open binary file, sync or async; it can be read only once, from where it stands."""

    handle: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A PIL image, to be sent as PNG."""

    image: Any = field(repr=False, hash=False)  # Pillow compares images, and cannot hash them


Image: TypeAlias = Link | File | Bytes | Stream | Drawn


class BinaryFile(Protocol):
    """An open binary file, sync or async."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """Return up to so many bytes, none at the end."""
        ...


class PillowImage(Protocol):
    """A PIL image, by the attributes that it is known by."""

    def getbands(self) -> tuple[str, ...]:
        """Name its channels."""
        ...

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002 - Pillow's
        """Write it to a file."""
        ...


ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | PillowImage
)
"""What a picture may be given as.

A path, a URL or a data URI as text, a path object, the bytes, an open binary file (sync or async),
or a PIL image.
"""


def called(image: Image) -> str:
    """Name a picture in a word or two: never its content, nor the rest of a signed address."""
    match image:
        case File(path):
            return texts.on_a_line(path.rpartition(os.sep)[2] or path)
        case Link(url):
            parts = urlsplit(url)
            name = unquote(parts.path).rstrip("/").rpartition("/")[2]
            return texts.on_a_line(name or str(parts.hostname))
        case Bytes(data):
            return f"{len(data):,} bytes"
        case Stream():
            return "an open file"
    return "a PIL image"


def of(source: object) -> Image:
    """Turn what a user gave as a picture into a value; nothing is read.

    Raises NotAnImage for anything that no picture can come from.
    """
    if isinstance(source, str):
        return _of_text(source)
    if isinstance(source, Link | File | Bytes | Stream | Drawn):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return Bytes(bytes(source))
    if isinstance(source, os.PathLike):
        return _file(os.fspath(source))
    if callable(getattr(source, "read", None)):
        return _of_handle(source)
    if hasattr(source, "getbands") and hasattr(source, "save"):
        return Drawn(source)
    hint = ""
    if hasattr(source, "__array_interface__"):  # numpy's, and whoever follows it
        hint = " PIL.Image.fromarray(array) makes a picture of it."
    elif hasattr(source, "scheme"):  # yarl's, pydantic's and httpx's URLs
        hint = " str(url) makes an address of it."
    raise errors.NotAnImage(
        f"A picture cannot be made from {type(source).__name__}.",
        next_step=f"Give {ACCEPTED}.{hint}",
    )


def source(image: Image) -> str | bytes:
    """Return what `of` makes the same picture of; raises InvalidInput for one of this program."""
    match image:
        case File(path):
            return path
        case Link(url):
            return url
        case Bytes(data):
            return data
    raise errors.InvalidInput(
        f"A job with {called(image)} cannot be written down.",
        next_step="Give it a path, an http(s) URL or bytes.",
    )


def data_uri(data: bytes) -> str:
    """Write a picture's bytes as text."""
    kind = formats.of(data[: formats.HEAD])
    return data_uris.encoded(kind.mime if kind else "application/octet-stream", data)


def _of_text(text: str) -> Image:
    start = text[:8].lower()
    if start.startswith(("http://", "https://")):
        return _link(text)
    if start.startswith("data:"):
        return Bytes(data_uris.decoded(text))
    if scheme := _SCHEME.match(text):
        raise errors.NotAnImage(
            f"The API takes no {scheme[1]}:// addresses.", next_step=f"Give {ACCEPTED}."
        )
    if len(text) > _PERHAPS_BASE64 and (found := formats.of(data_uris.bare(text))):
        raise errors.NotAnImage(
            f"The string of {len(text):,} characters is not a path but a picture in Base64.",
            next_step=f"Put data:{found.mime};base64, before it, or hand over the bytes.",
        )
    return _file(text)


def _of_handle(handle: Any) -> Stream:
    if hasattr(handle, "encoding") and hasattr(handle, "newlines"):
        raise errors.NotAnImage(
            "The file was opened as text.", next_step='Open it with mode "rb" and call again.'
        )
    return Stream(handle)


def _link(url: str) -> Link:
    try:
        usable = bool(urlsplit(url).hostname) and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable:
        raise errors.NotAnImage(
            f"{url[:200]!r} is not a usable URL.", next_step="Give a whole http(s) address."
        )
    return Link(url)


def _file(path: str | bytes) -> File:
    text = os.fsdecode(path)
    if not text or "\0" in text or not _is_nameable(text):
        raise errors.NotAnImage(f"{text[:200]!r} is not a path.", next_step=f"Give {ACCEPTED}.")
    return File(arguments.absolute(text))


def _is_nameable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # lone surrogates, which JSON can spell
        return False
    return True
