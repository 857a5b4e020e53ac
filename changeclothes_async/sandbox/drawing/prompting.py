"""Reads colours, a pattern and a garment out of English words, and draws that cloth."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from changeclothes_async.sandbox.drawing import pixels
from changeclothes_async.sandbox.drawing.pixels import Floats

OWN_COLOURS = {
    "amber": "#f0a81c", "apricot": "#f6b88a", "aqua": "#5ec8cf", "blush": "#efc0bd",
    "bordeaux": "#5e1226", "bronze": "#a5733a", "burgundy": "#7a1530", "camel": "#c19a6b",
    "caramel": "#b9743c", "champagne": "#ecdcbc", "charcoal": "#36393f", "cherry": "#b0122c",
    "chestnut": "#7b3f2a", "chocolate": "#5a3422", "cobalt": "#1f49b6", "copper": "#b5693c",
    "cream": "#f4ecd8", "denim": "#4a6f9c", "ecru": "#e8dcc0", "emerald": "#12875a",
    "fuchsia": "#d32c8f", "gold": "#d8a932", "jade": "#2c9c78", "lavender": "#b7a4dc",
    "lemon": "#f5e04e", "lilac": "#c6a6d8", "lime": "#b6dc2a", "mauve": "#b58aa5",
    "mint": "#a4dcc0", "mustard": "#d2a32c", "navy": "#1e2a4e", "nude": "#e3bfa4",
    "ochre": "#c6852b", "olive": "#6f7237", "peach": "#f8c3a0", "petrol": "#14525f",
    "plum": "#6b2c5c", "rose": "#d9788e", "ruby": "#a3123e", "rust": "#a8492a", "sage": "#9caf88",
    "salmon": "#ee8f7c", "sand": "#d8c3a0", "sapphire": "#1d3f92", "scarlet": "#d2202a",
    "silver": "#c3c7cc", "sky": "#8ec5e8", "taupe": "#8c7b6d", "teal": "#14787c",
    "terracotta": "#c2644a", "turquoise": "#2fb9b3", "wine": "#6a1a2e",
    "black": "#1d1d20", "blue": "#2a5fc0", "brown": "#6d4630", "gray": "#868a90",
    "green": "#2f8f4e", "grey": "#868a90", "orange": "#ee7c22", "pink": "#ee8fb2",
    "purple": "#70389c", "red": "#c8202c", "white": "#f6f6f4", "yellow": "#f2cf38",
    "beige": "#dccdb2", "coral": "#f27a62", "khaki": "#9a9068", "indigo": "#36307c",
    "ivory": "#f6f0de", "magenta": "#c8288e", "maroon": "#6c1a26", "violet": "#7a4bb4",
}  # fmt: skip

PATTERNS = {
    "stripes": r"strip\w*|breton|pinstrip\w*|lines?|sailor|zebra",
    "checks": r"check\w*|plaid|tartan|gingham|chequer\w*|flannel|lumberjack",
    "dots": r"dot\w*|polka|spot\w*|speckl\w*|bubbles?",
    "flowers": r"flor\w*|flower\w*|blossom\w*|hawaii\w*|tropical|rose-print|daisy|daisies",
    "zigzag": r"zig-?zag\w*|chevron\w*|herringbone",
    "stars": r"stars?|starry",
    "gradient": r"gradient|ombre|ombré|dip-?dyed?|tie-?dyed?",
}
BOTH = r"dress(?!ed)(es)?|gown|jumpsuit|overalls?|suit|robe|outfit|pyjamas|pajamas|romper|kimono"
LOWER = r"skirt|trousers?|pants?|jeans?|shorts|leggings?|chinos?|slacks|culottes|joggers"
UPPER = (
    r"shirts?|t-?shirts?|tee|top|blouse|sweater|jumper|hoodie|jacket|coat|cardigan|polo|vest|tank"
    r"|pullover|blazer|knit\w*|camisole|sweatshirt|turtleneck"
)


class Wish(NamedTuple):
    """What a prompt asks for; `colours` are RGB, the ground first."""

    category: str
    colours: list[Floats]
    pattern: str
    size: float  # of the pattern's repeat, in shoulder widths
    phase: tuple[float, float]
    lengthwise: bool


def read(prompt: str, seed: int) -> Wish:
    """Read a prompt; the seed turns the shade, and the pattern's size and place, a little.

    Words that name no colour give one of their own, the same for the same words and seed.
    """
    words = prompt.lower().replace("_", " ")
    digest = hashlib.sha256(f"{seed}\n{words}".encode()).digest()
    random = np.random.default_rng(list(digest))
    colours = [_shaded(colour, words, random) for colour in _colours(words)]
    if not colours:
        colours = [_invented(random)]
    pattern = next((n for n, p in PATTERNS.items() if re.search(rf"\b({p})\b", words)), "plain")
    if pattern != "plain" and len(colours) == 1:
        colours.append(_companion(colours[0], pattern))
    size = float(random.uniform(0.85, 1.2)) * _scale(words)
    phase = (float(random.random()), float(random.random()))
    return Wish(
        _category(words), colours, pattern, size, phase, "vertical" in words or "pin" in words
    )


def _category(words: str) -> str:
    lower, upper = (re.search(rf"\b({group})\b", words) for group in (LOWER, UPPER))
    if re.search(rf"\b({BOTH})\b", words) and not (lower or upper):
        return "dresses"
    if lower and upper:
        return "dresses"
    return "lower_body" if lower else "upper_body"


def _scale(words: str) -> float:
    if re.search(r"\b(wide|large|big|bold|broad|huge)\b", words):
        return 1.6
    return 0.6 if re.search(r"\b(thin|fine|small|tiny|narrow|pin\w*|micro)\b", words) else 1.0


def _colours(words: str) -> list[Floats]:
    found: list[Floats] = []
    for word in re.findall(r"[a-zé]+", words.replace("-", " ")):
        name = OWN_COLOURS.get(word) or OWN_COLOURS.get(word.removesuffix("ish"))
        if name or word in ImageColor.colormap:
            found.append(np.array(ImageColor.getrgb(name or word)[:3], np.float32))
    return found[:3]


def _shaded(colour: Floats, words: str, random: np.random.Generator) -> Floats:
    lab = pixels.to_lab(colour[None, None])[0, 0]
    if re.search(r"\b(dark|deep|midnight|bottle)\b", words):
        lab[0] *= 0.62
    if re.search(r"\b(light|pale|pastel|baby|soft)\b", words):
        lab[0] += 0.5 * (95 - lab[0])
        lab[1:] *= 0.7
    if re.search(r"\b(bright|vivid|neon|hot|electric)\b", words):
        lab[1:] *= 1.3
    lab += random.uniform(-1, 1, 3) * (3.0, 2.0, 2.0)
    return np.asarray(pixels.to_rgb(lab[None, None])[0, 0])


def _invented(random: np.random.Generator) -> Floats:
    turn = random.uniform(0, 2 * np.pi)
    lab = np.array([random.uniform(40, 70), 38 * np.cos(turn), 38 * np.sin(turn)], np.float32)
    return np.asarray(pixels.to_rgb(lab[None, None])[0, 0])


def _companion(colour: Floats, pattern: str) -> Floats:
    """Return a second colour: white beside a colour, a dark one beside white."""
    light = pixels.to_lab(colour[None, None])[0, 0, 0]
    if pattern == "gradient":
        return np.asarray(colour * 0.35, np.float32) if light > 55 else 0.5 * colour + 127
    return np.array([38, 44, 66] if light > 80 else [246, 244, 238], np.float32)


def draw(wish: Wish, u: Floats, v: Floats) -> Floats:
    """Draw the cloth at the body's coordinates `u`, `v` in shoulder widths; return RGB."""
    ground, other = wish.colours[0], wish.colours[-1]
    third = wish.colours[1] if len(wish.colours) > 2 else other
    x, y = u / wish.size + wish.phase[0], v / wish.size + wish.phase[1]
    if wish.pattern == "gradient":
        return _mix(ground, other, np.clip(v / 0.9, 0, 1))
    if wish.pattern == "checks":
        once = _mix(ground, other, 0.5 * _band(x / 0.16) + 0.5 * _band(y / 0.16))
        fine = _band(x / 0.16 + 0.32, 0.06), _band(y / 0.16 + 0.32, 0.06)
        return _mix(once, third, np.float32(0.5) * np.maximum(*fine))
    if wish.pattern == "flowers":
        return _flowers(wish, x, y)
    cover = {
        "plain": lambda: np.zeros_like(u),
        "stripes": lambda: _band((x if wish.lengthwise else y) / 0.1),
        "dots": lambda: _rosette(x, y, 0.105, 0.3, 0, 0),
        "stars": lambda: _rosette(x, y, 0.14, 0.3, 5, 0.45),
        "zigzag": lambda: _band(y / 0.1 + 1.2 * np.abs((x / 0.14) % 1 - 0.5)),
    }[wish.pattern]()
    return _mix(ground, other, cover)


def _flowers(wish: Wish, x: Floats, y: Floats) -> Floats:
    ground, petals = wish.colours[0], wish.colours[-1]
    leaf = np.array([92, 138, 92], np.float32) * 0.7 + 0.3 * ground
    heart = np.array([238, 186, 62], np.float32)
    cloth = _mix(ground, leaf, _rosette(x + 0.05, y + 0.04, 0.19, 0.3, 3, 0.6))
    for shift, size in ((0.0, 0.36), (0.11, 0.22)):
        at = x + shift, y + shift * 0.7
        cloth = _mix(cloth, petals, _rosette(*at, 0.19, size, 5, 0.25))
        cloth = _mix(cloth, heart, _rosette(*at, 0.19, size * 0.32, 0, 0))
    return cloth


def _mix(a: Floats, b: Floats, part: Floats) -> Floats:
    """Mix a colour, or a cloth, with `part` of another colour."""
    grounds = a if a.ndim == 1 else cv2.split(a)
    mixed = [x + part * (y - x) for x, y in zip(grounds, b, strict=True)]
    return np.asarray(cv2.merge(mixed), np.float32)


def _band(turns: Floats, wide: float = 0.5) -> Floats:
    """Return soft-edged bands: 1 over `wide` of each turn."""
    inside = wide / 2 - np.abs(turns % 1 - 0.5)
    return np.asarray(np.clip(inside / 0.05 + 0.5, 0, 1), np.float32)


def _rosette(x: Floats, y: Floats, step: float, radius: float, petals: int, deep: float) -> Floats:
    """Return shapes on a lattice whose odd rows are shifted: dots, or stars with `petals` tips."""
    row = np.floor(y / step)
    px = (x / step + 0.5 * (row % 2)) % 1 - 0.5
    py = (y / step) % 1 - 0.5
    edge: NDArray[np.floating] | float = radius
    if petals:
        angle = np.asarray(cv2.phase(px, py), np.float32)
        edge = radius * (1 - deep * 0.5 * (1 - np.cos(petals * angle)))
    return np.asarray(np.clip((edge - np.hypot(px, py)) / 0.06 + 0.5, 0, 1), np.float32)
