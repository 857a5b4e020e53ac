"""What is read out of a prompt: garments, and the cloth of each."""

from __future__ import annotations

import pytest

from changeclothes_async.sandbox.drawing import drawn_garments, prompting
from changeclothes_async.sandbox.drawing.pixels import Floats

HUES = ("red", "green", "blue")


def hue(colour: Floats) -> str:
    """Name an RGB colour by its strongest part, or by its lightness."""
    if colour.max() - colour.min() < 12:
        return "white" if colour.min() > 200 else "black"
    return HUES[int(colour.argmax())]


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Help the model change into a blue striped shirt.", "polo: blue stripes"),
        ("a red silk evening dress", "shift dress: red plain"),
        ("a red dress with white dots", "tea dress: red dots"),
        ("a white shirt and black trousers", "polo: white plain, trousers: black plain"),
        ("trousers in red and a white t-shirt", "trousers: red plain, tee: white plain"),
        ("a shirt with black and white stripes", "polo: black stripes"),
        ("black and white striped shirt", "polo: black stripes"),
        ("Change the red shirt to a blue one", "polo: blue plain"),
        ("replace the red\nskirt with green shorts", "shorts: green plain"),
        ("a red jacket over a green summer dress", "blouse: red plain, summer dress: green plain"),
        ("a green jumpsuit", "trousers: green plain, blouse: green plain"),
        ("a dress shirt in blue", "polo: blue plain"),
        ("jeans", "trousers: blue plain"),
        ("something green", "tee: green plain"),
    ],
)
def test_each_garment_has_a_cloth_of_its_own(prompt: str, wanted: str) -> None:
    """Colours and patterns belong to the garment beside which they stand."""
    wishes = prompting.read(prompt, 7)
    told = (f"{w.cut}: {hue(w.cloth.colours[0])} {w.cloth.pattern}" for w in wishes)
    assert ", ".join(told) == wanted


def test_every_cut_that_is_named_can_be_sewn() -> None:
    """The words lead to all cuts that are drawn, and to no others."""
    named = {cut for cuts in prompting.CUTS.values() for cut in cuts}
    assert named == set(drawn_garments.CUTS)


def test_a_prompt_without_colours_has_one_of_its_own() -> None:
    """The same words and seed give the same colour, another seed another one."""
    once, again, other = (prompting.read("a shirt", seed)[0].cloth.colours[0] for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()
