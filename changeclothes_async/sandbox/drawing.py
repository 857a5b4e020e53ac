"""The project's own demo pictures: drawn people, and drawn garments to put on them."""

from __future__ import annotations

from functools import cache

from changeclothes_async.sandbox import drawn_garments, drawn_people


def models() -> dict[str, bytes]:
    """Return the drawn people by name, as PNG files of 768 by 1024 pixels."""
    return {name: model(name) for name in drawn_people.PEOPLE}


def garments() -> dict[str, dict[str, bytes]]:
    """Return the drawn garments by category and name, as PNG files of 768 by 1024 pixels."""
    return {
        category: {name: garment(category, name) for name in names}
        for category, names in drawn_garments.GARMENTS.items()
    }


@cache
def model(name: str) -> bytes:
    """Draw one of the people of `models`; KeyError for another name."""
    return drawn_people.draw(drawn_people.PEOPLE[name])


@cache
def garment(category: str, name: str) -> bytes:
    """Draw one of the garments of `garments`; KeyError for another name."""
    return drawn_garments.draw(category, name)
