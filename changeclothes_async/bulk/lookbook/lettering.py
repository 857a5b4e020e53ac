"""Words on a picture: set in a font that fits, cut or wrapped to a width."""

from __future__ import annotations

import os
from functools import cache
from typing import TypeAlias

from PIL import ImageDraw, ImageFont

from changeclothes_async import errors

Font: TypeAlias = ImageFont.FreeTypeFont
Colour: TypeAlias = tuple[int, int, int]
_Face: TypeAlias = str | None

_END = 8  # letters: room for a seed, or the last part of an article's number

_SYSTEM = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc"),
)


class Lettering:
    """Fonts for any text at any size; `path` is a TrueType file to use in place of these.

    Pillow's own font has the letters of English alone: other texts take a font of the system.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._faces = (None, *_SYSTEM) if path is None else (os.fspath(path),)
        self._face = cache(self._face_for)
        self.font = cache(self._font)

    def _font(self, size: int, text: str = "") -> Font:
        """Return the font that has the most letters of `text`, the first of several."""
        found = _loaded(self._face(frozenset(text)), size)
        if found is None:
            raise errors.InvalidInput(
                f"The font {self._faces[0]} cannot be read.", next_step="Name a TrueType file."
            )
        return found

    def _face_for(self, letters: frozenset[str]) -> _Face:
        return max(self._faces, key=lambda face: _covered(face, letters))


@cache
def _loaded(face: _Face, size: int) -> Font | None:
    if face is None:
        font = ImageFont.load_default(size)
        return font if isinstance(font, ImageFont.FreeTypeFont) else None
    try:
        return ImageFont.truetype(face, size)
    except OSError:
        return None


def _covered(face: _Face, letters: frozenset[str]) -> int:
    font = _loaded(face, 20)
    if font is None:
        return -1
    # What a font lacks, it draws in the same way as a code that no letter has.
    lacking = _drawn(font, "\uffff")
    return sum(_drawn(font, letter) != lacking for letter in letters)


def _drawn(font: Font, letter: str) -> bytes:
    return bytes(font.getmask(letter))  # pyright: ignore[reportArgumentType] - a buffer, says no stub


def cut(text: str, font: Font, width: float) -> str:
    """Shorten `text` to one line of `width` pixels."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    # Longer texts than could ever fit are not measured letter by letter.
    text = text[: int(width)]
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def cut_amid(name: str, font: Font, width: float) -> str:
    """Shorten a name to `width` pixels but keep its end, which often tells it from others."""
    if font.getlength(name) <= width:
        return name
    start, end = name[:-_END], f"…{name[-_END:]}"
    while start and font.getlength(start + end) > width:
        start = start[:-1]
    return f"{start.rstrip('-_')}{end}" if start else cut(name, font, width)


def wrapped(text: str, font: Font, width: float, most: int) -> list[str]:
    """Break `text` into at most `most` lines of `width` pixels; the last one is cut."""
    words, lines = text.split(), list[str]()
    while words and len(lines) < most - 1:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width:
            count += 1
        lines.append(cut(" ".join(words[:count]), font, width))
        words = words[count:]
    return [*lines, cut(" ".join(words), font, width)] if words else lines


def centred(
    draw: ImageDraw.ImageDraw,
    middle: tuple[float, float],
    lines: list[str],
    font: Font,
    fill: Colour,
) -> None:
    """Write lines around the point `middle`."""
    step = font.size * 1.3
    top = middle[1] - step * (len(lines) - 1) / 2
    for number, line in enumerate(lines):
        draw.text((middle[0], top + number * step), line, fill, font, anchor="mm")
