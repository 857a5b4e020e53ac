"""Cuts what stands before a plain background out of a picture.

A studio background is smooth: its shadows are soft, while whoever stands before it ends in an edge
or in another hue.
So the background is whatever can be reached from the border without crossing an edge or a hue.
"""

from __future__ import annotations

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Bytes, Flags, Floats

EDGE = 0.9  # the least step of a colour, in Lab units a pixel at 512 pixels, that counts as an edge
HUE = 4.5  # the least distance from the background's hue that cannot be its shadow


def cut(rgb: Bytes, lab: Floats, *, near: float = 2.5) -> Floats:
    """Return the cover, 0 to 1, of what stands before the plain background of a picture.

    The picture is given as RGB and as Lab.
    Colours at an edge that are `near` the background, in Lab units, or much nearer than the rest,
    are followed into narrow slits; white clothes on a white wall bear little of that.
    """
    scale = max(rgb.shape) / 512
    away = _smooth_backdrop(lab)
    np.subtract(lab, away, out=away)
    hue = pixels.blur(pixels.distance(np.asarray(away[..., 1:]), np.zeros(2)), 0.7 * scale)
    step = _steepness(lab, scale)
    noise, noise_hue = (float(np.median(_border(part[..., None]))) for part in (step, hue))
    wall = (step > max(EDGE, 3 * noise)) | (hue > max(HUE, 3 * noise_hue))
    wall |= np.abs(away[..., 0]) > 45
    reached = _reached_from_border(~wall)
    reached |= _gaps(~wall & ~reached, away, ~reached, 3e-5 if near > 5 else 2e-4)
    far = pixels.distance(away, np.zeros(3))
    usual = float(np.median(far[~reached])) if not reached.all() else 0.0
    alike = wall & (far < np.clip(0.25 * usual, 2.5, near))
    reached = _creep(reached, alike, round(20 * scale))
    return _soften(rgb, ~reached, scale)


def _border(values: Floats) -> Floats:
    w = values.shape[1]
    rim = max(1, w // 24)
    parts = (values[:rim], values[:, :rim], values[:, w - rim :])
    return np.concatenate([part.reshape(-1, values.shape[2]) for part in parts])


def _smooth_backdrop(lab: Floats) -> Floats:
    """Fit a smooth surface to the border; what a person covers of the border is voted down."""
    size = max(8, lab.shape[1] // 8), max(8, lab.shape[0] // 8)
    small = np.asarray(cv2.resize(lab, size, interpolation=cv2.INTER_AREA), np.float32)
    v, u = pixels.grid(small.shape)
    u, v = np.meshgrid((u[0] + 0.5) / size[0] - 0.5, (v[:, 0] + 0.5) / size[1] - 0.5)
    basis = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v, v**3, u * v * v], -1)
    known, wanted = _border(basis), _border(small)
    weight = np.ones((len(known), 1), np.float32)
    for _ in range(6):
        surface = np.linalg.lstsq(known * weight, wanted * weight, rcond=None)[0]
        miss = np.linalg.norm(known @ surface - wanted, axis=1, keepdims=True)
        weight = (1 / (1 + (miss / 4) ** 2)).astype(np.float32)
    fitted = np.asarray(basis @ surface, np.float32)
    return np.asarray(cv2.resize(fitted, lab.shape[1::-1]), np.float32)


def _steepness(lab: Floats, scale: float) -> Floats:
    """Return the colour's steepest step: the greatest of its three parts."""
    steep = np.zeros(lab.shape[:2], np.float32)
    for part in range(3):
        soft = pixels.blur(np.asarray(cv2.extractChannel(lab, part)), scale)
        across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=scale / 8)
        down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=scale / 8)
        steep = np.asarray(cv2.max(steep, cv2.magnitude(across, down)), np.float32)
    return steep


def _reached_from_border(free: Flags) -> Flags:
    # The lower border is left out: people are cut off there, and would let the flood in.
    count, labels = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    h, w = labels.shape
    low = max(1, round(h * 0.97))
    doors = np.zeros(count, np.bool_)
    for entry in (labels[0], labels[:low, 0], labels[:low, w - 1]):
        doors[entry] = True
    doors[0] = False
    return np.asarray(doors[labels])


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
    inner = np.asarray(cv2.erode(shape, kernel, iterations=3), np.uint8)
    outer = np.asarray(1 - cv2.dilate(shape, kernel), np.uint8)
    cover = inner.astype(np.float32)
    rim = (inner | outer) == 0
    inside, outside = (
        _near(rgb, part, 3 * scale)[rim].astype(np.float32) for part in (inner, outer)
    )
    axis = inside - outside
    length = np.square(axis).sum(1)
    told = ((rgb[rim] - outside) * axis).sum(1) / np.maximum(length, 1)
    told = np.clip((told - 0.15) / 0.7, 0, 1)
    unsure = np.clip(1 - length / 400, 0, 1)  # 20 grey levels apart: colours tell enough
    guess = pixels.blur(cv2.erode(shape, kernel), 0.5 * scale)[rim]
    cover[rim] = told * (1 - unsure) + guess * unsure
    return cover


def _near(rgb: Bytes, part: Bytes, sigma: float) -> Bytes:
    """Return for each pixel the mean colour of `part` around it."""
    h, w = part.shape
    less = max(1, int(min(sigma / 2, h / 4, w / 4)))
    sums, share = pixels.averaged(rgb, part, less)
    mass = pixels.over(pixels.blur(share, sigma / less), 1e-4)
    mean = pixels.as_bytes(pixels.times(pixels.blur(sums, sigma / less), mass))
    return np.asarray(cv2.resize(mean, (w, h)), np.uint8)
