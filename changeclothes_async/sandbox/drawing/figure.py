"""Finds where the parts of a standing person are, from the outline and the skin.

Proportions are told in shoulder widths (`span`); they hold for whoever stands upright and faces us.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Bytes, Flags, Floats


class Figure(NamedTuple):
    """Where a person is in a picture, in pixels; arrays hold one number a row."""

    alpha: Bytes  # cover of the person
    skin: Bytes  # likeness to the face's colour
    tone: Floats  # the skin's Lab colour
    head: float  # top of the head
    base: float  # where the neck meets the shoulders
    shoulder: float  # row of the shoulder points
    span: float  # width over both arms at the chest
    axis: float  # column of the middle of the body
    waist: float
    crotch: float
    foot: float
    skirt_hem: float | None  # where a worn skirt ends; None where the legs are seen apart
    left: Floats  # the trunk's and legs' edges, arms left out
    right: Floats
    outer_left: Floats  # the whole outline's edges, arms included
    outer_right: Floats
    crest: Floats  # for each column the row of the shoulder line

    def row(self, spans: float) -> float:
        """Return the row that lies so many shoulder widths below the shoulders."""
        return self.shoulder + spans * self.span


def find(rgb: Bytes, lab: Floats, alpha: Floats) -> Figure:
    """Find the parts of the person whose cover is `alpha` in a picture, given as RGB and as Lab."""
    solid = alpha > 0.5
    if not 0.03 < solid.mean() < 0.8 or _is_blocky(solid):
        solid = _mannequin(solid.shape)
        alpha = pixels.blur(solid, 1.5)
    rows = np.flatnonzero(solid.any(1))
    head, foot = float(rows[0]), float(rows[-1])
    outer_left, outer_right = _outline(solid)
    width = outer_right - outer_left
    jump = _jump(width, head, foot)
    tall = jump - head
    breast = int(min(jump + 0.35 * tall, foot))
    span = float(max(width[breast], 8))
    axis = float(outer_left[breast] + outer_right[breast]) / 2
    narrow = _rows(width < 0.55 * span, head, breast)
    base = float(narrow[-1]) if len(narrow) else head  # hair may be as broad, but it is higher up
    broad = _rows(width >= 0.86 * span, base, breast)
    shoulder = float(broad[0]) if len(broad) else float(breast)
    alpha = _mended(alpha, slice(max(0, int(base - 0.1 * span)), breast), span)
    solid = alpha > 0.5
    skin, tone = _skin(lab, solid, axis, head + 0.42 * tall, head + 0.68 * tall, span)
    left, right = _trunk(solid, skin, axis, span, shoulder, foot)
    crest = _crest(solid, base, breast)
    legs = range(int(shoulder + 1.25 * span), min(int(shoulder + 1.8 * span), len(solid) - 4))
    crotch = pixels.parting(solid, left, right, legs, 0.15)
    waist = _waistline(rgb, left, right, shoulder, span)
    return Figure(
        alpha=pixels.as_bytes(alpha, 255),
        skin=pixels.as_bytes(skin, 255),
        tone=tone,
        head=head,
        base=base,
        shoulder=shoulder,
        span=span,
        axis=axis,
        waist=waist,
        crotch=crotch or shoulder + 1.47 * span,
        foot=foot,
        skirt_hem=None if crotch else _skirt_hem(skin, left, right, shoulder + 1.2 * span, foot),
        left=left,
        right=right,
        outer_left=outer_left,
        outer_right=outer_right,
        crest=crest,
    )


def _mended(alpha: Floats, rows: slice, span: float) -> Floats:
    """Fill the notches that white clothes before a white wall leave in the shoulders' outline."""
    size = max(3, round(0.08 * span) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    mended = alpha.copy()
    mended[rows] = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, kernel)[rows]
    return mended


def _is_blocky(solid: Flags) -> bool:
    """Tell whether the upper rim is full: then no head stands out, and nothing was cut out."""
    return bool(solid[: max(1, len(solid) // 40)].mean() > 0.6)


def _mannequin(shape: tuple[int, ...]) -> Flags:
    """Stand a plain figure in the middle, for a picture in which nobody can be made out."""
    h, w = shape
    v, u = pixels.grid(shape)
    unit = min(h, w * 1.6)
    u, v = (u - w / 2) / unit, (v - h / 2) / unit + 0.5
    head = (u / 0.075) ** 2 + ((v - 0.13) / 0.1) ** 2 < 1
    neck = (np.abs(u) < 0.04) & (v > 0.15) & (v < 0.3)
    trunk = (np.abs(u) < 0.18) & (v > 0.27 + 0.25 * np.abs(u))
    return np.asarray(head | neck | trunk)


def _outline(solid: Flags) -> tuple[Floats, Floats]:
    w = solid.shape[1]
    some = solid.any(1)
    left = np.where(some, solid.argmax(1), w / 2).astype(np.float32)
    right = np.where(some, w - solid[:, ::-1].argmax(1), w / 2).astype(np.float32)
    return left, right


def _jump(width: Floats, head: float, foot: float) -> float:
    """Return the row at which the outline broadens most: from the neck to the shoulders."""
    step = max(2, round(len(width) * 0.03))
    low, high = int(head + step), int(head + 0.45 * (foot - head) + step)
    growth = width[2 * step :] - width[: -2 * step]
    part = growth[max(low - step, 0) : max(high - step, low - step + 1)]
    return float(np.argmax(part) + low) if len(part) else (head + foot) / 4


def _rows(fit: Flags, start: float, end: float) -> NDArray[np.intp]:
    low = max(int(start), 0)
    return low + np.flatnonzero(fit[low : max(int(end), low + 1)])


def _skin(
    lab: Floats, solid: Flags, axis: float, top: float, bottom: float, span: float
) -> tuple[Floats, Floats]:
    x, reach = int(axis), max(2, int(span * 0.1))
    face = lab[int(top) : int(bottom) + 2, max(0, x - reach) : x + reach].reshape(-1, 3)
    tone = np.median(face, 0).astype(np.float32) if len(face) else lab.mean((0, 1))
    box = pixels.box(solid, 4)
    light, green_red, blue_yellow = cv2.split(np.ascontiguousarray(lab[box]))
    colour, angle = (np.asarray(part) for part in cv2.cartToPolar(green_red, blue_yellow))
    own, own_angle = float(np.hypot(tone[1], tone[2])) + 1e-3, float(np.arctan2(tone[2], tone[1]))
    turn = np.abs(angle - np.float32(own_angle % (2 * np.pi)))
    turn = np.minimum(turn, 2 * np.pi - turn)
    like = np.clip((0.5 - turn) / 0.15, 0, 1)
    like *= np.clip((colour / own - 0.36) / 0.12, 0, 1) * np.clip((2.1 - colour / own) / 0.3, 0, 1)
    like *= np.clip((light / max(float(tone[0]), 1) - 0.36) / 0.15, 0, 1)
    skin = np.zeros(solid.shape, np.float32)
    skin[box] = pixels.blur(like, 1) * solid[box]
    return skin, tone


def _trunk(
    solid: Flags, skin: Floats, axis: float, span: float, shoulder: float, foot: float
) -> tuple[Floats, Floats]:
    """Return the trunk's edges: gaps tell them from the arms, and where there are none, cloth."""
    h = len(solid)
    rows = np.arange(h, dtype=np.float32)
    left, right = np.full(h, np.nan), np.full(h, np.nan)
    reach_left, reach_right = axis - 0.4 * span, axis + 0.4 * span
    for y in range(int(shoulder + 0.28 * span), min(int(foot) + 1, h)):
        inner = [
            run
            for run in pixels.runs(solid[y])
            if run[1] > reach_left + 0.1 * span and run[0] < reach_right - 0.1 * span
        ]
        if not inner:
            continue
        start, end = inner[0][0], inner[-1][1]
        cloth = np.flatnonzero((skin[y, start:end] < 0.4) & solid[y, start:end])
        legs = y > shoulder + 1.5 * span
        if legs or len(cloth) > 0.45 * span:
            if not legs or len(cloth) > 0.45 * span:
                start, end = start + int(cloth[0]), start + int(cloth[-1]) + 1
            left[y], right[y] = start, end
        else:
            left[y] = start if start > axis - 0.42 * span else np.nan
            right[y] = end if end < axis + 0.42 * span else np.nan
    low, high = axis - 0.62 * span, axis + 0.62 * span
    left[(left < low) | (left > axis)] = np.nan
    right[(right > high) | (right < axis)] = np.nan
    return _filled(left, rows, axis - 0.38 * span, span), _filled(
        right, rows, axis + 0.38 * span, span
    )


def _filled(edge: Floats, rows: Floats, default: float, span: float) -> Floats:
    known = np.isfinite(edge)
    if known.sum() < 4:
        return np.full(len(edge), default, np.float32)
    whole = np.interp(rows, rows[known], edge[known])
    return pixels.blur(pixels.median(whole, 0.08 * span)[:, None], 0.02 * span)[:, 0]


def _crest(solid: Flags, base: float, breast: float) -> Floats:
    """Return the shoulder line: climb each column from the breast up to where the body ends."""
    top = max(int(base), 0)
    part = solid[top : int(breast) + 1][::-1]
    climbed = np.where(part.all(0), len(part), np.argmin(part, 0))
    return (breast - climbed + 1).astype(np.float32)


def _skirt_hem(skin: Floats, left: Floats, right: Floats, hips: float, foot: float) -> float | None:
    for y in range(int(hips), int(foot)):
        row = skin[y, int(left[y]) : int(right[y]) + 1]
        if row.size and (row > 0.5).mean() > 0.4:
            return float(y)
    return None


def _waistline(rgb: Bytes, left: Floats, right: Floats, shoulder: float, span: float) -> float:
    """Return the row at which the lower garment begins: the lowest strong change of colour."""
    usual = shoulder + 0.9 * span
    low, high = int(shoulder + 0.74 * span), int(shoulder + 1.08 * span)
    step = max(2, int(span * 0.03))
    if high + step >= len(rgb):
        return usual
    strip = []
    for y in range(low - step, high + step):
        third = (right[y] - left[y]) * 0.3
        cells = rgb[y, int(left[y] + third) : max(int(right[y] - third), int(left[y] + third) + 1)]
        strip.append(np.median(cells, 0) if len(cells) else np.zeros(3))
    lab = pixels.to_lab(np.array(strip)[None])[0]
    change = np.linalg.norm(lab[2 * step :] - lab[: -2 * step], axis=1)
    strong = np.flatnonzero(change > max(8, 0.7 * change.max()))
    if not len(strong):
        return usual
    lowest = strong[strong > strong[-1] - 2 * step]
    return float(low + np.median(lowest))
