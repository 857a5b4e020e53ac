"""Picture formats, recognised by a file's first bytes, and their usual suffixes."""

from __future__ import annotations

from dataclasses import dataclass

from changeclothes_async import errors


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format: its MIME type and its usual suffix."""

    mime: str
    suffix: str


_STARTS: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", Format("image/jpeg", ".jpg")),
    (b"\x89PNG\r\n\x1a\n", Format("image/png", ".png")),
    (b"GIF87a", Format("image/gif", ".gif")),
    (b"GIF89a", Format("image/gif", ".gif")),
    (b"II*\x00", Format("image/tiff", ".tiff")),
    (b"MM\x00*", Format("image/tiff", ".tiff")),
)
_WEBP = Format("image/webp", ".webp")
_BMP = Format("image/bmp", ".bmp")
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), Format("image/avif", ".avif")),
    **dict.fromkeys(
        (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
        Format("image/heic", ".heic"),
    ),
}
SUFFIXES = frozenset(
    known.suffix for known in (*(known for _, known in _STARTS), _WEBP, _BMP, *_BRANDS.values())
)
"""The usual suffixes of all formats that are known."""
SPELLINGS = {
    **dict.fromkeys((".jpeg", ".jpe", ".jfif"), ".jpg"),
    ".tif": ".tiff",
    ".heif": ".heic",
}
"""Other suffixes of the same formats, each with the usual one."""
HEAD = 16
"""How many first bytes `of` looks at."""


def of(head: bytes) -> Format | None:
    """Tell a picture's format from its first bytes; None when it is none that is known."""
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _WEBP
    # A BMP's reserved words are zero; "BM" alone would take many a text for a picture.
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return _BMP
    return _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None


def checked(data: bytes, name: str, if_empty: str = "Give a picture that is whole.") -> Format:
    """Return the format of what begins with `data`; raises NotAnImage, calling it `name`.

    `if_empty` is the next step where there are no bytes.
    """
    if not data:
        raise errors.NotAnImage(f"{name} is empty.", next_step=if_empty)
    found = of(data[:HEAD])
    if found is None:
        raise errors.NotAnImage(
            f"{name} is not a picture: it begins with {data[:8]!r}.",
            next_step="Give a JPEG, PNG, WebP or another picture file.",
        )
    return found
