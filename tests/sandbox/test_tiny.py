"""Tiny results."""

from __future__ import annotations

import io

import pytest

from changeclothes_async.sandbox import tiny

Image = pytest.importorskip("PIL.Image", reason="needs the extra `pictures`")


@pytest.mark.parametrize("number", [0, 1, 255, 2**63, 2**72 - 1])
def test_a_tiny_picture_is_a_png(number: int) -> None:
    """A reader that is not ours takes it, checksums and all."""
    picture = Image.open(io.BytesIO(tiny.png(number)))
    picture.load()
    assert (picture.format, picture.size, picture.mode) == ("PNG", (8, 12), "RGB")


def test_every_number_has_another_picture() -> None:
    """Neighbours differ, in bytes and in colour."""
    pictures = {tiny.png(10**18 + number) for number in range(1000)}
    colours = {Image.open(io.BytesIO(picture)).getpixel((4, 6)) for picture in pictures}
    assert len(pictures) == 1000
    assert len(colours) > 990
