"""Takes off what a person wears and puts layers of cloth on, with folds, shadows and soft edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.figure import Figure
from changeclothes_async.sandbox.drawing.figure_clothes import Person
from changeclothes_async.sandbox.drawing.pixels import Bytes, Floats
from changeclothes_async.sandbox.drawing.plates import Layer


class Bare(NamedTuple):
    """A person without the clothes that a garment takes the place of."""

    rgb: Bytes
    gone: Bytes  # cover of those clothes
    light: NDArray[np.float16]  # that lay on the clothes, 1 on average


def undress(person: Person, category: str) -> Bare:
    """Put skin where the clothes were, with the light that lay on them."""
    figure, clothes = person.figure, person.clothes(category)
    lightness = pixels.lightness(person.rgb)
    v, _ = pixels.grid(clothes.shape)
    below, gone = v > figure.waist, pixels.as_cover(clothes)
    shade = _light(lightness, figure, gone * ~below, 0.5, 0.03)
    shade *= _light(lightness, figure, gone * below, 0.7, 0.02)
    shade *= np.where(below, _round(figure, gone) ** 2, 1)
    behind = pixels.spread(person.rgb, (figure.alpha < 5).astype(np.uint8), 0.02 * figure.span)
    skin, reach = _skin(person.rgb, figure), pixels.grown(gone, 0.045 * figure.span)
    box = pixels.box(reach, 4)
    bare = pixels.times(skin[box].astype(np.float32), shade[box])
    bare = pixels.mixed(behind[box].astype(np.float32), bare, pixels.as_cover(figure.alpha[box]))
    rgb = person.rgb.copy()
    rgb[box] = pixels.mixed(rgb[box], pixels.as_bytes(bare), pixels.blur(reach[box], 1))
    height = (v - figure.waist) / figure.span
    light = _light(lightness, figure, pixels.as_cover(person.upper) * (height < -0.08), 0.6, 0.012)
    light *= _light(lightness, figure, pixels.as_cover(person.lower) * (height > 0.12), 0.5, 0.04)
    return Bare(rgb, clothes, light.astype(np.float16))


def _skin(rgb: Bytes, figure: Figure) -> Bytes:
    """Carry the colours of the bare skin over the whole picture."""
    sure = ((figure.skin > 204) & (figure.alpha > 249)).astype(np.uint8)
    sure[: max(0, int(figure.base - 0.25 * figure.span) + 1)] = 0
    sure = pixels.shrunk(sure, 3)
    if sure.sum() < 30:
        return np.tile(pixels.as_bytes(pixels.to_rgb(figure.tone[None, None])), (*sure.shape, 1))
    return pixels.spread(rgb, sure, 0.05 * figure.span)


def _light(
    lightness: Floats, figure: Figure, cloth: Floats, strength: float, fine: float
) -> Floats:
    """Return the light on plain cloth, 1 on average: its folds and the body's roundness."""
    inner = pixels.shrunk((cloth > 0.6).astype(np.uint8), 0.04 * figure.span)
    if inner.sum() < 50:
        return np.ones_like(cloth)
    near = pixels.spread(lightness, inner, fine * figure.span)
    wide = pixels.spread(lightness, inner, 0.2 * figure.span)
    shade = 1 + strength * (near - wide) / np.maximum(wide, 25)
    inside = pixels.blur(inner, 0.02 * figure.span)
    return np.asarray(1 + (np.clip(shade, 0.7, 1.25) - 1) * inside, np.float32)


def dress(person: Person, bare: Bare, layers: list[Layer]) -> tuple[Bytes, Floats]:
    """Put the layers on; return the RGB picture and the cover of what was changed."""
    figure = person.figure
    picture = bare.rgb.copy()
    changed = np.zeros(bare.gone.shape, np.float32)
    v, _ = pixels.grid(changed.shape)
    seam = np.clip((v - figure.row(0.3)) / (0.12 * figure.span), 0, 1)
    for number, (box, rgb, alpha) in enumerate(layers):
        head = pixels.as_cover(person.head[box])
        in_front = head if number else np.maximum(head, pixels.as_cover(person.arms[box]))
        cover = alpha * (1 - in_front)
        shadow = _cast(figure, cover) * pixels.as_cover(figure.alpha[box]) * (1 - head)
        if number:
            shadow *= np.where(changed[box] > 0.5, seam[box[0]], 1)
        cloth = pixels.times(rgb.astype(np.float32), cover * bare.light[box])
        below = pixels.times(picture[box].astype(np.float32), 1 - shadow - cover)
        picture[box] = pixels.as_bytes(below + cloth)
        changed[box] = np.maximum(changed[box], cover)
    box = pixels.box(changed, 0.15 * figure.span)
    part = changed[box]
    light = 1 - part * (1 - _round(figure, part))
    picture[box] = pixels.as_bytes(pixels.times(picture[box].astype(np.float32), light))
    return picture, np.maximum(changed, pixels.as_cover(bare.gone))


def _cast(figure: Figure, cover: Floats) -> Floats:
    """Return how far a layer darkens what is just beside and below it."""
    drop = max(1, round(0.018 * figure.span))
    moved = np.zeros_like(cover)
    moved[drop:] = cover[:-drop]
    return np.asarray(0.34 * pixels.blur(moved, 0.025 * figure.span) * (1 - cover), np.float32)


def _round(figure: Figure, cover: Floats) -> Floats:
    """Return the light that falls off towards the sides, as on a round body."""
    soft = pixels.blur(cover, 0.05 * figure.span)
    return np.asarray(0.86 + 0.14 * np.clip((soft - 0.4) / 0.5, 0, 1), np.float32)
