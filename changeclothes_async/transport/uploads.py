"""A body on its way out through aiohttp, which knows whether it was handed over whole.

`sent_whole` is set just before the closing boundary is handed over: while it is down, no server has
a whole request, so nothing can have been paid.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

from aiohttp import abc, payload

from changeclothes_async import errors
from changeclothes_async.protocol import multipart
from changeclothes_async.transport import files

_SLICE = 128 * 2**10


class Upload(payload.Payload):
    """A body on its way out; tells whether its closing boundary was handed to the socket."""

    _autoclose = True

    def __init__(
        self, body: multipart.Body, on_bytes: Callable[[int, bool], None] | None = None
    ) -> None:
        super().__init__(body, content_type=body.content_type)
        self._size = self.length = body.length
        self._on_bytes = on_bytes
        self.taken = False
        self.begun = False
        self.sent_whole = False
        self.failure: errors.NotAnImage | None = None
        self._transport: asyncio.WriteTransport | None = None

    @property
    def size(self) -> int | None:
        """Its length in bytes; asked for when a request is made of it, which no mock does."""
        self.taken = True
        return self._size

    @property
    def is_overtaken(self) -> bool:
        """Whether the answer to it was there before it: one to another request, or to none."""
        return self.taken and not self.begun

    async def write_with_length(
        self, writer: abc.AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write every frame, raise the flag, and write the closing boundary."""
        del content_length  # our own, which `size` has announced
        body: multipart.Body = self._value
        self._transport = getattr(writer, "transport", None)
        try:
            if _has_answered(writer):
                raise ConnectionResetError("an answer was there before the request")
            self.begun = True
            for piece in _pieces(body.frames):
                if isinstance(piece, multipart.Stored):
                    # Closed by whoever leaves it, or a file stays open until garbage is collected.
                    async with contextlib.aclosing(files.chunks(piece)) as chunks:
                        async for chunk in chunks:
                            await self._hand_over(writer, chunk)
                else:
                    await self._hand_over(writer, piece)
            if self._transport and self._transport.is_closing():
                raise ConnectionResetError("the connection ended in the upload")
            self.sent_whole = True
            await self._hand_over(writer, body.tail)
        except BaseException as failure:
            self.abort()
            if isinstance(failure, errors.NotAnImage):
                self.failure = failure
            raise

    def abort(self) -> None:
        """Drop the connection that it did not go through, with what is not sent yet.

        Only closed, it would keep its socket until a peer that does not read has taken everything.
        One that is open after a whole request may be another's already.
        """
        if self._transport and (not self.sent_whole or self._transport.is_closing()):
            self._transport.abort()

    async def _hand_over(self, writer: abc.AbstractStreamWriter, chunk: bytes | memoryview) -> None:
        await writer.write(chunk)
        if self._on_bytes:
            self._on_bytes(len(chunk), self.sent_whole)

    def leaves(self) -> None:
        """Take note that another machine sends it, at a moment that is not known here."""
        self.sent_whole = True
        if self._on_bytes:
            self._on_bytes(self._size or 0, True)

    async def write(self, writer: abc.AbstractStreamWriter) -> None:
        """Write the whole body; an older form that aiohttp's base class asks for."""
        await self.write_with_length(writer, None)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Refuse: a body is never turned into text, nor shown."""
        del encoding, errors
        raise TypeError("an upload is not text")


def _has_answered(writer: abc.AbstractStreamWriter) -> bool:
    """Tell whether something came on a kept connection since its last answer was read."""
    return bool(getattr(getattr(writer, "protocol", None), "should_close", False))


def _pieces(
    frames: Iterable[bytes | multipart.Stored],
) -> Iterator[bytes | memoryview | multipart.Stored]:
    """Cut what is in memory into pieces; small neighbours go together, for fewer packets."""
    held: list[bytes] = []
    room = _SLICE
    for frame in frames:
        if held and (isinstance(frame, multipart.Stored) or len(frame) > room):
            yield b"".join(held)
            held, room = [], _SLICE
        if isinstance(frame, multipart.Stored):
            yield frame
        elif len(frame) <= room:
            held.append(frame)
            room -= len(frame)
        else:
            view = memoryview(frame)
            for start in range(0, len(frame), _SLICE):
                yield view[start : start + _SLICE]
    if held:
        yield b"".join(held)
