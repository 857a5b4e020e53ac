"""The two sides of a grid, rows and columns, from whatever users pass in."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from changeclothes_async import arguments, errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.work import finding
from changeclothes_async.bulk.work.works import Item, listed
from changeclothes_async.protocol import fields, images

_log = logging.getLogger("changeclothes_async")

Pictures: TypeAlias = (
    images.ImageSource | Iterable[images.ImageSource] | Mapping[str, images.ImageSource]
)


def dressed(items: Iterable[Item], category: fields.Category | str | None) -> list[Item]:
    """Give each garment its category: the one that is given, or its folder's name."""
    folders = [(item, finding.category_of(item.image)) for item in items]
    if category is None:
        return [replace(item, category=_own(item, folder)) for item, folder in folders]
    given = fields.known_category(category)
    _note_folders([(item, folder) for item, folder in folders if folder not in {None, given}])
    return [replace(item, category=given) for item, _ in folders]


def _own(item: Item, folder: fields.Category | None) -> fields.Category:
    if folder is not None:
        return folder
    raise errors.InvalidInput(
        f"garments: {item.name} has no category, since its folder is not named after one.",
        next_step=f"Give category=…, or put it into a folder {finding.FOLDERS}.",
    )


def _note_folders(others: Sequence[tuple[Item, fields.Category | None]]) -> None:
    """Say where a category goes against garments' folders: it is the user's word all the same."""
    if not others:
        return
    _log.warning(
        "garments: the folders of some name another category, not the one that is given: %s. "
        "Leave out category=… to let each folder give its own.",
        listed([f"{item.name} in {folder}" for item, folder in others]),
    )


def prompted(
    prompts: str | Iterable[str] | Mapping[str, str], seeds: Iterable[int] | None
) -> list[Item]:
    """Return a column for each prompt, or for each prompt with each seed."""
    texts = _several([prompts] if isinstance(prompts, str) else prompts, "prompts")
    named = list(texts.items()) if isinstance(texts, Mapping) else [(text, text) for text in texts]
    drawn: list[int | None] = list(_several(seeds, "seeds")) if seeds is not None else [None]
    _not_empty(drawn, "seeds")
    for _, text in named:
        arguments.expect("One of prompts", text, "strings", str)
    found = [
        (f"{name!s:.50}-seed{seed}" if seed is not None else f"{name!s:.50}", text, seed)
        for name, text in named
        for seed in drawn
    ]
    _not_empty(found, "prompts")
    if not all(text.strip() for _, text, _ in found):
        raise errors.InvalidInput(
            "prompts: one of them is empty.", next_step="Describe the clothes in each."
        )
    given = names.distinct((name, f"{text}{seed}") for name, text, seed in found)
    return [
        Item(name, prompt=text, seed=seed)
        for name, (_, text, seed) in zip(given, found, strict=True)
    ]


def _several(given: Any, what: str) -> Any:
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview):
        return given  # a text would be a column, and a call, for each of its letters
    raise errors.InvalidInput(
        f"{what} is of type {type(given).__name__}, which is not a list.",
        next_step=f"Give a list of {what}.",
    )


def pictured(given: Any, what: str) -> list[Item]:
    """Return a row or a column for each picture; `what` they are is said in errors."""
    found = _named(given, what)
    _not_empty(found, what)
    given_names = names.distinct((name, _source(image)) for name, image in found)
    return [Item(name, image) for name, (_, image) in zip(given_names, found, strict=True)]


def _not_empty(found: Sequence[Any], what: str) -> None:
    if not found:
        raise errors.InvalidInput(
            f"{what}: there are none.",
            next_step="Give at least one, by itself or in a list.",
        )


def _named(given: Any, what: str) -> list[tuple[str, images.Image]]:
    if isinstance(given, Mapping):
        return [(str(name), _picture(image, f"{what}, {name}")) for name, image in given.items()]
    several = isinstance(given, Iterable) and not _is_picture(given)
    found = [image for each in (given if several else [given]) for image in _found(each, what)]
    return [(_name(image, what, number), image) for number, image in enumerate(found, 1)]


def _is_picture(given: object) -> bool:
    """Tell one picture from a list of them, where both can be iterated over."""
    is_path = isinstance(given, str | os.PathLike)
    is_data = isinstance(given, bytes | bytearray | memoryview)
    return is_path or is_data or hasattr(given, "read")


def _found(given: Any, what: str) -> list[images.Image]:
    if isinstance(given, str | os.PathLike):
        return finding.expanded(given, what)
    return [_picture(given, what)]


def _picture(given: Any, whose: str) -> images.Image:
    try:
        return images.of(given)
    except errors.NotAnImage as error:
        refusal = errors.NotAnImage(f"{whose}: {error.message}", next_step=error.next_step)
    raise refusal


def _name(image: images.Image, what: str, number: int) -> str:
    if isinstance(image, images.File):
        return Path(image.path).stem
    if isinstance(image, images.Link):
        return Path(unquote(urlsplit(image.url).path)).stem or f"{what[:-1]}-{number}"
    return f"{what[:-1]}-{number}"


def _source(image: images.Image) -> str:
    if isinstance(image, images.File):
        # Not the way there from the working folder: that is another one from another folder, and
        # on Windows there is none to another drive.
        whole = Path(os.path.abspath(image.path))  # noqa: PTH100 - Path's keeps the dots
        return "/".join(whole.parts[-2:])
    return image.url if isinstance(image, images.Link) else ""
