"""Tells a garment's sleeves from its trunk, and slices them for the arms they are put on."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Flags, Floats

Point = tuple[float, float]


class Joint(NamedTuple):
    """Where a sleeve joins the trunk: from the shoulder point to the armpit, and on below it."""

    tip: Point
    pit: Point
    side: int  # -1 is left, 1 right
    edge: Floats  # for each row, the trunk's edge


class Sleeve(NamedTuple):
    """A sleeve: slices across it at growing distances from the shoulder, and its length."""

    outer: list[Point]
    inner: list[Point]
    reach: list[float]
    length: float
    cover: Flags  # its pixels, and some of the trunk's beside the joint


def trunk(shape: tuple[int, ...], joints: list[Joint], overlap: float) -> Flags:
    """Return the pixels that belong to no sleeve; those within `overlap` of a joint do as well."""
    v, u = pixels.grid(shape)
    own = np.ones(shape, np.bool_)
    for joint in joints:
        own &= ~_is_outward(u - joint.side * overlap, v, joint)
    return own


def sleeve(solid: Flags, joint: Joint, overlap: float) -> Sleeve | None:
    """Slice a sleeve in arcs around its shoulder point; None where there is hardly any."""
    (tip, pit, side, _), (v, u) = joint, pixels.grid(solid.shape)
    part = _largest(solid & _is_outward(u, v, joint))
    seam = float(np.hypot(pit[0] - tip[0], pit[1] - tip[1]))
    if part.sum() < 0.12 * seam * seam:
        return None
    y, x = (places.astype(np.float32) for places in np.nonzero(part))
    far = np.hypot(x - tip[0], y - tip[1])
    length = float(np.percentile(far, 99.5))
    angle = np.arctan2((x - tip[0]) * side, y - tip[1])  # 0 hangs down, a quarter turn is outward
    outer: list[Point] = []
    inner: list[Point] = []
    reach: list[float] = []
    for radius in np.linspace(min(0.3, 0.35 * seam / length), 0.85, 9) * length:
        ring = angle[np.abs(far - radius) < max(1.5, 0.012 * length)]
        if len(ring) < 4:
            continue
        for points, turn in ((outer, np.percentile(ring, 98)), (inner, np.percentile(ring, 2))):
            place = tip[0] + side * radius * np.sin(turn), tip[1] + radius * np.cos(turn)
            points.append((float(place[0]), float(place[1])))
        reach.append(float(radius))
    if len(reach) < 3:
        return None
    outward = (x - tip[0]) * side
    for points, corner in ((outer, 0.8 * outward + 0.6 * y), (inner, 0.8 * y - 0.6 * outward)):
        best = int(corner.argmax())
        points.append((float(x[best]), float(y[best])))
    reach.append(float(np.hypot(outer[-1][0] - tip[0], outer[-1][1] - tip[1])))
    cover = _is_outward(u + side * overlap * (v < pit[1]), v, joint)
    cover &= np.hypot(u - tip[0], v - tip[1]) < 1.02 * length
    return Sleeve(outer, inner, reach, length, cover)


def _largest(part: Flags) -> Flags:
    thin = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin)
    if len(stats) < 2:
        return np.zeros_like(part)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _is_outward(u: Floats, v: Floats, joint: Joint) -> Flags:
    tip, pit, side, edge = joint
    along = np.clip((v - tip[1]) / max(pit[1] - tip[1], 1), 0, 1)
    seam = tip[0] + along * (pit[0] - tip[0])
    seam = np.where(v > pit[1], edge[: len(v)][:, None], seam)
    return np.asarray((u - seam) * side > 0)
