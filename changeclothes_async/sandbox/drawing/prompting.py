"""Reads garments, their colours and patterns out of English words."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

import numpy as np
from PIL import ImageColor

from changeclothes_async.sandbox.drawing import drawn_garments, pixels
from changeclothes_async.sandbox.drawing.cloths import Cloth
from changeclothes_async.sandbox.drawing.pixels import Floats

OWN_COLOURS = {
    "amber": "#f0a81c", "apricot": "#f6b88a", "aqua": "#5ec8cf", "blush": "#efc0bd",
    "bordeaux": "#5e1226", "bronze": "#a5733a", "burgundy": "#7a1530", "camel": "#c19a6b",
    "caramel": "#b9743c", "champagne": "#ecdcbc", "charcoal": "#36393f", "cherry": "#b0122c",
    "chestnut": "#7b3f2a", "chocolate": "#5a3422", "cobalt": "#1f49b6", "copper": "#b5693c",
    "cream": "#f4ecd8", "denim": "#4a6f9c", "ecru": "#e8dcc0", "emerald": "#12875a",
    "fuchsia": "#d32c8f", "gold": "#d8a932", "jade": "#2c9c78", "jeans": "#4a6f9c",
    "lavender": "#b7a4dc", "lemon": "#f5e04e", "lilac": "#c6a6d8", "lime": "#b6dc2a",
    "mauve": "#b58aa5", "mint": "#a4dcc0", "mustard": "#d2a32c", "navy": "#1e2a4e",
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
OLD = r"^.*?\b((change|turn)\b.*?\b(in)?to|(replace|swap)\b.*?\b(by|for|with))\b"
"""What a prompt may say of the old clothes, up to where the new ones begin."""

CUTS = {
    r"skirts?|kilt": ["skirt"],
    r"shorts|bermudas?": ["shorts"],
    r"trousers?|pants?|jeans?|leggings?|chinos?|slacks|culottes|joggers": ["trousers"],
    r"t-?shirts?|tee|tops?|tank|vest|camisole": ["tee"],
    r"blouse|sweater|jumper|hoodie|jacket|\w*coat|cardigan|pullover|blazer|knit\w*|sweatshirt"
    r"|turtleneck": ["blouse"],
    r"shirts?|polo": ["polo"],
    r"jumpsuit|overalls?|\w*suit|outfit|pyjamas|pajamas|romper": ["trousers", "blouse"],
    r"(evening|cocktail|shift|slip|party).*dress(es)?|gown": ["shift dress"],
    r"(summer|sun|sleeveless|strap\w*).*dress(es)?|sundress": ["summer dress"],
    r"dress(?!ed)(es)?|robe|kimono": ["tea dress"],
}
"""Words for garments, and the cuts that stand for them; the first that fits counts."""


class Wish(NamedTuple):
    """A garment that a prompt asks for: a cut of `drawn_garments`, and its cloth."""

    cut: str
    cloth: Cloth

    @property
    def category(self) -> str:
        """The category of the cut."""
        return drawn_garments.CUTS[self.cut].category


def read(prompt: str, seed: int) -> list[Wish]:
    """Read a prompt; the seed turns the shade, and the pattern's size and place, a little.

    Words that name no colour give one of their own, the same for the same words and seed.
    """
    words = " ".join(re.findall(r"[^\s_]+", prompt[:1000].lower()))
    digest = hashlib.sha256(f"{seed}\n{words}".encode()).digest()
    random = np.random.default_rng(list(digest))
    wishes = []
    for phrase in _phrases(re.sub(OLD, "", words)):
        cloth = _cloth(phrase, random)
        wishes += [Wish(cut, cloth) for cut in _cuts(phrase) or _cuts(words) or ["tee"]]
    return wishes


def _phrases(words: str) -> list[str]:
    """Return the words for each garment: "a white shirt", "black trousers"."""
    phrases: list[str] = []
    for part in re.split(r"[,;&]|\b(?:and|with|over|under|plus)\b", words):
        if not phrases or (_cuts(part) and _cuts(phrases[-1])):
            phrases.append(part)
        else:
            phrases[-1] += f" {part}"
    return phrases


def _cuts(words: str) -> list[str]:
    return next((cuts for names, cuts in CUTS.items() if re.search(rf"\b({names})\b", words)), [])


def _cloth(words: str, random: np.random.Generator) -> Cloth:
    colours = [_shaded(colour, words, random) for colour in _colours(words)]
    if not colours:
        colours = [_invented(random)]
    pattern = next((n for n, p in PATTERNS.items() if re.search(rf"\b({p})\b", words)), "plain")
    if pattern != "plain" and len(colours) == 1:
        colours.append(_companion(colours[0], pattern))
    size = float(random.uniform(0.85, 1.2)) * _scale(words)
    phase = (float(random.random()), float(random.random()))
    return Cloth(colours, pattern, size, "vertical" in words or "pin" in words, phase)


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
