"""Draws garments as they are photographed for a shop: flat, from the front, on a pale ground.

Units are shoulder widths; the shoulder line lies at row 0, the middle at column 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from changeclothes_async.sandbox.drawing.canvas import Canvas, Points, colour, mirrored
from changeclothes_async.sandbox.drawing.cloths import Cloth
from changeclothes_async.sandbox.drawing.pixels import Floats


def draw(category: str, name: str) -> bytes:
    """Draw a garment, cut out, as a PNG file of 768 by 1024 pixels."""
    return sew(*GARMENTS[category][name], height=1024, lined=True).file(cut_out=True)


def sew(cut: str, cloth: Cloth, *, height: int, lined: bool = False) -> Canvas:
    """Draw a garment of one of `CUTS`; `lined` shows the inside of its back in the neckline."""
    category, draw_front, back = CUTS[cut]
    unit, top = (0.43, 0.166) if category == "upper_body" else (0.322, 0.107)
    size = height * 3 // 4, height
    canvas = Canvas(size, "#d6dce3", unit * height, (size[0] / 2, top * height))
    if lined and back:
        canvas.paint(canvas.mask(mirrored(back)), min(cloth.colours, key=np.sum) * 0.5, 0.1)
    draw_front(canvas, cloth)
    return canvas


def _sew(canvas: Canvas, shape: Floats, cloth: Cloth, folds: Sequence[Points]) -> None:
    canvas.shadow(shape, np.ones_like(shape), 0.12)
    canvas.paint(shape, cloth, 0.2)
    canvas.folds(shape, folds, 0.12)


def _seam(canvas: Canvas, shape: Floats, line: Points, width: float = 0.008) -> None:
    canvas.tint(canvas.stroke(line, width) * shape, "#000000", 0.28)


def _sleeves(canvas: Canvas, cloth: Cloth, length: float) -> None:
    """Draw both sleeves; `length` is 0.42 for short ones and 1.4 for long ones."""
    for side in (-1, 1):
        reach = 0.22 if length < 0.8 else 0.3
        end = (side * (0.46 + reach), 0.03 + length)
        shape = canvas.mask([
            (side * 0.36, 0.06), (side * 0.36, 0.06), (side * 0.395, 0.055), (side * 0.45, 0.09),
            (side * (0.5 + reach * 0.5), length * 0.45),
            (end[0] + side * 0.07, end[1] - 0.05), (end[0] + side * 0.07, end[1] - 0.05),
            (end[0] - side * 0.1, end[1] + 0.03), (end[0] - side * 0.1, end[1] + 0.03),
            (side * (0.41 + reach * 0.1), 0.42), (side * 0.38, 0.34),
        ])  # fmt: skip
        folds = [
            [(side * 0.48, 0.36), (side * 0.56, 0.22)],
            [(side * 0.52, 0.5), (side * 0.6, 0.4)],
        ]
        _sew(canvas, shape, cloth, folds)
        hem = [(end[0] + side * 0.06, end[1] - 0.085), (end[0] - side * 0.115, end[1] - 0.005)]
        _seam(canvas, shape, hem)


def _trunk(canvas: Canvas, neck: Points, hem: Points) -> Floats:
    outline = [*neck, (0.41, 0.05), (0.41, 0.05), (0.4, 0.2), (0.41, 0.36), (0.385, 0.6),
               (0.37, 0.85), *hem]  # fmt: skip
    return canvas.mask(mirrored(outline))


BODY_FOLDS: list[Points] = [
    [(0.36, 0.42), (0.16, 0.5)], [(-0.36, 0.46), (-0.18, 0.56)], [(0.3, 1.1), (0.12, 0.8)],
    [(-0.26, 1.2), (-0.14, 0.9)], [(0.34, 0.8), (0.2, 0.74)], [(-0.02, 1.2), (0.04, 0.9)],
]  # fmt: skip
TEE_HEM: Points = [(0.38, 1.15), (0.39, 1.4), (0.39, 1.4), (0.2, 1.415)]
ROUND: Points = [(0.0, 0.15), (0.1, 0.125), (0.165, 0.04), (0.185, -0.06), (0.185, -0.06)]
VEE: Points = [(0.0, 0.34), (0.0, 0.34), (0.09, 0.15), (0.17, -0.06), (0.17, -0.06)]
BACK: Points = [(0.0, -0.02), (0.12, -0.03), (0.18, -0.055), (0.18, -0.055)]
ROUND_BACK: Points = [*BACK, (0.15, 0.12), (0.0, 0.2)]
VEE_BACK: Points = [*BACK, (0.13, 0.16), (0.0, 0.4)]
COLLAR_BACK: Points = [(0.0, -0.11), (0.12, -0.1), (0.15, 0.0), (0.0, 0.16)]


def _tee(canvas: Canvas, cloth: Cloth) -> None:
    _sleeves(canvas, cloth, 0.42)
    shape = _trunk(canvas, ROUND, TEE_HEM)
    _sew(canvas, shape, cloth, BODY_FOLDS)
    neck = [(-0.21, -0.05), (-0.18, 0.07), (-0.1, 0.165), (0, 0.19), (0.1, 0.165), (0.18, 0.07),
            (0.21, -0.05)]  # fmt: skip
    _seam(canvas, shape, neck)
    _seam(canvas, shape, [(-0.39, 1.36), (0, 1.375), (0.39, 1.36)])


def _blouse(canvas: Canvas, cloth: Cloth) -> None:
    _sleeves(canvas, cloth, 1.3)
    shape = _trunk(canvas, VEE, [(0.38, 1.1), (0.4, 1.34), (0.4, 1.34), (0.2, 1.37)])
    _sew(canvas, shape, cloth, BODY_FOLDS)
    _seam(canvas, shape, [(0.0, 0.34), (0.0, 0.8), (0.0, 1.4)])
    _buttons(canvas, (0.46, 0.66, 0.86, 1.06, 1.26))


def _polo(canvas: Canvas, cloth: Cloth) -> None:
    plain = Cloth(cloth.colours[-1:])
    _sleeves(canvas, cloth, 0.42)
    neck: Points = [(0.0, 0.14), (0.0, 0.14), (0.08, 0.05), (0.16, -0.07), (0.16, -0.07)]
    shape = _trunk(canvas, neck, TEE_HEM)
    _sew(canvas, shape, cloth, BODY_FOLDS)
    for side in (-1, 1):
        collar = canvas.mask([
            (side * 0.13, -0.12), (side * 0.19, -0.05), (side * 0.22, 0.04), (side * 0.12, 0.17),
            (side * 0.12, 0.17), (side * 0.0, 0.13), (side * 0.0, 0.13), (side * 0.08, 0.03),
        ])  # fmt: skip
        canvas.shadow(collar, shape, 0.3)
        canvas.paint(collar, plain.colours[0], 0.15)
    _seam(canvas, shape, [(0.0, 0.14), (0.0, 0.3), (0.0, 0.42)], 0.012)
    _buttons(canvas, (0.22, 0.34))


def _buttons(canvas: Canvas, rows: tuple[float, ...]) -> None:
    for row in rows:
        canvas.paint(canvas.ellipse(0.0, row, 0.016, 0.016), "#f4f1ea", 0.2)


def _dress(
    canvas: Canvas, cloth: Cloth, *, flare: float, length: float, sleeves: bool = False
) -> None:
    neck = VEE if sleeves else ROUND
    if sleeves:
        _sleeves(canvas, cloth, 0.42)
        upper: Points = [(0.41, 0.05), (0.41, 0.05), (0.4, 0.2), (0.4, 0.36)]
    else:
        upper = [(0.31, -0.03), (0.31, -0.03), (0.31, 0.14), (0.39, 0.34), (0.39, 0.34)]
    skirt: Points = [(0.34, 0.62), (0.305, 0.92), (0.42, 1.3), (flare, length), (flare, length),
                     (flare * 0.5, length + 0.045)]  # fmt: skip
    shape = canvas.mask(mirrored([*neck, *upper, *skirt]))
    hems = np.linspace(-0.75, 0.75, 6) * flare
    pleats: list[Points] = [[(x * 0.35, 1.0), (x * 0.7, 1.4), (x, length)] for x in hems]
    _sew(canvas, shape, cloth, [*BODY_FOLDS[:2], *pleats])
    _seam(canvas, shape, [(-0.32, 0.9), (0, 0.925), (0.32, 0.9)], 0.012)


def _waistband(canvas: Canvas, shape: Floats, wide: float) -> None:
    _seam(canvas, shape, [(-wide, 0.1), (0, 0.12), (wide, 0.1)], 0.012)


def _trousers(canvas: Canvas, cloth: Cloth, *, end: float, hem: float) -> None:
    outline: Points = [
        (0.33, 0.0), (0.33, 0.0), (0.4, 0.32), (0.42, 0.66), (0.405, 1.2), (0.2 + hem, end),
        (0.2 + hem, end), (0.21 - hem, end + 0.02), (0.21 - hem, end + 0.02), (0.1, 1.2),
        (0.03, 0.72), (0.0, 0.66),
    ] if end > 1.3 else [
        (0.33, 0.0), (0.33, 0.0), (0.4, 0.32), (0.43, 0.66), (0.47, end), (0.47, end),
        (0.08, end + 0.02), (0.08, end + 0.02), (0.04, 0.76), (0.0, 0.68),
    ]  # fmt: skip
    shape = canvas.mask([*outline, *[(-x, y) for x, y in reversed(outline[:-1])]])
    crease: list[Points] = [[(s * 0.22, 0.8), (s * 0.22, end)] for s in (-1, 1)]
    rays: list[Points] = [[(s * 0.04, 0.7), (s * 0.2, 0.58)] for s in (-1, 1)]
    _sew(canvas, shape, cloth, [*crease, *rays])
    _seam(canvas, shape, [(0, 0), (0, 0.4), (0, 0.66)])
    for side in (-1, 1):
        _seam(canvas, shape, [(side * 0.2, 0.12), (side * 0.27, 0.2), (side * 0.38, 0.26)])
    _waistband(canvas, shape, 0.34)


def _skirt(canvas: Canvas, cloth: Cloth) -> None:
    shape = canvas.mask(mirrored([
        (0.32, 0.0), (0.32, 0.0), (0.42, 0.35), (0.56, 0.8), (0.68, 1.3), (0.68, 1.3), (0.35, 1.35),
    ]))  # fmt: skip
    hems = np.linspace(-0.85, 0.85, 8)
    _sew(canvas, shape, cloth, [[(x * 0.3, 0.15), (x * 0.5, 0.7), (x * 0.66, 1.3)] for x in hems])
    _waistband(canvas, shape, 0.36)


def _cloth(colours: str, pattern: str = "plain", size: float = 1.0) -> Cloth:
    return Cloth([colour(code) for code in colours.split()], pattern, size)


class Cut(NamedTuple):
    """How a garment is cut."""

    category: str
    draw: Callable[[Canvas, Cloth], None]
    back: Points = ()


CUTS = {
    "tee": Cut("upper_body", _tee, ROUND_BACK),
    "blouse": Cut("upper_body", _blouse, VEE_BACK),
    "polo": Cut("upper_body", _polo, COLLAR_BACK),
    "trousers": Cut("lower_body", partial(_trousers, end=2.5, hem=0.12)),
    "skirt": Cut("lower_body", _skirt),
    "shorts": Cut("lower_body", partial(_trousers, end=1.12, hem=0.2)),
    "summer dress": Cut("dresses", partial(_dress, flare=0.66, length=2.1), ROUND_BACK),
    "tea dress": Cut("dresses", partial(_dress, flare=0.58, length=2.35, sleeves=True), VEE_BACK),
    "shift dress": Cut("dresses", partial(_dress, flare=0.47, length=1.95), ROUND_BACK),
}

GARMENTS = {
    "upper_body": {
        "striped-tee": ("tee", _cloth("#f8e8c8 #27406f", "stripes")),
        "rose-blouse": ("blouse", _cloth("#c9566b #e9a0a6", "dots", 0.5)),
        "colour-block-polo": ("polo", _cloth("#2f7f74 #f1e6cf")),
    },
    "lower_body": {
        "indigo-jeans": ("trousers", _cloth("#2f4674")),
        "checked-skirt": ("skirt", _cloth("#a3302f #e9d9c3 #24313f", "checks", 1.1)),
        "sand-shorts": ("shorts", _cloth("#c9a878")),
    },
    "dresses": {
        "summer-flowers": ("summer dress", _cloth("#27646b #f6d9d3", "flowers")),
        "dotted-tea-dress": ("tea dress", _cloth("#b3282d #fbf3e6", "dots", 0.8)),
        "evening-shift": ("shift dress", _cloth("#5a3d86 #e7a4b4", "gradient")),
    },
}
