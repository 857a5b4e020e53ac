"""Finds what a figure wears, and what stays in front of anything it is dressed in."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import cutting, pixels
from changeclothes_async.sandbox.drawing import figure as figures
from changeclothes_async.sandbox.drawing.figure import Figure
from changeclothes_async.sandbox.drawing.pixels import Bytes, Flags, Floats


class Person(NamedTuple):
    """A picture of a person, and where its parts are: covers, as bytes."""

    rgb: Bytes
    figure: Figure
    upper: Bytes  # the upper clothes
    lower: Bytes
    head: Bytes  # with the hair that falls over the shoulders: in front of any garment
    arms: Bytes  # bare, beside the trunk: in front of what lies on the trunk

    def clothes(self, category: str) -> Bytes:
        """Return the cover of what a garment of `category` takes the place of."""
        if category == "upper_body":
            return self.upper
        if category == "lower_body":
            return self.lower
        return np.maximum(self.upper, self.lower)


def find(rgb: Bytes) -> Person:
    """Find the person in a picture, and the parts of the person."""
    lab = pixels.to_lab(rgb)
    figure = figures.find(rgb, lab, cutting.cut(rgb, lab))
    head = _head_and_hair(lab, figure)
    upper, lower = _worn(lab, figure, head)
    covers = (upper, lower, pixels.blur(head, 1.0), _arms(figure))
    return Person(rgb, figure, *[pixels.as_bytes(cover, 255) for cover in covers])


def _worn(lab: Floats, figure: Figure, head: Flags) -> tuple[Floats, Floats]:
    """Find the clothes: what is within the body's outline and neither skin nor hair nor shoe."""
    h = len(lab)
    v, u = pixels.grid(lab.shape)
    cloth = (figure.alpha > 127) & (figure.skin < 127) & ~head
    arms = np.clip((v - figure.row(0.3)) / (0.1 * figure.span), 0, 1) * 0.05 * figure.span
    margin = 0.07 * figure.span - arms
    within = (u > figure.left[:, None] - margin) & (u < figure.right[:, None] + margin)
    cloth &= within | (v < figure.row(0.45))
    cloth &= (v < figure.row(1.6)) | _trousers(lab, figure, cloth)
    calm = pixels.calmed(cloth, min(0.015 * figure.span, 255))
    calm &= v > figure.base - 0.04 * figure.span
    calm = _large(calm)
    below = _below_waist(lab, figure, calm)
    shoes = figure.foot - 0.25 * figure.span if figure.foot < h - 4 else h
    soft = 0.004 * figure.span
    return pixels.blur(calm & ~below, soft), pixels.blur(calm & below & (v < shoes), soft)


def _large(cloth: Flags) -> Flags:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cloth.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    return np.asarray((sizes > 0.02 * sizes.sum())[labels])


def _below_waist(lab: Floats, figure: Figure, cloth: Flags) -> Flags:
    """Tell the lower garment from the upper: near the waist by colour where the two differ."""
    v, _ = pixels.grid(lab.shape)
    below = v > figure.waist
    near = np.abs(v - figure.waist) < 0.16 * figure.span
    chest = lab[cloth & ~below & ~near & (v > figure.row(0.3))]
    hips = lab[cloth & below & ~near & (v < figure.row(1.6))]
    if min(len(chest), len(hips)) < 50:
        return below
    upper, lower = np.median(chest, 0), np.median(hips, 0)
    if np.linalg.norm(upper - lower) < 15:
        return below
    rows = np.flatnonzero(near)
    strip = slice(int(rows[0]), int(rows[-1]) + 1)
    soft = pixels.blur(lab[strip], 1.5)
    alike = pixels.distance(soft, lower) < pixels.distance(soft, upper)
    told = np.broadcast_to(below, cloth.shape).copy()
    told[strip] = pixels.calmed(alike, min(0.03 * figure.span, 255))
    return told


def _trousers(lab: Floats, figure: Figure, cloth: Flags) -> Flags:
    """Find what has the colours of the hips' clothes, so that shoes are none of it."""
    top = int(figure.row(1.1))
    hips = slice(top, int(figure.row(1.6)))
    colours = lab[hips][cloth[hips]]
    if len(colours) < 20:
        return cloth
    usual, wide = np.median(colours, 0), np.maximum(colours.std(0), 6)
    alike = np.ones_like(cloth)
    for part, middle, spread in zip(cv2.split(lab[top:]), usual, wide, strict=True):
        alike[top:] &= np.abs(part - middle) < 2.5 * spread
    return alike


def _head_and_hair(lab: Floats, figure: Figure) -> Flags:
    solid = figure.alpha > 127
    v, _ = pixels.grid(lab.shape)
    head = (v < figure.base - 0.14 * figure.span) & solid
    x, y, reach = int(figure.axis), int(figure.head), max(2, int(0.06 * figure.span))
    band = head & (v < figure.head + 0.1 * (figure.base - figure.head) + 2)
    hair = np.median(lab[band], 0) if band.any() else lab[y, min(x, lab.shape[1] - 1)]
    if hair[0] > 45:
        return head
    end = int(np.clip(figure.row(0.12), 1, len(lab)))
    alike = (pixels.distance(lab[:end], hair) < 16) & (figure.skin < 127)[:end] & solid[:end]
    count, labels = cv2.connectedComponents(alike.astype(np.uint8))
    own = np.zeros(count, np.bool_)
    own[labels[alike & (v[:end] < (figure.head + figure.base) / 2)]] = True
    head[: end + reach] |= _widened(own[labels], reach // 3, len(head[: end + reach]))
    return head


def _widened(flags: Flags, size: float, rows: int) -> Flags:
    padded = np.zeros((rows, flags.shape[1]), np.uint8)
    padded[: len(flags)] = flags
    return np.asarray(pixels.grown(padded, size) > 0)


def _arms(figure: Figure) -> Floats:
    v, u = pixels.grid(figure.alpha.shape)
    outside = (u < figure.left[:, None]) | (u > figure.right[:, None])
    arms = outside & (figure.skin > 102) & (v > figure.row(0.3))
    fade = np.clip((v - figure.row(0.3)) / (0.1 * figure.span), 0, 1)
    return np.asarray(pixels.blur(arms, 1.0) * fade)
