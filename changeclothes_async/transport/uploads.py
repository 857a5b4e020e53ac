"""A body on its way out through aiohttp, which knows whether it was handed over whole.

`sent_whole` is set just before the closing boundary is handed over: while it is down, no server has
a whole request, so nothing can have been paid.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable

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
        self._size = body.length
        self._on_bytes = on_bytes
        self.sent_whole = False
        self.failure: errors.NotAnImage | None = None

    async def write_with_length(
        self, writer: abc.AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write every frame, raise the flag, and write the closing boundary."""
        del content_length  # our own, which `size` has announced
        body: multipart.Body = self._value
        try:
            async with contextlib.aclosing(_chunks(body.frames)) as chunks:
                async for chunk in chunks:
                    await writer.write(chunk)
                    if self._on_bytes:
                        self._on_bytes(len(chunk), False)
        except errors.NotAnImage as failure:
            self.failure = failure
            raise
        self.sent_whole = True
        await writer.write(body.tail)
        if self._on_bytes:
            self._on_bytes(len(body.tail), True)

    def leaves(self) -> None:
        """Take note that another machine sends it, and when is not known here."""
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


async def _chunks(
    frames: Iterable[bytes | multipart.Stored],
) -> AsyncGenerator[bytes | memoryview]:
    """Walk over frames piece by piece; small neighbours go together, for fewer packets.

    Whoever leaves it closes it, or a file would be open until garbage is collected.
    """
    held: list[bytes] = []
    room = _SLICE
    for frame in frames:
        if held and (not isinstance(frame, bytes) or len(frame) > room):
            yield b"".join(held)
            held, room = [], _SLICE
        if not isinstance(frame, bytes):
            async with contextlib.aclosing(files.chunks(frame)) as chunks:
                async for chunk in chunks:
                    yield chunk
        elif len(frame) <= room:
            held.append(frame)
            room -= len(frame)
        else:
            view = memoryview(frame)
            for start in range(0, len(frame), _SLICE):
                yield view[start : start + _SLICE]
    if held:
        yield b"".join(held)
