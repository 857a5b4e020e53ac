"""Texts of anybody's, as errors and logs may show them."""

from __future__ import annotations

_LONGEST = 200


def on_a_line(text: str) -> str:
    """Return a text as a terminal or a log can show it, which it may try to steer."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def path(path: str) -> str:
    """Return a path as errors repeat it: its two ends where it is long, or no path at all."""
    half = _LONGEST // 2
    return path if len(path) <= _LONGEST else f"{path[:half]}…{path[-half:]}"
