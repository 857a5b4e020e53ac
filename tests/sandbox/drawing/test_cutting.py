"""What is cut out of a picture: narrow gaps, worn outlines, linings."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from changeclothes_async.sandbox.drawing import cutting, figure, garment_lining, pixels
from changeclothes_async.sandbox.drawing.pixels import Bytes

GROUND, CLOTH = (245, 245, 245), (150, 40, 60)


def drawn(*outlines: list[tuple[float, float]]) -> Bytes:
    """Draw cloth on a plain ground, 768 pixels high."""
    picture = Image.new("RGB", (576 * 4, 768 * 4), GROUND)
    for outline in outlines:
        ImageDraw.Draw(picture).polygon([(4 * x, 4 * y) for x, y in outline], fill=CLOTH)
    return np.array(picture.resize((576, 768), Image.Resampling.LANCZOS))


def test_a_slit_is_followed_to_its_end() -> None:
    """The ground between a sleeve and the side is no cloth, up to the armpit."""
    trunk = [(180.0, 100.0), (400.0, 100.0), (400.0, 600.0), (180.0, 600.0)]
    sleeve = [(400.0, 100.0), (480.0, 140.0), (520.0, 600.0), (440.0, 600.0), (402.0, 260.0),
              (400.0, 260.0)]  # fmt: skip
    rgb = drawn(trunk, sleeve)
    cover = cutting.cut(rgb, pixels.to_lab(rgb), near=7)
    slit = rgb[:, 402:440].min(2) > 240
    slit[:285] = False  # where it is narrower than two pixels
    assert slit.sum() > 5000
    assert cover[:, 402:440][slit].max() < 0.3


def test_notches_of_the_shoulders_are_filled() -> None:
    """What a white wall has taken of a white shoulder is given back; a neck keeps its corners."""
    alpha = np.zeros((400, 600), np.float32)
    alpha[200:, 100:500] = 1
    alpha[100:200, 250:350] = 1
    whole = alpha.copy()
    alpha[200:215, 160:180] = alpha[200:212, 400:410] = 0
    mended = figure._mended(alpha, slice(150, 400), 400)
    assert (mended[200:, 100:500] < 1).sum() < 80
    assert np.abs(mended - whole).sum() < 200
    assert (mended[:150] == alpha[:150]).all()


def test_one_cloth_has_no_lining() -> None:
    """The ground over a round neckline is no part of what lies under it."""
    neck = [(288 + 110 * np.cos(a), 100 + 30 * np.sin(a)) for a in np.linspace(0, np.pi, 30)]
    rgb = drawn([(130.0, 100.0), *neck[::-1], (450.0, 100.0), (450.0, 600.0), (130.0, 600.0)])
    solid = rgb.min(2) < 200
    noise = np.random.default_rng(1).normal(0, 300, solid.shape)
    folds = pixels.blur(noise, 6)
    rgb[solid] = np.clip(rgb[solid] + folds[solid, None], 0, 190)
    crest = np.where(solid.any(0), solid.argmax(0), 600).astype(np.float32)
    opening = garment_lining._opening(rgb, solid, crest, 320, ((178, 100), (398, 100)))
    assert opening is not None
    assert garment_lining._lining(opening) is None
