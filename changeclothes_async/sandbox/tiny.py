"""Results at once: small pictures made of their number alone, never drawn and never kept."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

from changeclothes_async.sandbox import naming
from changeclothes_async.sandbox.checks import ChangeByPrompt, TryOn

_WIDTH, _HEIGHT = 8, 12
_PATH = re.compile(r"/results/([0-9]{1,19})(-mask)?\.png")


class TinyStudio:
    """A studio without Pillow, for thousands of calls a second."""

    keeps_pictures = False

    def __init__(self) -> None:
        self._numbers = naming.Numbers()

    async def try_on(self, job: TryOn) -> tuple[str, str]:  # noqa: ARG002 - as every studio has it
        """Return the paths of the result and of the mask."""
        number = self._numbers.next()
        return f"/results/{number}.png", f"/results/{number}-mask.png"

    async def change_by_prompt(self, job: ChangeByPrompt, seed: int) -> str:  # noqa: ARG002 - as above
        """Return the path of the result."""
        return f"/results/{self._numbers.next()}.png"

    async def find(self, path: str) -> bytes | None:
        """Return the picture at this path, whichever process named it."""
        found = _PATH.fullmatch(path)
        return png(2 * int(found[1]) + bool(found[2])) if found else None

    async def drawn(self) -> dict[str, Any]:
        """Return no names: there are no drawn pictures."""
        return {"models": [], "garments": {}}

    def close(self) -> None:
        """Nothing is open."""


def png(number: int) -> bytes:
    """Return a PNG of 8 x 12 pixels, another one for each number under 2**72."""
    digits = number.to_bytes(9)
    # The golden ratio spreads numbers that follow each other over all colours.
    colour = (number * 0x9E3779B97F4A7C15 % 2**64 >> 40).to_bytes(3)
    lines = [digits + colour * (_WIDTH - 3), *[colour * _WIDTH] * (_HEIGHT - 1)]
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)
