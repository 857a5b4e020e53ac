"""A picture's file inside a page: as a small data URI with Pillow, or as it is without."""

from __future__ import annotations

from changeclothes_async.protocol import data_uris, formats
from changeclothes_async.transport.places import Spot


def small(path: Spot, width: int, height: int) -> str | None:
    """Return the picture, no larger than `width` x `height`, as a data URI.

    None without Pillow, and for what is no picture.
    """
    try:
        from changeclothes_async.bulk.lookbook import thumbs  # Pillow is an extra
    except ImportError:
        return None
    image = thumbs.small(path, width, height)
    return data_uris.encoded("image/webp", thumbs.webp(image)) if image else None


def whole(path: Spot, limit: int) -> str | None:
    """Return the file itself as a data URI; None above `limit` bytes, or if it is no picture."""
    try:
        data = path.read_bytes() if path.stat().st_size <= limit else b""
    except Exception:  # each store raises errors of its own kinds
        return None
    kind = formats.of(data[: formats.HEAD])
    return data_uris.encoded(kind.mime, data) if kind else None
