"""Bends cloth as a thin plate, so that given points come to lie where they are wanted."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Box, Bytes, Floats

Point = tuple[float, float]
Pairs = list[tuple[Point, Point]]  # from the cloth, to where it is laid
Doubles = NDArray[np.float64]


class Layer(NamedTuple):
    """Cloth as it is laid: where in the picture, its colours, and its cover, 0 to 1."""

    box: Box
    rgb: Bytes
    alpha: Floats


def bend(
    rgb: Bytes, cover: Bytes, pairs: Pairs, shape: tuple[int, ...], unit: float, margin: float
) -> Layer:
    """Lay cloth so that each pair's first point comes to lie on its second.

    `shape` is the size of the picture it is laid in; around the cloth's box there is a `margin`.
    """
    h, w = shape
    source = np.array([pair[0] for pair in pairs])
    target = np.array([pair[1] for pair in pairs])
    cell = max(4, round(max(h, w) / 128))
    rows, columns = h // cell + 3, w // cell + 3
    # Centres of cells, from one outside of the picture on, as a picture enlarged by `cell` has.
    v, u = (np.mgrid[0:rows, 0:columns].astype(np.float32) - 0.5) * cell - 0.5
    where = _thin_plate(target, source, np.stack([u.ravel(), v.ravel()], 1), unit)
    coarse = where.reshape(rows, columns, 2)
    box = _reached(coarse, cover, cell, margin, shape)
    x, y = cv2.split(_enlarged(coarse, cell, box))
    laid, alpha = (
        np.asarray(cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))
        for part in (rgb, cover)
    )
    return Layer(box, np.asarray(laid, np.uint8), pixels.as_cover(np.asarray(alpha, np.uint8)))


def _enlarged(coarse: Floats, cell: int, box: Box) -> Floats:
    """Return the part of a picture `cell` times as large, and begun a cell later, in a box."""
    (top, bottom), (left, right) = ((part.start, part.stop) for part in box)
    first_row, first_column = top // cell, left // cell
    part = coarse[first_row : bottom // cell + 3, first_column : right // cell + 3]
    fine = cv2.resize(part, (part.shape[1] * cell, part.shape[0] * cell))
    y, x = top - (first_row - 1) * cell, left - (first_column - 1) * cell
    return np.asarray(fine[y : y + bottom - top, x : x + right - left], np.float32)


def _reached(coarse: Floats, cover: Bytes, cell: int, margin: float, shape: tuple[int, ...]) -> Box:
    """Return the box of the cells onto which some of the cloth is laid."""
    y, x = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    if not len(y):
        return slice(0, 1), slice(0, 1)
    # Half of a cell may hold cloth though its centre does not.
    room = sum(np.abs(np.diff(coarse, axis=axis)).max(initial=0) for axis in (0, 1))
    inside = (coarse[..., 0] > x[0] - room) & (coarse[..., 0] < x[-1] + room)
    inside &= (coarse[..., 1] > y[0] - room) & (coarse[..., 1] < y[-1] + room)
    ends = []
    for axis, size in ((1, shape[0]), (0, shape[1])):
        cells = np.flatnonzero(inside.any(axis))
        low, high = (cells[0] - 1, cells[-1]) if len(cells) else (0, 0)
        start = int(np.clip(low * cell - margin, 0, size - 1))
        ends.append(slice(start, int(np.clip(high * cell + margin, start + 1, size))))
    return ends[0], ends[1]


def _thin_plate(known: Doubles, values: Doubles, wanted: Floats, unit: float) -> Floats:
    """Interpolate `values` known at some points by a thin plate, a little stiff."""
    known, wanted = known / unit, wanted / np.float32(unit)
    count = len(known)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(known, known) + 2e-3 * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1, known
    system[count, :count], system[count + 1 :, :count] = 1, known.T
    right = np.zeros((count + 3, 2))
    right[:count] = values
    # Points that coincide make the system singular, which least squares bear.
    weights = np.linalg.lstsq(system, right, rcond=None)[0].astype(np.float32)
    flat = np.hstack([np.ones((len(wanted), 1), np.float32), wanted]) @ weights[count:]
    return np.asarray(_bending(wanted, known.astype(np.float32)) @ weights[:count] + flat)


def _bending(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    square = np.square(a[:, None, 0] - b[None, :, 0]) + np.square(a[:, None, 1] - b[None, :, 1])
    return np.asarray(square * np.log(square + a.dtype.type(1e-9)))
