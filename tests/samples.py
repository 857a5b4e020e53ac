"""Pictures to send, small enough to read in a failure's message."""

from __future__ import annotations

import base64
import struct
import zlib


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size: int = 0) -> bytes:
    """Make a whole one-pixel PNG, padded to a size with a text chunk where one is given."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + _chunk(b"IEND", b"")
    padding = size - len(head) - len(tail) - 12
    return head + (_chunk(b"teXt", b"x" * padding) if padding > 0 else b"") + tail


PNG = png()
JPEG = b"\xff\xd8\xff\xe0" + b"jpeg " * 20
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"webp " * 20
_PAGE = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
EPS = b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, len(_PAGE)) + bytes(20) + _PAGE
"""PostScript as a picture, with a head that is no text; who decodes it runs a program."""
DATA_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()

LOOK = {"model": PNG, "garment": JPEG, "category": "dresses"}
"""The arguments of a small whole call."""
