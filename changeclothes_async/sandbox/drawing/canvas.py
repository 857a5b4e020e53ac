"""A sheet to draw smooth, softly shaded shapes on, in units of the thing drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from changeclothes_async.sandbox.drawing import cloths, pixels
from changeclothes_async.sandbox.drawing.cloths import Cloth
from changeclothes_async.sandbox.drawing.pixels import Box, Floats

Points = Sequence[tuple[float, float]]


def colour(code: str) -> Floats:
    """Turn `#rrggbb` into RGB numbers."""
    return np.array([int(code[n : n + 2], 16) for n in (1, 3, 5)], np.float32)


def mirrored(points: Points) -> list[tuple[float, float]]:
    """Close the right half of an outline, drawn from the top down, by its mirror image."""
    return [*points, *[(-x, y) for x, y in reversed(points)]]


class Canvas:
    """A picture; a point (0, 0) of the drawing lies at `origin`, one unit is `unit` pixels.

    `cover` tells where something is painted, 0 to 1.
    """

    def __init__(
        self, size: tuple[int, int], ground: str, unit: float, origin: tuple[float, float]
    ) -> None:
        self.width, self.height = size
        self.unit, self.origin = unit, origin
        v = np.linspace(0, 1, self.height, dtype=np.float32)[:, None, None]
        self.cover = np.zeros((self.height, self.width), np.float32)
        self.pixels = np.tile(colour(ground) * (1.01 - 0.05 * v), (1, self.width, 1))

    def mask(self, points: Points, *, round_: bool = True) -> Floats:
        """Return the cover, 0 to 1, of the shape whose outline runs through `points`."""
        outline = np.array(points, np.float32)
        if round_:
            outline = _smooth(outline)
        outline = outline * self.unit + np.array(self.origin, np.float32)
        cover = np.zeros((self.height, self.width), np.uint8)
        fixed = np.round(outline * 256).astype(np.int32)
        cv2.fillPoly(cover, [fixed], 255, lineType=cv2.LINE_AA, shift=8)
        return np.asarray(cover / np.float32(255), np.float32)

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> Floats:
        """Return the cover of an ellipse."""
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        points = list(zip(x + rx * np.cos(turn), y + ry * np.sin(turn), strict=True))
        return self.mask(points, round_=False)

    def stroke(self, points: Points, width: float) -> Floats:
        """Return the cover of a line through `points`."""
        line = _smooth(np.array(points, np.float32), closed=False)
        fixed = np.round((line * self.unit + np.array(self.origin)) * 256).astype(np.int32)
        cover = np.zeros((self.height, self.width), np.uint8)
        thick = max(1, round(width * self.unit))
        cv2.polylines(cover, [fixed], False, 255, thick, cv2.LINE_AA, 8)
        return np.asarray(cover / np.float32(255), np.float32)

    def limb(self, points: Points, widths: Sequence[float]) -> Floats:
        """Return the cover of a limb along `points`, so wide at each of them."""
        line = np.array(points, np.float32)
        along = np.gradient(line, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        half = np.array(widths, np.float32)[:, None] / 2
        outline = np.concatenate([line + across * half, (line - across * half)[::-1]])
        return self.mask([(float(x), float(y)) for x, y in outline])

    def paint(self, cover: Floats, paint: str | Floats | Cloth, depth: float = 0.16) -> None:
        """Fill a shape with a colour or a cloth, darker by `depth` towards its right edge."""
        reach = 0.07 * self.unit
        box = pixels.box(cover, reach)
        part = cover[box]
        lit = _moved(pixels.blur(part, reach), -round(reach * 0.5), -round(reach * 0.6))
        shade = 1 - depth * (1 - np.clip(lit * 1.25 - 0.2, 0, 1))
        self._blend(box, pixels.times(self._fill(paint, box), shade), part)
        self.cover[box] = np.maximum(self.cover[box], part)

    def tint(self, cover: Floats, code: str, strength: float) -> None:
        """Let a colour show through over a shape."""
        box = pixels.box(cover, 1)
        self._blend(box, self._fill(code, box), cover[box] * np.float32(strength))

    def shadow(self, cover: Floats, within: Floats, strength: float = 0.2) -> None:
        """Darken what lies beside and below a shape, inside of another."""
        box = pixels.box(cover, 0.15 * self.unit)
        part = cover[box]
        soft = pixels.blur(_moved(part, max(1, round(0.03 * self.unit)), 0), 0.04 * self.unit)
        shade = 1 - soft * (1 - part) * within[box] * np.float32(strength)
        self.pixels[box] = pixels.times(self.pixels[box], shade)

    def folds(self, cover: Floats, lines: Sequence[Points], strength: float = 0.1) -> None:
        """Lay soft folds over a shape: bright on one side of each line, dark on the other."""
        for line in lines:
            stroke = self.stroke(line, 0.04)
            box = pixels.box(stroke, 0.12 * self.unit)
            thin = pixels.blur(stroke[box], 0.035 * self.unit)
            relief = (thin - _moved(thin, 0, round(0.045 * self.unit))) * cover[box]
            light = 1 + np.float32(1.6 * strength) * relief
            self.pixels[box] = pixels.times(self.pixels[box], light)

    def _blend(self, box: Box, paint: Floats, part: Floats) -> None:
        self.pixels[box] = pixels.mixed(self.pixels[box], paint, part)

    def _fill(self, paint: str | Floats | Cloth, box: Box) -> Floats:
        rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in box)
        if isinstance(paint, Cloth):
            u, v = np.meshgrid(columns - self.origin[0], rows - self.origin[1])
            return cloths.draw(paint, u / self.unit, v / self.unit)
        flat = colour(paint) if isinstance(paint, str) else paint
        return np.tile(flat.astype(np.float32), (len(rows), len(columns), 1))

    def file(self, *, cut_out: bool = False) -> bytes:
        """Return the picture as a PNG file; `cut_out` leaves the ground transparent."""
        file = io.BytesIO()
        picture = Image.fromarray(pixels.as_bytes(self.pixels))
        if cut_out:
            picture.putalpha(Image.fromarray(pixels.as_bytes(self.cover, 255)))
        picture.save(file, "PNG", compress_level=2)
        return file.getvalue()


def _moved(values: Floats, down: int, right: int) -> Floats:
    by = np.array([[1, 0, right], [0, 1, down]], np.float32)
    moved = cv2.warpAffine(values, by, values.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _smooth(points: Floats, *, closed: bool = True, steps: int = 10) -> Floats:
    """Run a smooth curve through the points; a point given twice is a corner."""
    if closed:
        ring = np.concatenate([points[-1:], points, points[:2]])
    else:
        ring = np.concatenate([points[:1], points, points[-1:]])
    lean = (ring[2:] - ring[:-2]) / 2
    twice = np.all(ring[1:] == ring[:-1], axis=1)
    lean[twice[1:] | twice[:-1]] = 0
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, from_a, to_b in zip(ring[1:-1], ring[2:], lean, lean[1:], strict=False):
        rest = 3 * t**2 - 2 * t**3
        bend = (t**3 - 2 * t**2 + t) * from_a + (t**3 - t**2) * to_b
        parts.append(a * (1 - rest) + b * rest + bend)
    return np.asarray(np.concatenate([*parts, points[:1] if closed else points[-1:]]), np.float32)
