"""Arithmetic on pictures: colours and distances between them, light, blurs, covers.

Colours and covers are float32 while they are worked on, and bytes where they are kept.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows and columns


def to_lab(rgb: NDArray[Any]) -> Floats:
    """Turn 0..255 RGB into CIE Lab."""
    scaled = np.multiply(rgb, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)


def to_rgb(lab: Floats) -> Floats:
    """Turn CIE Lab into 0..255 RGB."""
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255, 0, 255), np.float32)


def lightness(rgb: Bytes) -> Floats:
    """Return the L of CIE Lab, 0 to 100, in steps of 0.4."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    return np.multiply(cv2.extractChannel(lab, 0), np.float32(100 / 255), dtype=np.float32)


def as_bytes(values: NDArray[Any], scale: float = 1) -> Bytes:
    """Round numbers of at least 0 to bytes, after multiplying by `scale`; 255 is the most."""
    return np.asarray(cv2.convertScaleAbs(values, alpha=scale), np.uint8)


def as_cover(values: Bytes) -> Floats:
    """Turn bytes into a cover, 0 to 1."""
    return np.multiply(values, np.float32(1 / 255), dtype=np.float32)


def times(colours: Floats, weight: Floats) -> Floats:
    """Multiply each pixel's colour, or its one value, by that pixel's weight."""
    if colours.ndim == 2:
        return colours * weight
    return np.asarray(cv2.multiply(colours, cv2.merge([weight] * 3)), np.float32)


def mixed(below: NDArray[Any], above: NDArray[Any], cover: Floats) -> NDArray[Any]:
    """Lay `above` over `below` where `cover` is 1, and between the two where it is less."""
    return np.asarray(cv2.blendLinear(below, above, 1 - cover, cover))


def distance(colours: Floats, colour: NDArray[Any]) -> Floats:
    """Return how far each pixel's colour is from one colour."""
    total = np.zeros(colours.shape[:2], np.float32)
    for part, wanted in enumerate(colour):
        away = cv2.extractChannel(colours, part) - np.float32(wanted)
        total += away * away
    return np.sqrt(total)


def blur(values: NDArray[Any], sigma: float) -> Floats:
    """Blur by a Gaussian of `sigma` pixels; a wide one is made on a smaller picture."""
    values = values.astype(np.float32, copy=False)
    h, w = values.shape[:2]
    less = int(min(sigma / 2, h / 4, w / 4))
    if less < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.3)), np.float32)
    small = cv2.resize(values, (w // less, h // less), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / less)
    return np.asarray(cv2.resize(soft, (w, h)), np.float32).reshape(values.shape)


def spread(values: NDArray[Any], part: Bytes, sigma: float) -> NDArray[Any]:
    """Carry `values` from where `part` is 1 to where it is 0, by ever wider Gaussians."""
    h, w = part.shape
    less = max(1, int(min(sigma / 1.5, h / 16, w / 16)))  # what is spread is smooth
    sums, share = averaged(values, part, less)
    total, mass, wide = np.zeros_like(sums), np.zeros_like(share), sigma / less
    for _ in range(5):
        rest = 1 - mass
        total += times(blur(sums, wide), rest)
        mass += blur(share, wide) * rest
        wide *= 3
    smooth: NDArray[Any] = times(total, over(mass, 1e-6))
    if values.dtype == np.uint8:
        smooth = as_bytes(smooth)
    return np.asarray(cv2.resize(smooth, (w, h)))


def over(values: Floats, least: float) -> Floats:
    """Return one over each value, which counts as `least` where it is less."""
    return np.asarray(1 / np.maximum(values, least), np.float32)


def averaged(values: NDArray[Any], part: Bytes, less: int) -> tuple[Floats, Floats]:
    """Return a picture `less` times smaller, 0 outside of `part`, and how much of it is `part`."""
    size = max(1, part.shape[1] // less), max(1, part.shape[0] // less)
    own, share = cv2.bitwise_and(values, values, mask=part), part.astype(np.float32)
    small = cv2.resize(own, size, interpolation=cv2.INTER_AREA)
    share = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(small, np.float32), share


def calmed(flags: Flags, size: float) -> Flags:
    """Return what most pixels of a square around each are, `size` pixels wide."""
    width = max(3, round(size) | 1)
    share = cv2.blur(flags.astype(np.uint8) * 255, (width, width), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(share > 127)


def grown(cover: NDArray[Any], size: float) -> NDArray[Any]:
    """Widen a shape by half of `size` pixels on every side."""
    width = max(3, round(size) | 1)
    return np.asarray(cv2.dilate(cover, np.ones((width, width), np.uint8)))


def shrunk(cover: NDArray[Any], size: float) -> NDArray[Any]:
    """Narrow a shape by half of `size` pixels on every side."""
    width = max(3, round(size) | 1)
    return np.asarray(cv2.erode(cover, np.ones((width, width), np.uint8)))


def runs(row: Flags) -> list[tuple[int, int]]:
    """Return where the flags of a row are set: the first column of each run, and its end."""
    ends = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]


def parting(solid: Flags, left: Floats, right: Floats, rows: range, margin: float) -> float | None:
    """Return the first row from which a gap runs down; None where what is solid never parts.

    It is looked for between a shape's edges, a `margin` of its width away from them.
    """
    for y in rows:
        away = margin * (right[y] - left[y])
        part = solid[y : y + 4, int(left[y] + away) : int(right[y] - away)]
        if part.size and (~part).any(1).all():
            return float(y)
    return None


def median(values: NDArray[np.floating], size: float) -> Floats:
    """Return for each of a row of numbers the median of those around it, `size` of them."""
    width = max(3, int(size) | 1)
    padded = np.pad(values, width // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.asarray(np.median(windows, axis=1), np.float32)


def grid(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the pixels' rows, as a column, and their columns, as a row."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    return rows, np.arange(shape[1], dtype=np.float32)[None]


def box(cover: NDArray[Any], margin: float = 0) -> Box:
    """Return where a shape is, and a margin around it; a small corner if it is nowhere."""
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    if not len(rows):
        return slice(0, 4), slice(0, 4)
    m, (h, w) = int(margin) + 2, cover.shape
    return (
        slice(max(int(rows[0]) - m, 0), min(int(rows[-1]) + m + 1, h)),
        slice(max(int(columns[0]) - m, 0), min(int(columns[-1]) + m + 1, w)),
    )
