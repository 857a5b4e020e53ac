"""Draws cloth: plain, or with a pattern in two or three colours."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from changeclothes_async.sandbox.drawing.pixels import Floats


class Cloth(NamedTuple):
    """What a garment is made of; `colours` are RGB, the ground first."""

    colours: list[Floats]
    pattern: str = "plain"
    size: float = 1.0  # of the pattern's repeat, in shoulder widths
    lengthwise: bool = False
    phase: tuple[float, float] = (0.5, 0.3)


def draw(cloth: Cloth, u: Floats, v: Floats) -> Floats:
    """Draw the cloth at the body's coordinates `u`, `v` in shoulder widths; return RGB."""
    ground, other = cloth.colours[0], cloth.colours[-1]
    third = cloth.colours[1] if len(cloth.colours) > 2 else other
    x, y = u / cloth.size + cloth.phase[0], v / cloth.size + cloth.phase[1]
    if cloth.pattern == "gradient":
        return _mix(ground, other, np.clip(v / 0.9, 0, 1))
    if cloth.pattern == "checks":
        once = _mix(ground, other, 0.5 * _band(x / 0.16) + 0.5 * _band(y / 0.16))
        fine = _band(x / 0.16 + 0.32, 0.06), _band(y / 0.16 + 0.32, 0.06)
        return _mix(once, third, np.float32(0.5) * np.maximum(*fine))
    if cloth.pattern == "flowers":
        return _flowers(ground, other, x, y)
    cover = {
        "plain": lambda: np.zeros_like(u),
        "stripes": lambda: _band((x if cloth.lengthwise else y) / 0.1),
        "dots": lambda: _rosette(x, y, 0.105, 0.3, 0, 0),
        "stars": lambda: _rosette(x, y, 0.14, 0.3, 5, 0.45),
        "zigzag": lambda: _band(y / 0.1 + 1.2 * np.abs((x / 0.14) % 1 - 0.5)),
    }[cloth.pattern]()
    return _mix(ground, other, cover)


def _flowers(ground: Floats, petals: Floats, x: Floats, y: Floats) -> Floats:
    leaf = np.array([92, 138, 92], np.float32) * 0.7 + 0.3 * ground
    heart = np.array([238, 186, 62], np.float32)
    drawn = _mix(ground, leaf, _rosette(x + 0.05, y + 0.04, 0.19, 0.3, 3, 0.6))
    for shift, size in ((0.0, 0.36), (0.11, 0.22)):
        at = x + shift, y + shift * 0.7
        drawn = _mix(drawn, petals, _rosette(*at, 0.19, size, 5, 0.25))
        drawn = _mix(drawn, heart, _rosette(*at, 0.19, size * 0.32, 0, 0))
    return drawn


def _mix(a: Floats, b: Floats, part: Floats) -> Floats:
    """Mix a colour, or a cloth, with `part` of another colour."""
    grounds = a if a.ndim == 1 else cv2.split(a)
    mixed = [x + part * (y - x) for x, y in zip(grounds, b, strict=True)]
    return np.asarray(cv2.merge(mixed), np.float32)


def _band(turns: Floats, wide: float = 0.5) -> Floats:
    """Return soft-edged bands: 1 over `wide` of each turn."""
    inside = wide / 2 - np.abs(turns % 1 - 0.5)
    return np.asarray(np.clip(inside / 0.05 + 0.5, 0, 1), np.float32)


def _rosette(x: Floats, y: Floats, step: float, radius: float, petals: int, deep: float) -> Floats:
    """Return shapes on a lattice whose odd rows are shifted: dots, or stars with `petals` tips."""
    row = np.floor(y / step)
    px = (x / step + 0.5 * (row % 2)) % 1 - 0.5
    py = (y / step) % 1 - 0.5
    edge: NDArray[np.floating] | float = radius
    if petals:
        angle = np.asarray(cv2.phase(px, py), np.float32)
        edge = radius * (1 - deep * 0.5 * (1 - np.cos(petals * angle)))
    return np.asarray(np.clip((edge - np.hypot(px, py)) / 0.06 + 0.5, 0, 1), np.float32)
