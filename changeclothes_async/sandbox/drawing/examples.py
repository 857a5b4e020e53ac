"""The project's own demo pictures: drawn people, and drawn garments to put on them."""

from __future__ import annotations

from functools import cache

from changeclothes_async.sandbox.drawing import drawn_garments, drawn_people

MODELS = list(drawn_people.PEOPLE)
GARMENTS = {category: list(names) for category, names in drawn_garments.GARMENTS.items()}


@cache
def model(name: str) -> bytes:
    """Draw one of `MODELS`, as a PNG file of 768 by 1024 pixels; KeyError for another name."""
    return drawn_people.draw(drawn_people.PEOPLE[name])


@cache
def garment(category: str, name: str) -> bytes:
    """Draw one of `GARMENTS`, as a PNG file of 768 by 1024 pixels; KeyError for another name."""
    return drawn_garments.draw(category, name)
