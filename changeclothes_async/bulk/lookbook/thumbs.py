"""Pictures made small with Pillow; one that cannot be read is None."""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image

from changeclothes_async.protocol import formats
from changeclothes_async.transport import preparing
from changeclothes_async.transport.places import Spot

PAPER = (250, 248, 245)


def small(path: Spot, width: int, height: int) -> Image.Image | None:
    """Read a picture, upright and in RGB, no larger than `width` x `height` pixels.

    What is transparent becomes the colour of paper.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with path.open("rb") as file:
                if not formats.of(file.read(formats.HEAD)):
                    return None  # Pillow hands PostScript to a program that runs it
                file.seek(0)
                with Image.open(file) as image:
                    image.thumbnail((width, height), reducing_gap=2.0)
                    return _flat(preparing.upright(image))
    except Exception:  # Pillow's readers raise whatever they like at broken files
        return None


def webp(image: Image.Image) -> bytes:
    """Encode a small picture for a page."""
    data = BytesIO()
    image.save(data, "WEBP", quality=80, method=4)
    return data.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, (*PAPER, 255))
    return Image.alpha_composite(paper, layer).convert("RGB")
