"""Finds the parts of a garment photographed flat or on a form."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import garment_sleeves as sleeving
from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.garment_lining import without_lining
from changeclothes_async.sandbox.drawing.garment_sleeves import Joint, Sleeve
from changeclothes_async.sandbox.drawing.pixels import Bytes, Flags, Floats

Point = tuple[float, float]


class Garment(NamedTuple):
    """A garment cut out of its picture, with its landmarks in pixels."""

    rgb: Bytes  # its colours, carried a little over its outline
    covers: list[Bytes]  # of its pieces: the trunk and each sleeve, or the trousers' legs
    axis: float
    top: float
    hem: float
    left: Floats  # for each row, the trunk's edges
    right: Floats
    pits: tuple[Point, Point]
    tips: tuple[Point, Point]
    necks: tuple[Point, Point]
    crest: Floats  # for each column, the upper edge
    dip: float  # the lowest row of the neckline
    sleeves: tuple[Sleeve | None, Sleeve | None]
    split: float | None  # where the legs part, for trousers


class _Outline(NamedTuple):
    solid: Flags
    axis: float
    top: float
    hem: float
    left: Floats
    right: Floats
    crest: Floats


def find(rgb: Bytes, alpha: Floats, *, lower: bool) -> Garment:
    """Find the parts of the garment in `rgb` whose cover is `alpha`."""
    solid = _main_piece(alpha > 0.5)
    alpha = alpha * pixels.grown(solid.astype(np.uint8), 5)
    rows = np.flatnonzero(solid.any(1))
    top, hem = float(rows[0]), float(rows[-1])
    axis = _axis(solid, top, hem)
    left, right = _trunk(solid, axis, top, hem, lower=lower)
    crest = np.where(solid.any(0), solid.argmax(0), hem).astype(np.float32)
    outline = _Outline(solid, axis, top, hem, left, right, crest)
    return _lower(rgb, alpha, outline) if lower else _upper(rgb, alpha, outline)


def _lower(rgb: Bytes, alpha: Floats, outline: _Outline) -> Garment:
    solid, axis, top, hem, left, right, crest = outline
    rows = range(int(top + 0.2 * (hem - top)), int(hem - 0.05 * (hem - top)))
    split = pixels.parting(solid, left, right, rows, 0.25)
    pieces = [np.ones_like(solid)]
    if split:
        u, overlap = pixels.grid(solid.shape)[1] - axis, 0.02 * solid.shape[1]
        pieces = [np.broadcast_to(u * side > -overlap, solid.shape) for side in (-1, 1)]
    ends = (float(left[int(top)]), top), (float(right[int(top)]), top)
    return Garment(
        _carried(rgb, alpha), _covers(alpha, pieces), axis, top, hem, left, right,
        ends, ends, ends, crest, top, (None, None), split,
    )  # fmt: skip


def _upper(rgb: Bytes, alpha: Floats, outline: _Outline) -> Garment:
    solid, axis, top, _, left, right, crest = outline
    hem = float(np.flatnonzero(right > left)[-1])
    left, right, pits, sleeved = _pits(left, right, top, hem)
    tips = (_tip(crest, pits[0], pits[1], top), _tip(crest, pits[1], pits[0], top))
    necks = _necks(crest, axis, tips)
    tips = _apart(tips, necks, crest)
    breadth = tips[1][0] - tips[0][0]
    alpha = without_lining(rgb, alpha, solid, crest, breadth, necks, collar=any(sleeved))
    open_crest = np.where((alpha > 0.5).any(0), (alpha > 0.5).argmax(0), hem)
    inner = open_crest[int(necks[0][0]) : int(necks[1][0]) + 1]
    dip = float(np.percentile(inner, 92)) if len(inner) else top
    overlap = 0.03 * breadth
    joints = Joint(tips[0], pits[0], -1, left), Joint(tips[1], pits[1], 1, right)
    sleeves = (
        sleeving.sleeve(solid, joints[0], overlap) if sleeved[0] else None,
        sleeving.sleeve(solid, joints[1], overlap) if sleeved[1] else None,
    )
    sewn = [joint for joint, sleeve in zip(joints, sleeves, strict=True) if sleeve]
    pieces = [sleeving.trunk(solid.shape, sewn, overlap), *[s.cover for s in sleeves if s]]
    return Garment(
        _carried(rgb, alpha), _covers(alpha, pieces), axis, top, hem, left, right,
        pits, tips, necks, crest, dip, sleeves, None,
    )  # fmt: skip


def _pits(
    left: Floats, right: Floats, top: float, hem: float
) -> tuple[Floats, Floats, tuple[Point, Point], tuple[bool, bool]]:
    """Return the trunk's edges without sleeves, the armpits, and whether there is a sleeve."""
    low_left, left, sleeved_left = _armpit(left, top, hem)
    low_right, right, sleeved_right = _armpit(-right, top, hem)
    right = -right
    if not (sleeved_left and sleeved_right):
        low_left = low_right = max(low_left, low_right)
    pits = ((float(left[low_left]), float(low_left)), (float(right[low_right]), float(low_right)))
    return left, right, pits, (sleeved_left, sleeved_right)


def _covers(alpha: Floats, pieces: list[Flags]) -> list[Bytes]:
    return [pixels.as_bytes(alpha * pixels.blur(piece, 1.0), 255) for piece in pieces]


def _carried(rgb: Bytes, alpha: Floats) -> Bytes:
    """Carry the cloth's colours over the outline, so that no background bleeds in at the edge."""
    solid = alpha > 0.9
    weight = solid.astype(np.float32)
    colour = pixels.blur(pixels.times(rgb.astype(np.float32), weight), 3)
    near = pixels.as_bytes(pixels.times(colour, pixels.over(pixels.blur(weight, 3), 1e-3)))
    near[solid] = rgb[solid]
    return near


def _main_piece(solid: Flags) -> Flags:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    if count < 2 or stats[1:, cv2.CC_STAT_AREA].max() < 0.01 * solid.size:
        h, w = solid.shape
        block = np.zeros_like(solid)
        block[h // 20 : h - h // 20 or 1, w // 20 : w - w // 20 or 1] = True
        return block
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    return np.asarray((sizes > 0.05 * sizes.max())[labels])


def _axis(solid: Flags, top: float, hem: float) -> float:
    middle = solid[int(top + 0.15 * (hem - top)) : int(top + 0.6 * (hem - top)) + 1]
    centres = [np.flatnonzero(row)[[0, -1]].mean() for row in middle if row.any()]
    return float(np.median(centres)) if centres else solid.shape[1] / 2


def _trunk(
    solid: Flags, axis: float, top: float, hem: float, *, lower: bool
) -> tuple[Floats, Floats]:
    """Return each row's edges of the run that holds the axis.

    Trouser legs count as one, and so do the two sides of a neckline.
    """
    h = len(solid)
    left, right = np.full(h, axis, np.float32), np.full(h, axis, np.float32)
    begun = lower
    for y in range(int(hem), int(top) - 1, -1):
        before = [run for run in pixels.runs(solid[y]) if run[0] <= axis]
        behind = [run for run in pixels.runs(solid[y]) if run[1] > axis]
        begun |= bool(before and behind and before[-1] == behind[0])
        if begun and before and behind:
            left[y], right[y] = before[-1][0], behind[0][1]
    size = 0.025 * (hem - top)
    return pixels.median(left, size), pixels.median(right, size)


def _armpit(edge: Floats, top: float, hem: float) -> tuple[int, Floats, bool]:
    """Find the row where the left `edge` leaves the trunk for a sleeve, climbing from the hem.

    Return that row, the edge with what lies above it straightened, and whether there is a sleeve.
    Without a sleeve it is the row, in the upper part, where the garment is broadest.
    """
    height = hem - top
    step = max(2, int(0.02 * height))
    start, stop = int(hem - 0.3 * height), int(top + 0.08 * height)
    calm = np.median(edge[int(top + 0.5 * height) : int(top + 0.8 * height) + 1])
    for y in range(start, stop, -1):
        if edge[y - step] < edge[y] - 1.6 * step and edge[y - 2 * step] < calm - 0.02 * height:
            straight = edge.copy()
            straight[: y + 1] = edge[y + 1]
            return y, straight, True
    high, low = int(top + 0.1 * height), int(top + 0.42 * height)
    part = edge[high:low]
    widest = int(high + np.argmin(np.round(part / (0.02 * height)))) if len(part) else high
    straight = edge.copy()
    straight[:widest] = edge[widest]
    return widest, straight, False


def _tip(crest: Floats, pit: Point, other: Point, top: float) -> Point:
    """Return the shoulder point: on the upper outline, a little inside of the armpit."""
    inward = 0.03 * (other[0] - pit[0])
    x = int(np.clip(pit[0] + inward, 0, len(crest) - 1))
    if crest[x] > pit[1] - 0.1 * (pit[1] - top):
        toward = range(x, int((pit[0] + other[0]) / 2), 1 if inward > 0 else -1)
        high = pit[1] - 0.6 * (pit[1] - top)
        x = next((c for c in toward if crest[c] <= high), x)
    return float(x), float(crest[x])


def _necks(crest: Floats, axis: float, tips: tuple[Point, Point]) -> tuple[Point, Point]:
    """Return the highest points of the upper outline on both sides of the axis."""
    found: list[Point] = []
    for tip in tips:
        a, b = sorted((int(tip[0]), int(axis)))
        columns = np.arange(a, max(b, a + 1))
        heights = crest[columns]
        highest = columns[heights <= heights.min() + 0.02 * abs(tips[1][0] - tips[0][0])]
        outermost = highest[0] if tip[0] < axis else highest[-1]
        found.append((float(outermost), float(crest[outermost])))
    return found[0], found[1]


def _apart(
    tips: tuple[Point, Point], necks: tuple[Point, Point], crest: Floats
) -> tuple[Point, Point]:
    """Move the shoulder points outward where the neckline is so wide that it reaches them."""
    least = 0.09 * (tips[1][0] - tips[0][0])
    moved = []
    for tip, neck, side in zip(tips, necks, (-1, 1), strict=True):
        x = int(np.clip(side * max(side * tip[0], side * neck[0] + least), 0, len(crest) - 1))
        moved.append((float(x), float(crest[x])) if x != int(tip[0]) else tip)
    return moved[0], moved[1]
