"""Draws people who stand upright with hanging arms, half or full length, before a plain wall.

Units are shoulder widths; the shoulders lie at row 0, the middle of the body at column 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.canvas import Canvas, colour, mirrored
from changeclothes_async.sandbox.drawing.pixels import Floats


class Person(NamedTuple):
    """How a person looks; `build` and `hips` are factors on the usual width."""

    skin: str
    hair: str
    style: str  # short, bob, bun, curls or long
    wall: str
    top: str
    bottom: str
    legwear: str  # trousers or shorts
    full: bool = False
    build: float = 1.0
    hips: float = 1.0
    beard: bool = False


PEOPLE = {
    "ana": Person("#eebf9f", "#6b4027", "bun", "#e9e4df", "#f4f4f6", "#7d9cc4", "trousers",
                  build=0.95, hips=1.06),
    "kofi": Person("#7a4a31", "#1f1a1a", "short", "#c9c2b6", "#33415f", "#efede8", "trousers",
                   build=1.06, beard=True),
    "mei": Person("#f3cdb0", "#1d1a21", "bob", "#d5dae2", "#fafafa", "#3d5f8e", "trousers",
                  full=True, build=0.93, hips=1.04),
    "zola": Person("#5f3826", "#18131a", "curls", "#e8d9c0", "#eebd4a", "#4f6b8c", "shorts",
                   full=True, build=0.96, hips=1.1),
    "luca": Person("#e2ab86", "#3c2a20", "short", "#dfe6e2", "#d9dde0", "#4b5548", "trousers",
                   full=True, build=1.05),
    "noor": Person("#c48b63", "#2a1b16", "long", "#e6dde6", "#8ea79b", "#2f3442", "trousers",
                   build=0.98, hips=1.07),
}  # fmt: skip


def draw(person: Person) -> bytes:
    """Draw a person as a PNG file of 768 by 1024 pixels."""
    if person.full:
        canvas = Canvas((768, 1024), person.wall, 220, (384, 226))
    else:
        canvas = Canvas((768, 1024), person.wall, 352, (384, 362))
    body = _body(canvas, person)
    _clothes(canvas, person, body)
    _head(canvas, person)
    return canvas.file()


def _body(canvas: Canvas, person: Person) -> Floats:
    wide, hips = person.build, person.hips
    if person.full:
        ground = pixels.blur(canvas.ellipse(0.04, 3.52, 0.5, 0.05), 0.05 * canvas.unit)
        canvas.tint(ground, "#3a3430", 0.3)
    _hair_behind(canvas, person)
    end = 1.42 if person.legwear == "trousers" else 1.6
    trunk = canvas.mask(mirrored([
        (0.1, -0.3), (0.105, -0.14), (0.2 * wide, -0.07), (0.36 * wide, 0.0), (0.44 * wide, 0.1),
        (0.42 * wide, 0.32), (0.35 * wide, 0.6), (0.31 * wide, 0.86), (0.36 * hips, 1.1),
        (0.38 * hips, 1.35), (0.1, end),
    ]))  # fmt: skip
    whole = trunk.copy()
    for side in (-1, 1):
        leg = canvas.limb(
            [(0.2 * side * hips, 1.3), (0.205 * side, 1.9), (0.19 * side, 2.4), (0.19 * side, 2.9),
             (0.18 * side, 3.36)],
            [0.36 * hips, 0.31 * hips, 0.2, 0.205, 0.11],
        )  # fmt: skip
        if person.legwear != "trousers":
            canvas.paint(leg, person.skin)
            whole = np.maximum(whole, leg)
        if person.full:
            shoe = canvas.mask([
                (side * 0.1, 3.27), (side * 0.27, 3.27), (side * 0.34, 3.47), (side * 0.3, 3.55),
                (side * 0.12, 3.55), (side * 0.08, 3.46),
            ])  # fmt: skip
            canvas.paint(shoe, "#f2f2f0" if person.style != "short" else "#3a4152")
    for side in (-1, 1):
        arm = canvas.limb(
            [(0.40 * side * wide, 0.06), (0.455 * side * wide, 0.3), (0.5 * side * wide, 0.72),
             (0.545 * side * wide, 1.05), (0.575 * side * wide, 1.36)],
            [0.13, 0.18 * wide, 0.145 * wide, 0.13, 0.085],
        )  # fmt: skip
        hand = canvas.mask([
            (side * 0.545 * wide, 1.32), (side * 0.62 * wide, 1.33), (side * 0.65 * wide, 1.48),
            (side * 0.61 * wide, 1.63), (side * 0.555 * wide, 1.63), (side * 0.535 * wide, 1.46),
        ])  # fmt: skip
        limb = np.maximum(arm, hand)
        whole = np.maximum(whole, limb)
        canvas.paint(limb, person.skin)
        thumb = canvas.limb([(side * 0.55 * wide, 1.38), (side * 0.53 * wide, 1.52)], [0.05, 0.035])
        canvas.paint(thumb, person.skin, 0.05)
    canvas.paint(trunk, person.skin, 0.1)
    canvas.folds(trunk, [[(0.06, -0.04), (0.24, -0.015)], [(-0.24, -0.015), (-0.06, -0.04)]], 0.06)
    return whole


def _clothes(canvas: Canvas, person: Person, body: Floats) -> None:
    wide, hips = person.build, person.hips
    _legwear(canvas, person, body)
    top = canvas.mask(mirrored([
        (0.0, 0.2), (0.1, 0.17), (0.175 * wide, 0.05), (0.2 * wide, -0.065), (0.2 * wide, -0.065),
        (0.31 * wide, -0.03), (0.31 * wide, -0.03), (0.325 * wide, 0.12), (0.4 * wide, 0.3),
        (0.37 * wide, 0.56), (0.33 * wide, 0.82), (0.36 * hips, 0.98), (0.36 * hips, 0.98),
        (0.15, 1.0),
    ])[1:])  # fmt: skip
    canvas.shadow(top, body, 0.3)
    canvas.paint(top, person.top)
    canvas.folds(top, [
        [(0.3, 0.42), (0.12, 0.5)], [(-0.31, 0.46), (-0.14, 0.56)], [(0.31, 0.8), (0.1, 0.74)],
        [(-0.31, 0.84), (-0.1, 0.9)], [(0.02, 0.62), (0.2, 0.94)],
    ], 0.09)  # fmt: skip


def _legwear(canvas: Canvas, person: Person, body: Floats) -> None:
    hips = person.hips
    end = 2.15 if person.legwear == "shorts" else 3.3
    outline = [
        (-0.02, 0.9), (0.32, 0.88), (0.32, 0.88), (0.385 * hips, 1.2), (0.385 * hips, 1.6),
        (0.34, 2.1), (0.31, end), (0.31, end), (0.1, end + 0.02), (0.1, end + 0.02), (0.07, 2.1),
        (0.03, 1.52), (-0.02, 1.46),
    ]  # fmt: skip
    parts = [canvas.mask([(side * x, y) for x, y in outline]) for side in (-1, 1)]
    shape = np.maximum(*parts)
    canvas.shadow(shape, body, 0.35)
    for part in parts:
        canvas.paint(part, person.bottom)
    middle = canvas.mask(mirrored([(0.2, 0.9), (0.2, 1.2), (0.06, 1.44), (0.02, 1.47)]))
    canvas.paint(middle, person.bottom, 0.0)
    canvas.folds(shape, [
        [(0.0, 0.95), (0.0, 1.42)], [(0.22, 0.95), (0.34, 1.1)], [(-0.22, 0.95), (-0.34, 1.1)],
        [(0.05, 1.5), (0.25, 1.42)], [(-0.05, 1.5), (-0.25, 1.42)], [(0.12, 2.3), (0.26, 2.24)],
        [(-0.12, 2.34), (-0.26, 2.28)],
    ], 0.12)  # fmt: skip


def _hair_behind(canvas: Canvas, person: Person) -> None:
    if person.style == "bob":
        canvas.paint(canvas.mask(mirrored([
            (0, -0.86), (0.18, -0.8), (0.25, -0.6), (0.25, -0.3), (0.23, -0.12), (0.1, -0.14),
        ])), person.hair)  # fmt: skip
    elif person.style == "long":
        canvas.paint(canvas.mask(mirrored([
            (0, -0.86), (0.19, -0.79), (0.25, -0.55), (0.24, -0.25), (0.22, -0.06), (0.1, -0.1),
        ])), person.hair)  # fmt: skip
    elif person.style == "curls":
        for x, y, r in ((0, -0.72, 0.26), (0.17, -0.62, 0.18), (-0.17, -0.62, 0.18),
                        (0.2, -0.47, 0.13), (-0.2, -0.47, 0.13), (0.12, -0.8, 0.16),
                        (-0.12, -0.8, 0.16)):  # fmt: skip
            canvas.paint(canvas.ellipse(x, y, r, r), person.hair, 0.04)
    elif person.style == "bun":
        canvas.paint(canvas.ellipse(0.0, -0.88, 0.11, 0.1), person.hair)


def _head(canvas: Canvas, person: Person) -> None:
    neck = canvas.mask(mirrored([(0.1, -0.34), (0.1, -0.16), (0.13, -0.08), (0.0, -0.03)]))
    canvas.paint(neck, person.skin, 0.0)
    face = canvas.mask(mirrored([
        (0, -0.8), (0.12, -0.77), (0.185, -0.62), (0.18, -0.44), (0.14, -0.29), (0.07, -0.205),
        (0, -0.19),
    ])[:-1])  # fmt: skip
    canvas.shadow(face, neck, 0.55)
    for side in (-1, 1):
        canvas.paint(canvas.ellipse(side * 0.185, -0.47, 0.028, 0.05), person.skin, 0.2)
    canvas.paint(face, person.skin, 0.12)
    _features(canvas, person)
    _hair_front(canvas, person, face)


def _features(canvas: Canvas, person: Person) -> None:
    skin = colour(person.skin)
    for side in (-1, 1):
        canvas.tint(canvas.ellipse(side * 0.1, -0.385, 0.052, 0.034), "#e0665a", 0.13)
        canvas.paint(canvas.ellipse(side * 0.075, -0.485, 0.034, 0.019), "#fbf8f4", 0)
        canvas.paint(canvas.ellipse(side * 0.075, -0.485, 0.0175, 0.0185), "#2d2320", 0)
        canvas.paint(canvas.ellipse(side * 0.069, -0.491, 0.005, 0.005), "#ffffff", 0)
        lid = [(side * 0.036, -0.49), (side * 0.075, -0.508), (side * 0.116, -0.494)]
        canvas.paint(canvas.stroke(lid, 0.011), "#2a1e1b", 0)
        brow = [(side * 0.034, -0.548), (side * 0.08, -0.562), (side * 0.125, -0.545)]
        canvas.paint(canvas.stroke(brow, 0.017), person.hair, 0)
    nose = [(0.012, -0.47), (0.022, -0.4), (0.005, -0.385), (-0.014, -0.392)]
    canvas.paint(canvas.stroke(nose, 0.009), skin * 0.78, 0)
    if person.beard:
        jaw = mirrored([(0.172, -0.42), (0.145, -0.3), (0.07, -0.2), (0.0, -0.185)])
        above = [(-0.14, -0.36), (-0.06, -0.345), (0.06, -0.345), (0.14, -0.36)]
        beard = canvas.mask([*jaw, *above])
        canvas.paint(beard * 0.82, person.hair, 0)
    lips = canvas.mask([
        (-0.06, -0.3), (-0.02, -0.313), (0, -0.308), (0.02, -0.313), (0.06, -0.3), (0.03, -0.276),
        (-0.03, -0.276),
    ])  # fmt: skip
    canvas.paint(lips, skin * 0.55 + colour("#4b1a1c"), 0)
    canvas.paint(canvas.stroke([(-0.056, -0.3), (0, -0.296), (0.056, -0.3)], 0.006), skin * 0.45, 0)


def _hair_front(canvas: Canvas, person: Person, face: Floats) -> None:
    shapes = {
        "short": [(-0.205, -0.52), (-0.215, -0.7), (-0.12, -0.86), (0.04, -0.88), (0.18, -0.79),
                  (0.21, -0.62), (0.2, -0.52), (0.175, -0.62), (0.11, -0.685), (-0.05, -0.665),
                  (-0.15, -0.68), (-0.18, -0.6)],
        "bob": [(-0.24, -0.2), (-0.255, -0.6), (-0.15, -0.84), (0.0, -0.87), (0.15, -0.84),
                (0.255, -0.6), (0.24, -0.2), (0.19, -0.22), (0.175, -0.5), (0.13, -0.61),
                (0.0, -0.63), (-0.13, -0.61), (-0.175, -0.5), (-0.19, -0.22)],
        "bun": [(-0.195, -0.44), (-0.215, -0.65), (-0.12, -0.84), (0.0, -0.865), (0.12, -0.84),
                (0.215, -0.65), (0.195, -0.44), (0.17, -0.58), (0.08, -0.7), (-0.03, -0.735),
                (-0.13, -0.66), (-0.175, -0.56)],
        "curls": [(-0.2, -0.5), (-0.22, -0.68), (-0.1, -0.82), (0.1, -0.82), (0.22, -0.68),
                  (0.2, -0.5), (0.165, -0.63), (0.08, -0.69), (0.0, -0.67), (-0.08, -0.69),
                  (-0.165, -0.63)],
        "long": [(-0.225, -0.12), (-0.25, -0.5), (-0.17, -0.8), (0.0, -0.87), (0.17, -0.8),
                 (0.25, -0.5), (0.225, -0.12), (0.185, -0.2), (0.18, -0.48), (0.12, -0.64),
                 (0.03, -0.74), (-0.06, -0.7), (-0.15, -0.58), (-0.18, -0.4), (-0.185, -0.2)],
    }  # fmt: skip
    hair = canvas.mask(shapes[person.style])
    canvas.shadow(hair, face, 0.3)
    canvas.paint(hair, person.hair, 0.05)
    canvas.folds(hair, [[(-0.12, -0.72), (-0.02, -0.79), (0.1, -0.76)]], 0.5)
