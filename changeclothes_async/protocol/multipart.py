"""A request's body as a recipe: walked any number of times, it gives the same bytes each time.

Rules of this file:

* Names, file names and types in part headers are ours, never the user's: nothing can be injected.
* Texts go first, so that what follows the last picture is the closing boundary alone.
* The closing boundary stands apart (`tail`): before it is handed over, no server has a whole
  request, and that is what tells "not sent" from "may have been paid".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from changeclothes_async.protocol import formats, images


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that stays on disk until it is sent; `stamp` tells whether it has changed since."""

    path: str
    size: int
    stamp: tuple[int, ...]
    keep: object = field(default=None, repr=False, compare=False)
    """What must live as long as the file is needed, such as a temporary file's owner."""


@dataclass(frozen=True, slots=True)
class Part:
    """A picture that is ready to be sent as a file part."""

    content: images.Bytes | Stored = field(repr=False)
    format: formats.Format

    @property
    def frame(self) -> bytes | Stored:
        """What goes into a body."""
        return self.content.data if isinstance(self.content, images.Bytes) else self.content

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return _size(self.frame)


@dataclass(frozen=True, slots=True)
class Body:
    """A multipart/form-data body (RFC 7578) with its exact length in bytes."""

    content_type: str
    length: int
    frames: tuple[bytes | Stored, ...] = field(repr=False)
    tail: bytes = field(repr=False)
    formats: frozenset[formats.Format] = frozenset()
    """The formats of its pictures."""


def body(
    texts: Iterable[tuple[str, str]],
    pictures: Iterable[tuple[str, images.Link | Part]],
    boundary: str | None = None,
) -> Body:
    """Frame texts and pictures by their wire names; a link goes as a text.

    The boundary is 128 random bits, so no picture holds it.
    """
    boundary = boundary or secrets.token_hex(16)
    opening = f"--{boundary}\r\n"
    head = "".join([_text(opening, name, value) for name, value in texts])
    frames: list[bytes | Stored] = []
    found = set()
    for name, picture in pictures:
        if isinstance(picture, images.Link):
            head += _text(opening, name, picture.url)
        else:
            found.add(picture.format)
            head += _file(opening, name, picture.format)
            frames += (head.encode(), picture.frame)
            head = "\r\n"
    tail = f"{head}--{boundary}--\r\n".encode()
    return Body(
        content_type=f"multipart/form-data; boundary={boundary}",
        length=sum(map(_size, frames)) + len(tail),
        frames=tuple(frames),
        tail=tail,
        formats=frozenset(found),
    )


def _text(opening: str, name: str, value: str) -> str:
    return f'{opening}Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def _file(opening: str, name: str, form: formats.Format) -> str:
    return (
        f'{opening}Content-Disposition: form-data; name="{name}"; '
        f'filename="{name}{form.suffix}"\r\nContent-Type: {form.mime}\r\n\r\n'
    )


def _size(frame: bytes | Stored) -> int:
    return len(frame) if isinstance(frame, bytes) else frame.size
