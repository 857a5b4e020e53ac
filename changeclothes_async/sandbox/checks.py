"""Checks a form against the parameter tables of the API page and makes a job of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from changeclothes_async.sandbox import envelopes
from changeclothes_async.sandbox.forms import Form
from changeclothes_async.sandbox.records import Picture

CATEGORIES = ("upper_body", "lower_body", "dresses")
HARMFUL_WORDS = re.compile(r"\b(nude|naked)\b", re.IGNORECASE)
"""A prompt or a description with one of these words is refused as harmful (10005)."""

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TryOn:
    """A garment's picture to lay on a model."""

    model: Picture
    garment: Picture
    category: str


@dataclass(frozen=True, slots=True)
class ChangeByPrompt:
    """A change of clothes by words; `seed` None leaves the choice to the service."""

    model: Picture
    prompt: str
    seed: int | None
    guidance_scale: float
    num_inference_steps: int


def try_on(form: Form) -> TryOn:
    """Check a try-on by garment picture; raises Refusal (10004, 10005)."""
    category = _text(form, "category")
    if category not in CATEGORIES:
        raise _invalid(f"category must be one of {', '.join(CATEGORIES)}")
    job = TryOn(_picture(form, "modelImg"), _picture(form, "garmentImg"), category)
    _refuse_harmful(form, "garmentDesc")
    return job


def change_by_prompt(form: Form) -> ChangeByPrompt:
    """Check a change by prompt; raises Refusal (10004, 10005)."""
    job = ChangeByPrompt(
        model=_picture(form, "modelImg"),
        prompt=_text(form, "prompt"),
        seed=_seed(form),
        guidance_scale=_number(form, "guidance_scale", 50, 1, 100),
        num_inference_steps=_whole(form, "num_inference_steps", 28, 1, 50),
    )
    _refuse_harmful(form, "prompt")
    return job


def _picture(form: Form, name: str) -> Picture:
    picture = form.pictures.get(name)
    if picture is None:
        raise _invalid(f"{name} is missing")
    if not picture.size:
        raise _invalid(f"{name} is empty")
    known = picture.mime is not None if picture.url is None else _is_url(picture.url)
    if not known:
        raise _invalid(f"{name} is neither a URL, nor a Base64 data URI, nor a picture's file")
    return picture


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        return False


def _text(form: Form, name: str) -> str:
    text = form.texts.get(name, "").strip()
    if not text:
        raise _invalid(f"{name} is missing")
    return text


def _seed(form: Form) -> int | None:
    seed = _whole(form, "seed", -1, 0, LARGEST_SEED)
    if form.texts.get("randomize_seed", "false") not in ("true", "false"):
        raise _invalid("randomize_seed must be true or false")
    return None if seed < 0 or form.texts.get("randomize_seed") == "true" else seed


def _whole(form: Form, name: str, default: int, least: int, most: int) -> int:
    number = _number(form, name, default, least, most)
    if number != int(number):
        raise _invalid(f"{name} must be a whole number")
    return int(number)


def _number(form: Form, name: str, default: float, least: int, most: int) -> float:
    if name not in form.texts:
        return default
    text = form.texts[name]
    # Not float() alone: it takes "nan", "1_0" and Arabic digits.
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,20})?", text) or not least <= float(text) <= most:
        raise _invalid(f"{name} must be a number from {least} to {most}")
    return float(text)


def _refuse_harmful(form: Form, described: str) -> None:
    words = HARMFUL_WORDS.search(form.texts.get(described, ""))
    if words or any(picture.harmful for picture in form.pictures.values()):
        raise envelopes.Refusal(envelopes.HARMFUL_CONTENT)


def _invalid(msg: str) -> envelopes.Refusal:
    return envelopes.Refusal(envelopes.INVALID_PARAM, msg)
