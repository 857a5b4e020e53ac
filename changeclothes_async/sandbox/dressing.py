"""Takes off what a figure wears and puts layers of cloth on, with folds, shadows and soft edges."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from . import cutting, prompting
from .cutting import Bytes, Flags, Floats
from .figure import Figure
from .fitting import Layer
from .prompting import Wish


class Worn(NamedTuple):
    """What a figure wears: cover of the upper and of the lower clothes, 0 to 1."""

    upper: Floats
    lower: Floats

    def of(self, category: str) -> Floats:
        """Return the cover of what a garment of `category` takes the place of."""
        if category == "upper_body":
            return self.upper
        if category == "lower_body":
            return self.lower
        return np.maximum(self.upper, self.lower)


def worn(rgb: Bytes, figure: Figure) -> Worn:
    """Find the clothes: what is within the body's outline and neither skin nor hair nor shoe."""
    h, w = figure.alpha.shape
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    cloth = (figure.alpha > 0.5) & (figure.skin < 0.5) & ~head_and_hair(rgb, figure)
    arms = np.clip((v - figure.row(0.3)) / (0.1 * figure.span), 0, 1) * 0.05 * figure.span
    margin = 0.07 * figure.span - arms
    within = (u > figure.left[:, None] - margin) & (u < figure.right[:, None] + margin)
    cloth &= within | (v < figure.row(0.45))
    cloth &= (v < figure.row(1.6)) | _trousers(rgb, figure, cloth)
    size = max(3, round(0.015 * figure.span) | 1)
    calm = cv2.medianBlur(cloth.astype(np.uint8), min(size, 255)).astype(np.bool_)
    calm &= v > figure.base - 0.04 * figure.span
    calm = _large(calm)
    below = _below_waist(rgb, figure, calm, v)
    shoes = figure.foot - 0.25 * figure.span if figure.foot < h - 4 else h
    soft = 0.004 * figure.span
    return Worn(
        cutting.blur(calm & ~below, soft),
        cutting.blur(calm & below & (v < shoes), soft),
    )


def _large(cloth: Flags) -> Flags:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cloth.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    sizes[0] = 0
    return np.asarray(np.isin(labels, np.flatnonzero(sizes > 0.02 * sizes.sum())))


def _below_waist(rgb: Bytes, figure: Figure, cloth: Flags, v: Floats) -> Flags:
    """Tell the lower garment from the upper: near the waist by colour where the two differ."""
    below = v > figure.waist
    near = np.abs(v - figure.waist) < 0.16 * figure.span
    lab = cutting.to_lab(rgb)
    chest = lab[cloth & ~below & ~near & (v > figure.row(0.3))]
    hips = lab[cloth & below & ~near & (v < figure.row(1.6))]
    if min(len(chest), len(hips)) < 50:
        return np.asarray(np.broadcast_to(below, cloth.shape))
    upper, lower = np.median(chest, 0), np.median(hips, 0)
    if np.linalg.norm(upper - lower) < 15:
        return np.asarray(np.broadcast_to(below, cloth.shape))
    soft = cutting.blur(lab, 1.5)
    alike = np.linalg.norm(soft - lower, axis=2) < np.linalg.norm(soft - upper, axis=2)
    size = max(3, round(0.03 * figure.span) | 1)
    calm = cv2.medianBlur(alike.astype(np.uint8), min(size, 255)).astype(np.bool_)
    return np.asarray(np.where(near, calm, below))


def _trousers(rgb: Bytes, figure: Figure, cloth: Flags) -> Flags:
    """Find what has the colours of the hips' clothes, so that shoes are none of it."""
    lab = cutting.to_lab(rgb)
    hips = slice(int(figure.row(1.1)), int(figure.row(1.6)))
    colours = lab[hips][cloth[hips]]
    if len(colours) < 20:
        return cloth
    usual, wide = np.median(colours, 0), np.maximum(colours.std(0), 6)
    return np.asarray((np.abs(lab - usual) / wide).max(2) < 2.5)


def head_and_hair(rgb: Bytes, figure: Figure) -> Flags:
    """Find what stays in front of any garment: the head, and hair that falls over the shoulders."""
    h, w = figure.alpha.shape
    v = np.arange(h, dtype=np.float32)[:, None]
    head = (v < figure.base - 0.14 * figure.span) & (figure.alpha > 0.5)
    lab = cutting.to_lab(rgb)
    x, y, reach = int(figure.axis), int(figure.head), max(2, int(0.06 * figure.span))
    band = head & (v < figure.head + 0.1 * (figure.base - figure.head) + 2)
    hair = np.median(lab[band], 0) if band.any() else lab[y, min(x, w - 1)]
    if hair[0] > 45:
        return head
    alike = (np.linalg.norm(lab - hair, axis=2) < 16) & (figure.skin < 0.5) & (figure.alpha > 0.5)
    alike &= v < figure.row(0.12)
    _, labels = cv2.connectedComponents(alike.astype(np.uint8))
    own = np.unique(labels[alike & (v < (figure.head + figure.base) / 2)])
    fallen = np.isin(labels, own[own > 0])
    kernel = np.ones((max(3, reach // 3 | 1),) * 2, np.uint8)
    return np.asarray(head | (cv2.dilate(fallen.astype(np.uint8), kernel) > 0))


def undress(rgb: Bytes, figure: Figure, gone: Floats) -> Floats:
    """Put skin where the cover `gone` of the clothes was, with the light that lay on them."""
    skin_only = ((figure.skin > 0.8) & (figure.alpha > 0.98)).astype(np.uint8)
    sure = np.asarray(cv2.erode(skin_only, np.ones((3, 3), np.uint8)), np.float32)
    sure *= np.arange(len(sure))[:, None] > figure.base - 0.25 * figure.span
    colour = rgb.astype(np.float32)
    if sure.sum() < 30:
        flat = cutting.to_rgb(figure.tone[None, None])
        skin = np.broadcast_to(flat, colour.shape).astype(np.float32)
    else:
        skin = cutting.spread(colour, sure, 0.05 * figure.span)
    below = np.arange(len(rgb))[:, None] > figure.waist
    light = _light(rgb, figure, gone * ~below, 0.5, 0.03)
    light *= _light(rgb, figure, gone * below, 0.7, 0.02)
    light *= np.where(below, _round(figure, gone) ** 2, 1)
    skin = skin * light[..., None]
    behind = cutting.spread(colour, (figure.alpha < 0.02).astype(np.float32), 0.02 * figure.span)
    cover = figure.alpha[..., None]
    bare = skin * cover + behind * (1 - cover)
    size = max(3, round(0.045 * figure.span) | 1)
    reach = cutting.blur(cv2.dilate(gone, np.ones((size, size), np.uint8)), 1)[..., None]
    return np.asarray(colour * (1 - reach) + bare * reach, np.float32)


def _light(rgb: Bytes, figure: Figure, cloth: Floats, strength: float, fine: float) -> Floats:
    """Return the light on plain cloth, 1 on average: its folds and the body's roundness."""
    light = cutting.to_lab(rgb)[..., :1]
    whole = (cloth > 0.6).astype(np.float32)
    size = max(3, round(0.04 * figure.span) | 1)
    inner = np.asarray(cv2.erode(whole, np.ones((size, size), np.uint8)), np.float32)
    if inner.sum() < 50:
        return np.ones_like(cloth)
    near = cutting.spread(light, inner, fine * figure.span)[..., 0]
    wide = cutting.spread(light, inner, 0.2 * figure.span)[..., 0]
    shade = 1 + strength * (near - wide) / np.maximum(wide, 25)
    inside = cutting.blur(inner, 0.02 * figure.span)
    return np.asarray(1 + (np.clip(shade, 0.7, 1.25) - 1) * inside, np.float32)


def dress(rgb: Bytes, figure: Figure, layers: list[Layer], category: str) -> tuple[Floats, Floats]:
    """Put the layers on; return the 0..255 RGB picture and the cover of what was changed."""
    clothes = worn(rgb, figure)
    gone = clothes.of(category)
    picture = undress(rgb, figure, gone)
    below = (np.arange(len(rgb))[:, None] - figure.waist) / figure.span
    light = _light(rgb, figure, clothes.upper * (below < -0.08), 0.6, 0.012)
    light *= _light(rgb, figure, clothes.lower * (below > 0.12), 0.5, 0.04)
    head, arms = _in_front(rgb, figure)
    seam = np.clip((np.arange(len(rgb)) - figure.row(0.3)) / (0.12 * figure.span), 0, 1)[:, None]
    changed = np.zeros_like(gone)
    for number, layer in enumerate(layers):
        cover = layer.alpha * (1 - (head if number else np.maximum(head, arms)))
        shadow = _cast(figure, cover, head)
        if number:
            shadow *= np.where(changed > 0.5, seam, 1)
        picture = picture * (1 - shadow - cover)[..., None] + layer.rgb * (cover * light)[..., None]
        picture = np.clip(picture, 0, 255)
        changed = np.maximum(changed, cover)
    picture *= 1 - changed[..., None] * (1 - _round(figure, changed)[..., None])
    return picture, np.maximum(changed, gone)


def recolour(
    rgb: Bytes, figure: Figure, wish: Wish, strength: float, fine: float
) -> tuple[Floats, Floats]:
    """Give the worn clothes the cloth of a wish, under their own folds; return picture and cover.

    `strength`, 0 to 1, tells how much of the old colour goes; `fine` is the size of the least fold
    that is kept, in shoulder widths.
    """
    clothes = worn(rgb, figure)
    region = clothes.of(wish.category)
    if region.mean() < 0.01:
        region = _trunk(figure, wish.category)
    v, u = np.mgrid[0 : len(rgb), 0 : rgb.shape[1]].astype(np.float32)
    middle = ((figure.left + figure.right) / 2)[:, None]
    half = np.maximum((figure.right - figure.left) / 2, 0.1 * figure.span)[:, None]
    # A pattern on a round body crowds towards the sides.
    around = np.arcsin(np.clip((u - middle) / half / 1.08, -1, 1)) * 0.4
    cloth = prompting.draw(wish, around, (v - figure.shoulder) / figure.span)
    light = _light(rgb, figure, clothes.upper, 1.25, fine)
    light *= _light(rgb, figure, clothes.lower, 1.25, fine)
    cloth = np.clip(cloth * (light * _round(figure, region))[..., None], 0, 255)
    cover = region[..., None] * strength
    return rgb * (1 - cover) + cloth * cover, region


def _trunk(figure: Figure, category: str) -> Floats:
    """Return where clothes would be, for a figure on which none can be made out."""
    v, u = np.mgrid[0 : figure.alpha.shape[0], 0 : figure.alpha.shape[1]].astype(np.float32)
    inside = (u > figure.left[:, None]) & (u < figure.right[:, None]) & (figure.alpha > 0.5)
    top = figure.waist if category == "lower_body" else figure.shoulder
    end = figure.waist if category == "upper_body" else figure.row(2.0)
    return cutting.blur(inside & (v > top) & (v < end), 1.5)


def _in_front(rgb: Bytes, figure: Figure) -> tuple[Floats, Floats]:
    """Return the cover of the head, in front of all, and of the arms, in front of the trunk."""
    h, w = figure.alpha.shape
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    outside = (u < figure.left[:, None]) | (u > figure.right[:, None])
    arms = outside & (figure.skin > 0.4) & (v > figure.row(0.3))
    fade = np.clip((v - figure.row(0.3)) / (0.1 * figure.span), 0, 1)
    return cutting.blur(head_and_hair(rgb, figure), 1.0), cutting.blur(arms, 1.0) * fade


def _cast(figure: Figure, cover: Floats, in_front: Floats) -> Floats:
    """Return how far a layer darkens the body just beside and below it."""
    drop = max(1, round(0.018 * figure.span))
    moved = np.zeros_like(cover)
    moved[drop:] = cover[:-drop]
    near = cutting.blur(moved, 0.025 * figure.span)
    return np.asarray(0.34 * near * (1 - cover) * figure.alpha * (1 - in_front), np.float32)


def _round(figure: Figure, cover: Floats) -> Floats:
    """Return the light that falls off towards the sides, as on a round body."""
    soft = cutting.blur(cover, 0.05 * figure.span)
    return np.asarray(0.86 + 0.14 * np.clip((soft - 0.4) / 0.5, 0, 1), np.float32)
