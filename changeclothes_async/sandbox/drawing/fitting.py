"""Lays a garment on a figure: says which point of the one goes where on the other, and bends it."""

from __future__ import annotations

import numpy as np

from changeclothes_async.sandbox.drawing import pixels, plates
from changeclothes_async.sandbox.drawing.figure import Figure
from changeclothes_async.sandbox.drawing.garment import Garment, Point
from changeclothes_async.sandbox.drawing.garment_sleeves import Sleeve
from changeclothes_async.sandbox.drawing.pixels import Bytes, Floats
from changeclothes_async.sandbox.drawing.plates import Layer, Pairs


def fit(garment: Garment, figure: Figure, category: str) -> list[Layer]:
    """Lay the garment on the figure: the layers from the lowest to the uppermost."""
    if category == "lower_body":
        return _fit_lower(garment, figure)
    return _fit_upper(garment, figure, dress=category == "dresses")


def _fit_upper(garment: Garment, figure: Figure, *, dress: bool) -> list[Layer]:
    sleeved = any(garment.sleeves)
    shoulders = garment.tips[1][0] - garment.tips[0][0]
    chest = garment.pits[1][0] - garment.pits[0][0]
    grow = figure.span * (0.83 / max(shoulders, 8) if sleeved else 0.8 / max(chest, 8))
    sides_top = [_top_pairs(garment, figure, grow, n, sleeved=sleeved) for n in (0, 1)]
    top = [*_dip_pair(garment, figure, grow, sides_top), *sides_top[0], *sides_top[1]]
    sides = _side_pairs(garment, figure, grow, dress=dress)
    trunk, *covers = garment.covers
    layers = [_bend(garment, trunk, top + sides, figure)]
    for which, sleeve in enumerate(garment.sleeves):
        if sleeve is None:
            continue
        side, near, cover = (-1, 1)[which], sides_top[which], covers.pop(0)
        pairs = near + _sleeve_pairs(sleeve, figure, near, side, grow)
        layer = _bend(garment, cover, pairs, figure)
        keep = _outward(layer, figure, near[-4][1], near[-1][1], side)
        layers.append(layer._replace(alpha=layer.alpha * keep))
    return layers


def _bend(garment: Garment, cover: Bytes, pairs: Pairs, figure: Figure) -> Layer:
    shape, span = figure.alpha.shape, figure.span
    return plates.bend(garment.rgb, cover, pairs, shape, span, margin=0.12 * span)


def _outward(layer: Layer, figure: Figure, tip: Point, pit: Point, side: int) -> Floats:
    """Return where a sleeve may lie: close on the shoulder, and not over the breast.

    A bent plate can fold, and bring it there.
    """
    v, u = pixels.grid(layer.alpha.shape)
    v, u = v + layer.box[0].start, u + layer.box[1].start
    along = np.clip((v - tip[1]) / max(pit[1] - tip[1], 1), 0, 1)
    seam = tip[0] + along * (pit[0] - tip[0])
    outward = (u - seam) * side > -0.05 * figure.span
    edge = (figure.outer_left if side < 0 else figure.outer_right)[layer.box[0], None]
    near = (u - edge) * side < (0.015 + 0.085 * along) * figure.span
    return pixels.blur(outward & (near | (v > pit[1])), 1.5)


def _top_pairs(
    garment: Garment, figure: Figure, grow: float, which: int, *, sleeved: bool
) -> Pairs:
    """Pair a side's neck point, shoulder line, shoulder point, seam and, last, armpit."""
    side, span = (-1, 1)[which], figure.span
    neck, tip, pit = garment.necks[which], garment.tips[which], garment.pits[which]
    middle = (garment.necks[0][0] + garment.necks[1][0]) / 2 if sleeved else garment.axis
    reach, lift = 0.13 * span, 0.015 * span
    away = float(np.clip((neck[0] - middle) * grow * side, 0, (0.32 if sleeved else 0.4) * span))
    neck_y = figure.base - 0.35 * (reach - away)
    if away >= reach:
        neck_y = _crest(figure, figure.axis + side * away) - lift
    pairs: Pairs = [(neck, (figure.axis + side * away, neck_y))]
    row = figure.row(0.34)
    edge = (figure.left, figure.right)[which][int(min(row, len(figure.left) - 1))]
    far = 0.44 if sleeved else 0.42
    pit_x = float(np.clip((edge - figure.axis) * side, 0.36 * span, far * span))
    pit_to = (figure.axis + side * pit_x, row)
    if sleeved:
        tip_x = figure.axis + side * 0.415 * span
        tip_to = (tip_x, _crest(figure, tip_x) - lift)
        for t in (0.4, 0.7):
            x, to_x = _between(neck, tip, t)[0], _between(pairs[0][1], tip_to, t)[0]
            pairs.append(((x, float(garment.crest[int(x)])), (to_x, _crest(figure, to_x) - lift)))
        pairs.append((tip, tip_to))
        pairs += [(_between(tip, pit, t), _between(tip_to, pit_to, t)) for t in (0.35, 0.7)]
    return [*pairs, (pit, pit_to)]


def _dip_pair(garment: Garment, figure: Figure, grow: float, sides: list[Pairs]) -> Pairs:
    """Pair the neckline's lowest point, where there is a neckline."""
    dip = garment.dip - min(garment.necks[0][1], garment.necks[1][1])
    if dip < 0.05 * (garment.pits[0][1] - garment.top):
        return []
    middle = (garment.necks[0][0] + garment.necks[1][0]) / 2
    high = min(side[0][1][1] for side in sides)
    return [((middle, garment.dip), (figure.axis, high + dip * grow))]


def _between(a: Point, b: Point, part: float) -> Point:
    return (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))


def _moved(point: Point, shift: Floats) -> Point:
    return (point[0] + float(shift[0]), point[1] + float(shift[1]))


def _crest(figure: Figure, x: float) -> float:
    column = int(np.clip(x, 0, len(figure.crest) - 1))
    return float(max(figure.crest[column], figure.base - 0.02 * figure.span))


def _side_pairs(garment: Garment, figure: Figure, grow: float, *, dress: bool) -> Pairs:
    """Pair the sides from the armpits to the hem: on the body's, as loose as the cut is."""
    start = (garment.pits[0][1] + garment.pits[1][1]) / 2
    length = (garment.hem - start) * grow
    pit, hips = figure.row(0.34), figure.row(1.2)
    least = figure.waist + 0.1 * figure.span - pit
    if dress and figure.skirt_hem:
        least = figure.skirt_hem + 0.04 * figure.span - pit
    length = max(length, least) if dress else float(np.clip(length, least, 1.05 * figure.span))
    room = (0.015 if any(garment.sleeves) else 0) * figure.span
    pairs: Pairs = []
    for part in (0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.98, 1.3, 1.6):
        source = start + part * (garment.hem - start)
        target = pit + part * length
        left, right = _edges(
            garment.left, garment.right, min(source, garment.hem - 0.04 * (garment.hem - start))
        )
        body_left, body_right = _edges(figure.left, figure.right, min(target, hips))
        body_left, body_right = body_left - room, body_right + room
        half, middle = (body_right - body_left) / 2, (body_left + body_right) / 2
        loose = 0.05 * figure.span + max(0, target - hips) * (0.8 if dress else 0.1)
        wide = float(np.clip((right - left) / 2 * grow, 1.03 * half, 1.03 * half + loose))
        pairs.append(((left, source), (middle - wide, target)))
        pairs.append(((right, source), (middle + wide, target)))
    return pairs


def _edges(left: Floats, right: Floats, row: float) -> tuple[float, float]:
    y = int(np.clip(row, 0, len(left) - 1))
    return float(left[y]), float(right[y])


def _sleeve_pairs(sleeve: Sleeve, figure: Figure, top: Pairs, side: int, grow: float) -> Pairs:
    """Pair the sleeve's slices with slices of the arm, which hangs from the shoulder."""
    span, (tip, pit) = figure.span, (top[-4][1], top[-1][1])
    along = min(0.88, 1.42 * span / (sleeve.length * grow)) * grow
    edge = figure.outer_left if side < 0 else figure.outer_right
    trunk = figure.left if side < 0 else figure.right
    seam = 1.15 * float(np.hypot(*np.subtract(top[-4][0], top[-1][0])))
    first = int(np.clip(tip[1], 0, len(edge) - 2))
    contour = np.concatenate(([tip[0]], edge[first + 1 :]))
    arc = np.concatenate(([0], np.cumsum(np.hypot(1, np.diff(contour)))))
    outers: Pairs = []
    inners: Pairs = []
    for outer, inner, reach in zip(sleeve.outer, sleeve.inner, sleeve.reach, strict=True):
        y = first + int(np.searchsorted(arc, reach * along))
        row = float(y)
        y = min(y, len(edge) - 1)
        ahead = min(y + int(0.2 * span) + 1, len(edge) - 1)
        lean = float(edge[ahead] - edge[y]) / max(ahead - y, 1)
        arm_outer = float(edge[y])
        thick = float(np.clip(abs(arm_outer - trunk[y]), 0.13 * span, 0.2 * span))
        cloth = np.hypot(outer[0] - inner[0], outer[1] - inner[1]) * grow
        out_x = arm_outer + side * min(0.025 * span, 0.06 * reach * along)
        wide = float(np.clip(cloth, 1.12 * thick, 1.3 * thick + 0.02 * span))
        wide = min(wide, abs(out_x - trunk[y]) + 0.03 * span)
        tilt = float(np.clip(lean * side, -0.15, 0.5)) * wide / 2
        cuff = outer is sleeve.outer[-1]
        below = cuff or (row + tilt > pit[1] and reach > seam)
        outers.append((outer, (out_x, row - (tilt if below else 0))))
        if below:
            inners.append((inner, (out_x - side * wide, row + tilt)))
    past, last = outers[-2:]
    beyond = [(_between(past[0], last[0], t), _between(past[1], last[1], t)) for t in (2.0, 3.0)]
    # The plate goes straight on beyond the cuff, on both of its sides.
    shifts = [np.subtract(inners[-1][n], last[n]) for n in (0, 1)]
    beyond += [(_moved(a, shifts[0]), _moved(b, shifts[1])) for a, b in beyond]
    return outers + inners + beyond


def _fit_lower(garment: Garment, figure: Figure) -> list[Layer]:
    """Lay trousers, shorts or a skirt from the waist down; trousers as two legs."""
    waist = figure.waist - 0.02 * figure.span
    hip_row = garment.top + 0.25 * (garment.hem - garment.top)
    if garment.split:
        hip_row = garment.top + 0.6 * (garment.split - garment.top)
    left, right = _edges(garment.left, garment.right, hip_row)
    body_left, body_right = _edges(figure.left, figure.right, figure.row(1.2))
    grow = 1.04 * (body_right - body_left) / max(right - left, 1)
    crotch = (garment.split or garment.top) - garment.top
    rise = (figure.crotch - waist) / crotch if garment.split else grow
    length = rise * crotch + (garment.hem - garment.top - crotch) * grow
    ankle = figure.foot - 0.12 * figure.span - waist
    long = garment.split is not None and (garment.hem - garment.top) > 2.0 * (right - left)
    if long:
        whole = figure.foot < len(figure.alpha) - 4
        length = ankle if whole else max(ankle, 2.55 * figure.span)
    legs = (-1, 1) if garment.split else (0,)
    return [
        _bend(garment, cover, _leg_pairs(garment, figure, side, waist, length, grow), figure)
        for side, cover in zip(legs, garment.covers, strict=True)
    ]


def _leg_pairs(
    garment: Garment, figure: Figure, side: int, waist: float, length: float, grow: float
) -> Pairs:
    pairs: Pairs = []
    split = garment.split or garment.hem + 1
    fork = figure.crotch
    for part in (0.01, 0.08, 0.16, 0.25, 0.35, 0.45, 0.6, 0.75, 0.9, 0.99):
        source = garment.top + part * (garment.hem - garment.top)
        if source <= split and garment.split:
            target = waist + (source - garment.top) / (split - garment.top) * (fork - waist)
        elif garment.split:
            rest = (source - split) / (garment.hem - split)
            target = fork + rest * (waist + length - fork)
        else:
            target = waist + part * length
        left, right = _edges(garment.left, garment.right, source)
        body_left, body_right = _edges(figure.left, figure.right, target)
        middle, half = (body_left + body_right) / 2, (body_right - body_left) / 2
        wide = max((right - left) / 2 * grow, half * 1.03)
        wide = min(wide, half * 1.03 + 0.04 * figure.span + max(0, target - figure.row(1.2)))
        pairs.append(((left, source), (middle - wide, target)))
        pairs.append(((right, source), (middle + wide, target)))
        if side and source > split:
            pairs.append(((garment.axis, source), (middle, target)))
    if side:
        pairs.append(((garment.axis, split), ((body_left + body_right) / 2, fork)))
    return pairs
