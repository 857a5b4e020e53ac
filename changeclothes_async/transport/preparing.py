"""Photographs made fit to be sent: upright, and no larger than an edge; in worker threads.

Rules of this file:

* What is upright and small enough already is sent byte for byte as it was.
* So is what has several frames, or a format that Pillow cannot read: it is the service's to judge.
* Pillow decodes a few pictures at once, not as many as there are calls: each takes memory.
"""

from __future__ import annotations

import io
import threading
from importlib.util import find_spec
from typing import Any

from changeclothes_async import errors
from changeclothes_async.protocol import images, multipart

EDGE = 2048
"""The longest edge, in pixels, that `prepare=True` stands for."""

_ORIENTATION = 0x0112
_SENT_AS_IT_IS = {"JPEG", "PNG", "WEBP"}
_QUALITY = 90
_AT_ONCE = threading.BoundedSemaphore(4)


def edge(prepare: bool | int) -> int | None:
    """Give the longest edge that is asked for, None for none.

    Raises InvalidInput for what is no edge, and MissingExtra where there is no Pillow.
    """
    if prepare is False:
        return None
    longest = EDGE if prepare is True else prepare
    if not isinstance(longest, int) or not 64 <= longest <= 65_535:
        raise errors.InvalidInput(
            f"prepare={prepare!r} is not accepted.",
            next_step="Give True, or the longest edge in pixels from 64 to 65535.",
        )
    if not find_spec("PIL"):
        raise errors.MissingExtra(
            "Preparing photographs needs Pillow: pip install 'changeclothes-async[pictures]'."
        )
    return longest


def prepared(picture: multipart.Picture, longest: int) -> multipart.Picture:
    """Give a picture upright and with no edge over `longest`; itself where it is so already.

    Raises NotAnImage for a broken one, MissingExtra for HEIC without its reader.
    """
    from PIL import Image, UnidentifiedImageError

    if picture.kind.mime == "image/heic":
        _read_heic()
    content = picture.content
    source = io.BytesIO(content.data) if isinstance(content, images.Bytes) else content.path
    try:
        with _AT_ONCE, Image.open(source) as image:
            data = _encoded(image, longest)
    except UnidentifiedImageError:
        return picture
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        broken = errors.NotAnImage(
            f"The picture cannot be prepared ({error}).",
            next_step="Give a whole one, or leave out prepare=….",
        )
    else:
        if data is None:
            return picture
        return multipart.Picture(images.Bytes(data), images.checked(data, "The prepared picture"))
    raise broken


def _encoded(image: Any, longest: int) -> bytes | None:
    """Encode it anew; None where it can stay as it is."""
    from PIL import ImageOps

    upright = image.getexif().get(_ORIENTATION, 1) == 1
    fits = max(image.size) <= longest
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        return None
    if upright and fits and image.format in _SENT_AS_IT_IS | {"MPO"}:
        return None
    profile = image.info.get("icc_profile")
    if not fits:
        image.draft("RGB", (longest, longest))  # a JPEG is decoded at a fraction of its size
    image = ImageOps.exif_transpose(image)
    image.thumbnail((longest, longest))
    file = io.BytesIO()
    # Sharp edges and transparency stay what they are; photographs stay photographs.
    form = image.format if image.format in _SENT_AS_IT_IS else _format(image)
    _flat(image, form).save(file, form, **_terms(form), icc_profile=profile)
    return file.getvalue()
