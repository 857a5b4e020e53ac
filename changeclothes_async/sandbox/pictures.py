"""Makes the sandbox's pictures: a model in a garment, or in what a prompt says."""

from __future__ import annotations

import io
import warnings
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from . import cutting, dressing, figure, fitting, prompting
from . import garment as garments
from .cutting import Bytes, Floats

LARGEST = 40_000_000  # pixels in a picture; a file of a few bytes can claim many more
MODEL_EDGE, GARMENT_EDGE = 1280, 768
SMALLEST = 64  # pixels; a smaller picture is worked on enlarged


class Dressed(NamedTuple):
    """Two WebP files: the result, and the model picture with the changed region on it."""

    result: bytes
    mask: bytes


class Unreadable(ValueError):
    """A file is no picture that can be read; the message is fit to be shown."""


def try_on(model: bytes, garment: bytes, category: str) -> Dressed:
    """Dress the model in the garment.

    `category` is `upper_body`, `lower_body` or `dresses`.
    The result has the model picture's size, at most 1280 pixels on the long edge.
    Raise Unreadable when one of the files is no picture.
    """
    person, _ = _read(model, MODEL_EDGE)
    cloth, cover = _read(garment, GARMENT_EDGE)
    large = _enlarged(person)
    return _finish(person, *_wear(large, cloth, cover, category))


def change_by_prompt(
    model: bytes,
    prompt: str,
    *,
    seed: int,
    guidance_scale: float = 50,
    num_inference_steps: int = 28,
) -> Dressed:
    """Give the model's clothes the colours and the pattern of the prompt's words.

    The same arguments give the same bytes; the seed moves shade and pattern.
    A `guidance_scale` (1 to 100) under 50 leaves some of the old colour, few `num_inference_steps`
    (1 to 50) only the broad folds.
    Raise Unreadable when the file is no picture.
    """
    person, _ = _read(model, MODEL_EDGE)
    large = _enlarged(person)
    body = figure.find(large, cutting.cut(large).alpha)
    wish = prompting.read(prompt, seed)
    strength = min(1.0, 0.3 + 0.7 * guidance_scale / 50)
    fine = 0.005 * max(1.0, 28 / max(num_inference_steps, 1))
    return _finish(person, *dressing.recolour(large, body, wish, strength, fine))


def _wear(
    person: Bytes, cloth: Bytes, cover: Floats | None, category: str
) -> tuple[Floats, Floats]:
    body = figure.find(person, cutting.cut(person).alpha)
    cloth = _enlarged(cloth)
    cover = cutting.cut(cloth, near=7).alpha if cover is None else _enlarged(cover)
    piece = garments.find(cloth, cover, lower=category == "lower_body")
    layers = fitting.fit(piece, body, category)
    return dressing.dress(person, body, layers, category)


def _read(data: bytes, edge: int) -> tuple[Bytes, Floats | None]:
    """Return RGB pixels, upright and at most `edge` long, and the cover if part is transparent."""
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
            picture = ImageOps.exif_transpose(picture)
    except (Unreadable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable("a picture of too many pixels is too large; send a smaller one") from error
    except Exception as error:  # the decoders of broken files raise whatever they like
        raise Unreadable(
            "not a picture that can be read; send a whole JPEG, PNG or WebP"
        ) from error
    return _pixels(picture, edge)


def _pixels(picture: Image.Image, edge: int) -> tuple[Bytes, Floats | None]:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, np.float64)
        span = 65535 if values.max(initial=0) > 255 else 255
        picture = Image.fromarray(np.clip(values / span * 255, 0, 255).astype(np.uint8))
    rgba = picture.convert("RGBA")
    rgba.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    pixels = np.asarray(rgba)
    alpha = pixels[..., 3:].astype(np.float32) / np.float32(255)
    if alpha.min() > 0.95:
        return np.ascontiguousarray(pixels[..., :3]), None
    flat = pixels[..., :3] * alpha + 245 * (1 - alpha)
    return flat.astype(np.uint8), alpha[..., 0] if alpha.mean() > 0.02 else None


def _enlarged(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the picture with no edge under SMALLEST pixels."""
    size = max(pixels.shape[1], SMALLEST), max(pixels.shape[0], SMALLEST)
    if size == pixels.shape[1::-1]:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def _finish(person: Bytes, result: Floats, changed: Floats) -> Dressed:
    size = person.shape[1::-1]
    if size != changed.shape[::-1]:
        result = np.asarray(cv2.resize(result, size, interpolation=cv2.INTER_AREA), np.float32)
        changed = np.asarray(cv2.resize(changed, size, interpolation=cv2.INTER_AREA), np.float32)
    veil = 0.62 * np.clip(cutting.blur(changed, 1.5), 0, 1)[..., None]
    masked = person * (1 - veil) + 128 * veil
    return Dressed(_write(result), _write(masked))


def _write(pixels: Floats) -> bytes:
    picture = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    _marked(picture).save(file, "WEBP", quality=88, method=2)
    return file.getvalue()


def _marked(picture: Image.Image) -> Image.Image:
    """Write in the lower corner that this is a sandbox picture."""
    size = max(4, round(min(picture.width, picture.height) * 0.022))
    font = ImageFont.load_default(size)
    words = "SANDBOX  changeclothes"
    left, top, right, bottom = (round(n) for n in font.getbbox(words))
    x = picture.width - (right - left) - 2 * size
    y = picture.height - (bottom - top) - 2 * size
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    box = (x - size, y - size * 0.6, picture.width - size, picture.height - size * 0.7)
    draw.rounded_rectangle(box, size * 0.7, fill=(20, 20, 24, 105))
    draw.text((x - left, y - top), words, font=font, fill=(255, 255, 255, 225))
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")
