"""Takes the lining out of a garment's neckline: the inside of its back lies behind the neck."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Box, Bytes, Flags, Floats

Point = tuple[float, float]


class _Opening(NamedTuple):
    """The neighbourhood of a neckline, in units of the garment's breadth."""

    box: Box
    rgb: Bytes
    solid: Flags
    u: Floats  # from the middle of the neck
    v: Floats  # below the upper edge
    half: float  # half the neck's width
    middle: int  # column of the box


def without_lining(
    rgb: Bytes,
    alpha: Floats,
    solid: Flags,
    crest: Floats,
    breadth: float,
    necks: tuple[Point, Point],
    *,
    collar: bool,
) -> Floats:
    """Return the cover `alpha` without the lining.

    The lining lies under the middle of the upper edge, is darker than the front around it, and
    alike on both sides.
    """
    opening = _opening(rgb, solid, crest, breadth, necks)
    if opening is None:
        return alpha
    found = _lining(opening)
    if found is None and not collar:
        return alpha
    box, u, v, half = opening.box, opening.u, opening.v, opening.half
    # Whatever else is found, the neck stands before the back of the collar.
    deep = 0.5 if found is None else 0.3
    neck = np.asarray((u / (0.85 * half)) ** 2 + (np.maximum(v, 0) / (deep * half)) ** 2 < 1)
    found = neck if found is None else found | neck
    left_over = (alpha[box] > 0.5) & ~found
    size = max(3, round(0.03 * breadth) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    firm = cv2.morphologyEx(left_over.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    slivers = left_over & (firm == 0) & (v < 0.2) & (np.abs(u) < half)
    cleared = alpha.copy()
    cleared[box] *= 1 - pixels.blur(found | slivers, 1.2)
    return cleared


def _opening(
    rgb: Bytes, solid: Flags, crest: Floats, breadth: float, necks: tuple[Point, Point]
) -> _Opening | None:
    """Return the neckline's neighbourhood; None where it is small, or cut so deep as to be bare."""
    middle = (necks[0][0] + necks[1][0]) / 2
    top = max(int(min(necks[0][1], necks[1][1])) - 6, 0)
    x0, x1 = max(int(middle - 0.55 * breadth), 0), min(int(middle + 0.55 * breadth), solid.shape[1])
    y1 = min(int(top + 0.75 * breadth), solid.shape[0])
    if min(x1 - x0, y1 - top) < 24 or crest[int(middle)] > top + 0.2 * breadth:
        return None
    v, u = np.mgrid[top:y1, x0:x1].astype(np.float32)
    u, v = (u - middle) / breadth, (v - crest[None, x0:x1]) / breadth
    half = float(np.clip((necks[1][0] - necks[0][0]) / breadth / 2, 0.08, 0.48))
    box = slice(top, y1), slice(x0, x1)
    return _Opening(box, rgb[box], solid[box], u, v, half, int(middle) - x0)


def _lining(opening: _Opening) -> Flags | None:
    """Return the first lining that is darker than what surrounds it, else the most different."""
    lab = pixels.to_lab(opening.rgb)
    best, found = 3.0, None
    for seeds in _seeds(opening.u, opening.v, opening.half):
        lining = _even(_grow(opening, seeds), seeds, opening.middle)
        ring = pixels.grown(lining.astype(np.uint8), 25).astype(np.bool_)
        ring &= opening.solid & ~lining & (opening.v > 0.03)
        cloth = lining & opening.solid
        if cloth.sum() <= 0.6 * lining.sum() or not ring.any():
            continue  # between straps, say, there is no lining
        other = np.median(lab[ring], 0) - np.median(lab[cloth], 0)
        if other[0] > 2.5:
            return lining
        different = float(np.linalg.norm(other))
        if other[0] > -8 and different > best:
            best, found = different, lining
    return found


def _seeds(u: Floats, v: Floats, half: float) -> list[Flags]:
    """Return where lining may be for sure: under the edge, beside a label, or below one."""
    return [
        (np.abs(u) < 0.45 * half) & (v > 0.025) & (v < 0.055),
        (np.abs(u) > 0.3 * half) & (np.abs(u) < 0.6 * half) & (v > 0.03) & (v < 0.07),
        (np.abs(u) < 0.2 * half) & (v > 0.1) & (v < 0.17),
    ]


def _grow(opening: _Opening, seeds: Flags) -> Flags:
    box, inside, u, v, half = opening.rgb, opening.solid, opening.u, opening.v, opening.half
    marks = np.full(inside.shape, cv2.GC_PR_BGD, np.uint8)
    marks[(np.abs(u) < half) & (v < 0.16)] = cv2.GC_PR_FGD
    marks[seeds] = cv2.GC_FGD
    marks[(np.abs(u) > half + 0.02) | (v > 0.55) | ~inside] = cv2.GC_BGD
    size = (128, max(16, round(128 * len(box) / box.shape[1])))
    bgr = cv2.cvtColor(cv2.resize(box, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    small = cv2.resize(marks, size, interpolation=cv2.INTER_NEAREST)
    if not (small == cv2.GC_FGD).any() or not (small % 2 == 0).any():
        return np.zeros_like(inside)
    cv2.setRNGSeed(1)  # the clustering inside draws at random, each thread from its own source
    colours = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, small, (0, 0, 1, 1), *colours, 2, cv2.GC_INIT_WITH_MASK)
    grown = cv2.resize(
        np.asarray(small, np.uint8) & 1, box.shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    return (grown > 0) & inside


def _even(lining: Flags, seeds: Flags, middle: int) -> Flags:
    """Keep the seeds' piece, what is alike on both sides of it, and all that lies above."""
    kernel = np.ones((5, 5), np.uint8)
    whole = cv2.morphologyEx(lining.astype(np.uint8), cv2.MORPH_CLOSE, kernel, iterations=2)
    whole = cv2.morphologyEx(whole, cv2.MORPH_OPEN, kernel)
    _, labels = cv2.connectedComponents(whole)
    own = np.unique(labels[seeds])
    piece = np.isin(labels, own[own > 0])
    depth = np.where(piece.any(0), len(piece) - piece[::-1].argmax(0), 0)
    columns = np.arange(len(depth))
    mirrored = depth[np.clip(2 * middle - columns, 0, len(depth) - 1)]
    depth = pixels.blur(np.minimum(depth, 1.1 * mirrored).astype(np.float32)[None], 2.0)[0]
    return np.asarray(np.arange(len(piece))[:, None] < depth[None])
