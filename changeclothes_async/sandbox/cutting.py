"""Cuts what stands before a plain background out of a picture, and knows the background again.

A studio background is smooth: its shadows are soft, while whoever stands before it ends in an edge
or in another hue.
So the background is whatever can be reached from the border without crossing an edge or a hue.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

EDGE = 0.9  # the least step of a colour, in Lab units a pixel at 512 pixels, that counts as an edge
HUE = 4.5  # the least distance from the background's hue that cannot be its shadow


class Cut(NamedTuple):
    """What was cut out: `alpha` is its cover, 0 to 1; `backdrop` the RGB background without it."""

    alpha: Floats
    backdrop: Floats


def cut(rgb: Bytes, *, near: float = 2.5) -> Cut:
    """Cut out what stands before the plain background of an RGB picture.

    Colours at an edge that are `near` the background, in Lab units, or much nearer than the rest,
    are followed into narrow slits; white clothes on a white wall bear little of that.
    """
    scale = max(rgb.shape) / 512
    lab = to_lab(rgb)
    backdrop = _smooth_backdrop(lab)
    away = lab - backdrop
    hue = blur(np.hypot(away[..., 1], away[..., 2]), 0.7 * scale)
    step = _steepness(lab, scale)
    noise = float(np.median(_border(step[..., None])))
    noise_hue = float(np.median(_border(hue[..., None])))
    wall = (step > max(EDGE, 3 * noise)) | (hue > max(HUE, 3 * noise_hue))
    wall |= np.abs(away[..., 0]) > 45
    reached = _reached_from_border(~wall)
    reached |= _gaps(~wall & ~reached, away, ~reached, 3e-5 if near > 5 else 2e-4)
    far = np.linalg.norm(away, axis=2)
    usual = float(np.median(far[~reached])) if not reached.all() else 0.0
    alike = wall & (far < np.clip(0.25 * usual, 2.5, near))
    reached = _creep(reached, alike, round(12 * scale))
    alpha = _soften(rgb, ~reached, scale)
    return Cut(alpha, to_rgb(backdrop))


def to_lab(rgb: NDArray[Any]) -> Floats:
    """Turn 0..255 RGB into CIE Lab."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def to_rgb(lab: Floats) -> Floats:
    """Turn CIE Lab into 0..255 RGB."""
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255, 0, 255), np.float32)


def blur(values: NDArray[Any], sigma: float) -> Floats:
    """Blur by a Gaussian of `sigma` pixels; a wide one is made on a smaller picture."""
    values = values.astype(np.float32)
    h, w = values.shape[:2]
    less = int(min(sigma / 2.5, h / 4, w / 4))
    if less < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.3)), np.float32)
    small = cv2.resize(values, (w // less, h // less), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / less)
    return np.asarray(cv2.resize(soft, (w, h)), np.float32).reshape(values.shape)


def spread(values: Floats, weight: Floats, sigma: float) -> Floats:
    """Carry `values` from where `weight` is to where it is not, by ever wider Gaussians."""
    h, w = weight.shape
    less = max(1, int(min(sigma / 1.5, h / 16, w / 16)))  # what is spread is smooth
    size = (w // less, h // less)
    share = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float32)
    heavy = values * weight[..., None]
    sums = np.asarray(cv2.resize(heavy, size, interpolation=cv2.INTER_AREA), np.float32)
    sums = sums.reshape(*share.shape, -1)
    total, mass, wide = np.zeros_like(sums), np.zeros_like(share), sigma / less
    for _ in range(5):
        rest = 1 - mass
        total += blur(sums, wide).reshape(sums.shape) * rest[..., None]
        mass += blur(share, wide) * rest
        wide *= 3
    smooth = total / np.maximum(mass, 1e-6)[..., None]
    return np.asarray(cv2.resize(smooth, (w, h)), np.float32).reshape(values.shape)


def _border(values: Floats) -> Floats:
    w = values.shape[1]
    rim = max(1, w // 24)
    parts = (values[:rim], values[:, :rim], values[:, w - rim :])
    return np.concatenate([part.reshape(-1, values.shape[2]) for part in parts])


def _smooth_backdrop(lab: Floats) -> Floats:
    """Fit a smooth surface to the border; what a person covers of the border is voted down."""
    h, w = lab.shape[:2]
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    u, v = u / w - 0.5, v / h - 0.5
    basis = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v, v**3, u * v * v], -1)
    known, wanted = _border(basis), _border(lab)
    sparse = slice(None, None, max(1, len(known) // 6000))
    known, wanted = known[sparse], wanted[sparse]
    weight = np.ones((len(known), 1), np.float32)
    for _ in range(6):
        surface = np.linalg.lstsq(known * weight, wanted * weight, rcond=None)[0]
        miss = np.linalg.norm(known @ surface - wanted, axis=1, keepdims=True)
        weight = (1 / (1 + (miss / 4) ** 2)).astype(np.float32)
    return np.asarray(basis @ surface, np.float32)


def _steepness(lab: Floats, scale: float) -> Floats:
    soft = blur(lab, scale)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=scale / 8)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=scale / 8)
    steep = np.sqrt(np.square(across) + np.square(down)).max(axis=2)
    return np.asarray(steep, np.float32)


def _reached_from_border(free: Flags) -> Flags:
    # The lower border is left out: people are cut off there, and would let the flood in.
    _, labels = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    h, w = labels.shape
    low = max(1, round(h * 0.97))
    entries = (labels[0], labels[:low, 0], labels[:low, w - 1])
    doors = np.unique(np.concatenate(entries))
    return np.asarray(np.isin(labels, doors[doors > 0]))


def _gaps(free: Flags, away: Floats, solid: Flags, least: float) -> Flags:
    """Background that is shut in, such as between an arm and the waist, or between the legs.

    White cloth before a white wall looks the same, but it is broad or lies across the axis.
    """
    gaps = np.zeros_like(free)
    h, w = free.shape
    columns = np.nonzero(solid)[1]
    axis = float(np.median(columns)) if len(columns) else w / 2
    broad = 0.14 * float(np.percentile(solid.sum(1), 95))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(free.astype(np.uint8))
    for label in range(1, count):
        x, y, width, height, area = (int(n) for n in stats[label])
        open_below, tall = y + height >= h - 2, height > 2.5 * width
        if area < h * w * least or (x < axis < x + width and not (open_below or tall)):
            continue
        part = labels[y : y + height, x : x + width] == label
        far = np.abs(away[y : y + height, x : x + width][part])
        light, hue = far[:, 0].mean(), far[:, 1:].mean()
        girth = 2 * cv2.distanceTransform(np.pad(part, 1).astype(np.uint8), cv2.DIST_L2, 3).max()
        shadow = 11 if open_below or tall else 4
        if hue < 2.2 and light < shadow and (girth < broad * (1 + tall) or open_below):
            gaps[y : y + height, x : x + width] |= part
    return gaps


def _creep(reached: Flags, alike: Flags, steps: int) -> Flags:
    """Follow slits too narrow to have a smooth inside, as between a sleeve and the side."""
    here: Bytes = reached.astype(np.uint8)
    may: Bytes = alike.astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    for _ in range(steps):
        wider: Bytes = np.asarray(cv2.dilate(here, kernel), np.uint8)
        here |= wider & may
    return here.astype(np.bool_)


def _soften(rgb: Bytes, solid: Flags, scale: float) -> Floats:
    """Move the outline to the true edge, and give it the cover that each pixel's colour tells."""
    size = max(3, round(3 * scale) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    shape = cv2.morphologyEx(solid.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    inner = cv2.erode(shape, kernel, iterations=3).astype(np.float32)
    outer = 1 - cv2.dilate(shape, kernel).astype(np.float32)
    colour = rgb.astype(np.float32)
    inside, outside = _near(colour, inner, 3 * scale), _near(colour, outer, 3 * scale)
    axis = inside - outside
    length = np.square(axis).sum(2)
    cover = ((colour - outside) * axis).sum(2) / np.maximum(length, 1)
    cover = np.clip((cover - 0.15) / 0.7, 0, 1)
    unsure = np.clip(1 - length / 400, 0, 1)  # 20 grey levels apart: colours tell enough
    guess = blur(cv2.erode(shape, kernel), 0.5 * scale)
    cover = cover * (1 - unsure) + guess * unsure
    cover = np.where(inner > 0, 1, np.where(outer > 0, 0, cover))
    return np.asarray(cover, np.float32)


def _near(colour: Floats, weight: Floats, sigma: float) -> Floats:
    mass = blur(weight, sigma) + 1e-4
    return np.asarray(blur(colour * weight[..., None], sigma) / mass[..., None], np.float32)
