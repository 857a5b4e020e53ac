"""Finds the parts of a garment photographed flat or on a form, and takes its lining out."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from . import cutting
from .cutting import Bytes, Flags, Floats

Point = tuple[float, float]


class Sleeve(NamedTuple):
    """A sleeve: slices across it at growing distances from the shoulder, and its length."""

    outer: list[Point]
    inner: list[Point]
    reach: list[float]
    length: float


class Garment(NamedTuple):
    """A garment cut out of its picture, with its landmarks in pixels."""

    rgb: Bytes
    alpha: Floats  # cover, 0 to 1, without the lining that shows in the neck
    axis: float
    top: float
    hem: float
    left: Floats  # for each row, the trunk's edges
    right: Floats
    pits: tuple[Point, Point]
    tips: tuple[Point, Point]
    necks: tuple[Point, Point]
    dip: float  # the lowest row of the neckline
    sleeves: tuple[Sleeve | None, Sleeve | None]
    split: float | None  # where the legs part, for trousers


def find(rgb: Bytes, alpha: Floats, *, lower: bool) -> Garment:
    """Find the parts of the garment in `rgb` whose cover is `alpha`."""
    solid = _main_piece(alpha > 0.5)
    alpha = (alpha * cv2.dilate(solid.astype(np.uint8), np.ones((5, 5), np.uint8))).astype(
        np.float32
    )
    rows = np.flatnonzero(solid.any(1))
    top, hem = float(rows[0]), float(rows[-1])
    axis = _axis(solid, top, hem)
    left, right = _trunk(solid, axis, top, hem, lower=lower)
    if lower:
        pits = _at(left, right, top)
        return Garment(
            rgb, alpha, axis, top, hem, left, right, pits, pits, pits, top, (None, None),
            _split(solid, left, right, top, hem),
        )  # fmt: skip
    hem = float(np.flatnonzero(right > left)[-1])
    (row_left, left, sleeved_left), (row_right, right, sleeved_right) = (
        _armpit(left, top, hem),
        _armpit(-right, top, hem),
    )
    right = -right
    if not (sleeved_left and sleeved_right):
        row_left = row_right = max(row_left, row_right)
    pits = ((float(left[row_left]), float(row_left)), (float(right[row_right]), float(row_right)))
    crest = np.where(solid.any(0), solid.argmax(0), hem).astype(np.float32)
    tips = (_tip(crest, pits[0], pits[1], top), _tip(crest, pits[1], pits[0], top))
    necks = _necks(crest, axis, tips)
    tips = _apart(tips, necks, crest)
    collar = sleeved_left or sleeved_right
    breadth = tips[1][0] - tips[0][0]
    alpha = _without_lining(rgb, alpha, solid, crest, breadth, necks, collar=collar)
    open_crest = np.where((alpha > 0.5).any(0), (alpha > 0.5).argmax(0), hem)
    inner = open_crest[int(necks[0][0]) : int(necks[1][0]) + 1]
    dip = float(np.percentile(inner, 92)) if len(inner) else top
    sleeves = (
        _sleeve(solid, tips[0], pits[0], -1, left) if sleeved_left else None,
        _sleeve(solid, tips[1], pits[1], 1, right) if sleeved_right else None,
    )
    return Garment(
        rgb, alpha, axis, top, hem, left, right, pits, tips, necks, dip, sleeves, None
    )  # fmt: skip


def _main_piece(solid: Flags) -> Flags:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    if count < 2 or stats[1:, cv2.CC_STAT_AREA].max() < 0.01 * solid.size:
        h, w = solid.shape
        block = np.zeros_like(solid)
        block[h // 20 : h - h // 20 or 1, w // 20 : w - w // 20 or 1] = True
        return block
    sizes = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    sizes[0] = 0
    return np.asarray(np.isin(labels, np.flatnonzero(sizes > 0.05 * sizes.max())))


def _axis(solid: Flags, top: float, hem: float) -> float:
    middle = solid[int(top + 0.15 * (hem - top)) : int(top + 0.6 * (hem - top)) + 1]
    centres = [np.flatnonzero(row)[[0, -1]].mean() for row in middle if row.any()]
    return float(np.median(centres)) if centres else solid.shape[1] / 2


def _runs(row: Flags) -> list[tuple[int, int]]:
    ends = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]


def _trunk(
    solid: Flags, axis: float, top: float, hem: float, *, lower: bool
) -> tuple[Floats, Floats]:
    """Return each row's edges of the run that holds the axis; trouser legs count as one."""
    h = len(solid)
    left, right = np.full(h, axis, np.float32), np.full(h, axis, np.float32)
    for y in range(int(hem), int(top) - 1, -1):
        runs = _runs(solid[y])
        holding = [run for run in runs if run[0] <= axis < run[1]]
        if holding:
            left[y], right[y] = holding[0]
        elif lower and runs:
            left[y], right[y] = runs[0][0], runs[-1][1]
    return _calm(left, hem - top), _calm(right, hem - top)


def _calm(edge: Floats, height: float) -> Floats:
    size = max(3, int(0.025 * height) | 1)
    padded = np.pad(edge, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)
    return np.median(windows, axis=1).astype(np.float32)


def _at(left: Floats, right: Floats, row: float) -> tuple[Point, Point]:
    y = int(row)
    return (float(left[y]), row), (float(right[y]), row)


def _split(solid: Flags, left: Floats, right: Floats, top: float, hem: float) -> float | None:
    for y in range(int(top + 0.2 * (hem - top)), int(hem - 0.05 * (hem - top))):
        quarter = 0.25 * (right[y] - left[y])
        row = solid[y : y + 3, int(left[y] + quarter) : int(right[y] - quarter)]
        if row.size and (~row).any(1).all():
            return float(y)
    return None


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


def _without_lining(
    rgb: Bytes,
    alpha: Floats,
    solid: Flags,
    crest: Floats,
    breadth: float,
    necks: tuple[Point, Point],
    *,
    collar: bool,
) -> Floats:
    """Take away the inside of the back that shows in the neckline: it lies behind the neck.

    It is known by lying under the middle of the upper edge, darker than the front around it, and
    alike on both sides.
    """
    middle = (necks[0][0] + necks[1][0]) / 2
    top = max(int(min(necks[0][1], necks[1][1])) - 6, 0)
    x0, x1 = max(int(middle - 0.55 * breadth), 0), min(int(middle + 0.55 * breadth), solid.shape[1])
    y1 = min(int(top + 0.75 * breadth), solid.shape[0])
    if min(x1 - x0, y1 - top) < 24 or crest[int(middle)] > top + 0.2 * breadth:
        return alpha
    box, inside = rgb[top:y1, x0:x1], solid[top:y1, x0:x1]
    v, u = np.mgrid[top:y1, x0:x1].astype(np.float32)
    u, v = (u - middle) / breadth, (v - crest[None, x0:x1]) / breadth
    half = float(np.clip((necks[1][0] - necks[0][0]) / breadth / 2, 0.08, 0.48))
    lab = cutting.to_lab(box)
    best, found = 3.0, None
    for seeds in _lining_seeds(u, v, half):
        lining = _grow(box, inside, u, v, half, seeds)
        lining = _even(lining, seeds, int(middle) - x0)
        ring = cv2.dilate(lining.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(np.bool_)
        ring &= inside & ~lining & (v > 0.03)
        if lining.any() and ring.any():
            other = np.median(lab[ring], 0) - np.median(lab[lining], 0)
            distance = float(np.linalg.norm(other))
            if other[0] > 2.5:
                found = lining
                break
            if other[0] > -8 and distance > best:
                best, found = distance, lining
    cleared = alpha.copy()
    if found is None and not collar:
        return alpha
    # Whatever else is found, the neck stands before the back of the collar.
    deep = 0.5 if found is None else 0.3
    neck = (u / (0.85 * half)) ** 2 + (np.maximum(v, 0) / (deep * half)) ** 2 < 1
    found = neck if found is None else found | neck
    left_over = (cleared[top:y1, x0:x1] > 0.5) & ~found
    size = max(3, round(0.03 * breadth) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    firm = cv2.morphologyEx(left_over.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    slivers = left_over & (firm == 0) & (v < 0.2) & (np.abs(u) < half)
    cleared[top:y1, x0:x1] *= 1 - cutting.blur(found | slivers, 1.2)
    return cleared


def _lining_seeds(u: Floats, v: Floats, half: float) -> list[Flags]:
    """Return where lining may be for sure: under the edge, beside a label, or below one."""
    return [
        (np.abs(u) < 0.45 * half) & (v > 0.025) & (v < 0.055),
        (np.abs(u) > 0.3 * half) & (np.abs(u) < 0.6 * half) & (v > 0.03) & (v < 0.07),
        (np.abs(u) < 0.2 * half) & (v > 0.1) & (v < 0.17),
    ]


def _grow(box: Bytes, inside: Flags, u: Floats, v: Floats, half: float, seeds: Flags) -> Flags:
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
    depth = cutting.blur(np.minimum(depth, 1.1 * mirrored).astype(np.float32)[None], 2.0)[0]
    return np.asarray(np.arange(len(piece))[:, None] < depth[None])


def _sleeve(solid: Flags, tip: Point, pit: Point, side: int, edge: Floats) -> Sleeve | None:
    """Slice the sleeve in arcs around its shoulder point; None where there is hardly any."""
    h, w = solid.shape
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    part = _largest(solid & is_sleeve(u, v, tip, pit, side, edge))
    seam = float(np.hypot(pit[0] - tip[0], pit[1] - tip[1]))
    if part.sum() < 0.12 * seam * seam:
        return None
    far = np.hypot(u - tip[0], v - tip[1])
    length = float(np.percentile(far[part], 99.5))
    angle = np.arctan2((u - tip[0]) * side, v - tip[1])  # 0 hangs down, a quarter turn is outward
    outer: list[Point] = []
    inner: list[Point] = []
    reach: list[float] = []
    for radius in np.linspace(min(0.3, 0.35 * seam / length), 0.85, 9) * length:
        ring = angle[part & (np.abs(far - radius) < max(1.5, 0.012 * length))]
        if len(ring) < 4:
            continue
        for points, turn in ((outer, np.percentile(ring, 98)), (inner, np.percentile(ring, 2))):
            x, y = tip[0] + side * radius * np.sin(turn), tip[1] + radius * np.cos(turn)
            points.append((float(x), float(y)))
        reach.append(float(radius))
    if len(reach) < 3:
        return None
    y, x = np.nonzero(part)
    outward = (x - tip[0]) * side
    for points, corner in ((outer, 0.8 * outward + 0.6 * y), (inner, 0.8 * y - 0.6 * outward)):
        best = int(corner.argmax())
        points.append((float(x[best]), float(y[best])))
    reach.append(float(np.hypot(outer[-1][0] - tip[0], outer[-1][1] - tip[1])))
    return Sleeve(outer, inner, reach, length)


def _largest(part: Flags) -> Flags:
    thin = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin)
    if len(stats) < 2:
        return np.zeros_like(part)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def is_sleeve(u: Floats, v: Floats, tip: Point, pit: Point, side: int, edge: Floats) -> Flags:
    """Tell which pixels lie outward of the seam from the shoulder point to the armpit."""
    along = np.clip((v - tip[1]) / max(pit[1] - tip[1], 1), 0, 1)
    seam = tip[0] + along * (pit[0] - tip[0])
    seam = np.where(v > pit[1], edge[: len(v)][:, None], seam)
    return np.asarray((u - seam) * side > 0)
