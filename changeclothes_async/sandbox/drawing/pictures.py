"""Makes the sandbox's pictures: a model in a garment, or in what a prompt says."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import (
    cutting,
    drawn_garments,
    dressing,
    fitting,
    picture_files,
    pixels,
    prompting,
)
from changeclothes_async.sandbox.drawing import figure_clothes as people
from changeclothes_async.sandbox.drawing import garment as garments
from changeclothes_async.sandbox.drawing.picture_files import Unreadable
from changeclothes_async.sandbox.drawing.pixels import Bytes
from changeclothes_async.sandbox.drawing.remembering import remembered

__all__ = ["Dressed", "Unreadable", "change_by_prompt", "look", "try_on"]

MODEL_EDGE, GARMENT_EDGE = 1280, 768
_ORDER = ("lower_body", "dresses", "upper_body")  # as they are put on
SMALLEST = 64  # pixels; a smaller picture is worked on enlarged


class Dressed(NamedTuple):
    """Two WebP files: the result, and the model picture with the changed region on it."""

    result: bytes
    mask: bytes


class _Seen(NamedTuple):
    person: people.Person
    size: tuple[int, int]  # of the picture as it came, width and height


def look(model: bytes) -> None:
    """Look at a model picture before it is dressed; raise Unreadable when the file is none."""
    _seen(model)


def try_on(model: bytes, garment: bytes, category: str) -> Dressed:
    """Dress the model in the garment.

    `category` is `upper_body`, `lower_body` or `dresses`.
    The result has the model picture's size, at most 1280 pixels on the long edge.
    Raise Unreadable when one of the files is no picture.
    """
    seen = _seen(model)
    bare = _bare(model, category)
    layers = fitting.fit(_garment(garment, category == "lower_body"), seen.person.figure, category)
    result, changed = dressing.dress(seen.person, bare, layers)
    person, veil = seen.person.rgb, np.float32(0.62) * pixels.blur(changed, 1.5)
    masked = pixels.mixed(person, np.full_like(person, 128), veil)
    return Dressed(_write(result, seen.size), _write(masked, seen.size))


def change_by_prompt(
    model: bytes,
    prompt: str,
    *,
    seed: int,
    guidance_scale: float = 50,
    num_inference_steps: int = 28,
) -> bytes:
    """Dress the model in what the prompt's words say, as a WebP file.

    Of each category the garment that is named first is put on.
    The same arguments give the same bytes; the seed moves shade and pattern.
    A `guidance_scale` (1 to 100) under 50 lets the old clothes show through, few
    `num_inference_steps` (1 to 50) blur the new ones.
    Raise Unreadable when the file is no picture.
    """
    person, size = _seen(model)
    wishes = {wish.category: wish for wish in reversed(prompting.read(prompt, seed))}
    worn = _bare(model, next(iter(wishes)) if len(wishes) == 1 else "dresses")
    for wish in sorted(wishes.values(), key=lambda wish: _ORDER.index(wish.category)):
        drawn = drawn_garments.sew(wish.cut, wish.cloth, height=GARMENT_EDGE)
        rgb = pixels.as_bytes(pixels.blur(drawn.pixels, 14 / num_inference_steps - 0.5))
        garment = garments.find(rgb, drawn.cover, lower=wish.category == "lower_body")
        layers = fitting.fit(garment, person.figure, wish.category)
        worn = worn._replace(rgb=dressing.dress(person, worn, layers)[0])
    strength = np.full(worn.gone.shape, min(1.0, 0.3 + 0.7 * guidance_scale / 50), np.float32)
    return _write(pixels.mixed(person.rgb, worn.rgb, strength), size)


# In a grid a model meets many garments, and a garment many models: each is looked at once.
@remembered(most=2)
def _seen(model: bytes) -> _Seen:
    rgb, _, size = _read(model, MODEL_EDGE)
    return _Seen(people.find(rgb), size)


@remembered(most=3)
def _bare(model: bytes, category: str) -> dressing.Bare:
    return dressing.undress(_seen(model).person, category)


@remembered(most=10)
def _garment(garment: bytes, lower: bool) -> garments.Garment:
    rgb, cover, _ = _read(garment, GARMENT_EDGE)
    if cover is None:
        alpha = cutting.cut(rgb, pixels.to_lab(rgb), near=7)
    else:
        alpha = pixels.as_cover(cover)
    return garments.find(rgb, alpha, lower=lower)


def _read(data: bytes, edge: int) -> tuple[Bytes, Bytes | None, tuple[int, int]]:
    """Return a picture with no edge under SMALLEST pixels, its cover if any, and its own size."""
    rgb, cover = picture_files.read(data, edge)
    h, w = rgb.shape[:2]
    if min(h, w) < SMALLEST:
        size = max(w, SMALLEST), max(h, SMALLEST)
        rgb = np.asarray(cv2.resize(rgb, size), np.uint8)
        cover = None if cover is None else np.asarray(cv2.resize(cover, size), np.uint8)
    return rgb, cover, (w, h)


def _write(picture: Bytes, size: tuple[int, int]) -> bytes:
    if size != picture.shape[1::-1]:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return picture_files.write(picture)
