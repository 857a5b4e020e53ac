"""Reads pictures out of files, and writes them as marked WebP files."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Bytes

LARGEST = 40_000_000  # pixels in a picture; a file of a few bytes can claim many more
WORDS = "SANDBOX changeclothes"


class Unreadable(ValueError):
    """A file is no picture that can be read; the message is fit to be shown."""


def read(data: bytes, edge: int) -> tuple[Bytes, Bytes | None]:
    """Return RGB pixels, upright and at most `edge` long, and the cover if part is transparent.

    Raise Unreadable when the file is no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture: Image.Image = Image.open(io.BytesIO(data))
            if picture.width * picture.height > LARGEST:
                raise Unreadable(
                    f"a picture of {picture.width} x {picture.height} pixels is too large; "
                    f"send at most {LARGEST // 1_000_000} megapixels"
                )
            picture.draft("RGB", (edge, edge))  # a large JPEG is decoded small at once
            picture.load()
            with contextlib.suppress(Exception):  # broken metadata are no broken picture
                picture = ImageOps.exif_transpose(picture)
    except (Unreadable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable("a picture of too many pixels is too large; send a smaller one") from error
    except Exception as error:  # the decoders of broken files raise whatever they like
        raise Unreadable(
            "not a picture that can be read; send a whole JPEG, PNG or WebP"
        ) from error
    return _parts(picture, edge)


def _parts(picture: Image.Image, edge: int) -> tuple[Bytes, Bytes | None]:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, np.float32)
        span = 65535 if values.max(initial=0) > 255 else 255
        picture = Image.fromarray(pixels.as_bytes(np.maximum(values, 0), 255 / span))
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    colours = np.array(picture)
    if picture.mode == "RGB" or colours[..., 3].min() > 242:
        return np.ascontiguousarray(colours[..., :3]), None
    alpha = np.ascontiguousarray(colours[..., 3])
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, (245, 245, 245)), picture)
    return np.array(picture.convert("RGB")), alpha if alpha.mean() > 5 else None


def write(rgb: Bytes) -> bytes:
    """Return RGB pixels as a WebP file, with a mark that it is a sandbox picture."""
    picture = Image.fromarray(rgb)
    badge = _badge(max(4, round(min(picture.size) * 0.022)))
    picture.paste(badge, (picture.width - badge.width, picture.height - badge.height), badge)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=84, method=0)  # half the time, a quarter larger
    return file.getvalue()


@lru_cache(maxsize=8)
def _badge(size: int) -> Image.Image:
    """Draw the mark for the lower right corner; `size` is its letters' height."""
    font = ImageFont.load_default(size)
    left, _, right, _ = (round(n) for n in font.getbbox(WORDS))
    # A capital is what the eye centres: the one g that hangs below would push the words up.
    _, top, _, bottom = (round(n) for n in font.getbbox("X"))
    width, height = right - left + 4 * size, bottom - top + 4 * size
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    box = (size, size, width - size - 1, height - size - 1)
    draw.rounded_rectangle(box, size * 0.7, fill=(20, 20, 24, 105))
    draw.text((2 * size - left, 2 * size - top), WORDS, font=font, fill=(255, 255, 255, 225))
    return layer
