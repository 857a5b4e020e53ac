"""Where the pictures of a grid's side are: in a folder, behind a glob, or one by its path or URL.

Rules of this file:

* What is there is taken by its name first, also where the name looks like a glob.
* A folder is read with those of its folders that are named after a category. Of its other folders
  those with pictures are named, since whoever keeps pictures there would miss them.
* Names are in the order in which people count: look-2 before look-10.
"""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import fields, formats, images, texts

_log = logging.getLogger("changeclothes_async")

SUFFIXES = formats.SUFFIXES | formats.SPELLINGS.keys()
FOLDERS = "upper_body, lower_body or dresses"
_CATEGORIES = {category.value: category for category in fields.Category}


def expanded(given: str | os.PathLike[str], what: str) -> list[images.Image]:
    """Turn a folder, a glob, or one picture's path or URL into pictures, in the names' order.

    `what` they are is said in errors. Raises NotAnImage for a path that leads nowhere, and for a
    folder or a glob without pictures.
    """
    image = images.of(given)
    if not isinstance(image, images.File):
        return [image]
    path = Path(image.path)
    if os.path.isdir(path):  # noqa: PTH112 - Path fails for a name too long to be one
        return [images.File(str(file)) for file in _in_folder(path, what)]
    if os.path.exists(path):  # noqa: PTH110 - the same
        return [image]
    if glob.has_magic(image.path):
        return [images.of(match) for match in _matching(image.path, what)]
    raise errors.NotAnImage(
        f"{what}: {texts.path(image.path)} does not exist.",
        next_step="Give a folder, a glob, a picture's path, or a whole http(s) URL.",
    )


def category_of(image: images.Image | None) -> fields.Category | None:
    """Return the category that a picture's folder is named after."""
    if not isinstance(image, images.File):
        return None
    return _CATEGORIES.get(Path(image.path).parent.name)


def _matching(pattern: str, what: str) -> list[str]:
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - takes absolute patterns
    found = sorted(matches, key=_as_counted)
    if not found:
        raise errors.NotAnImage(
            f"{what}: nothing matches {texts.path(pattern)}.",
            next_step="Fix the pattern; ** stands for folders at any depth.",
        )
    return found


def _in_folder(folder: Path, what: str) -> list[Path]:
    try:
        inside = [folder, *(folder / name for name in sorted(_CATEGORIES))]
        found = [file for each in inside if each.is_dir() for file in _pictures_in(each)]
        others = _passed_over(folder)
    except OSError as error:
        failure = errors.NotAnImage(
            f"{what}: the folder {error.filename or folder} cannot be read ({error.strerror}).",
            next_step="Make it readable, or give another.",
        )
    else:
        _check_found(folder, found, others, what)
        return found
    raise failure


def _check_found(folder: Path, found: Sequence[Path], others: Sequence[Path], what: str) -> None:
    listed = works.listed([str(each) for each in others])
    if not found:
        beside = f"; those in {listed} are not looked at" if others else ""
        raise errors.NotAnImage(
            f"{what}: the folder {folder} holds no pictures{beside}.",
            next_step="Give such a folder itself, or a glob such as folder/*/*.jpg."
            if others
            else f"Give one that does ({', '.join(sorted(SUFFIXES))}).",
        )
    if others:
        _log.warning(
            "%s: passed over %s; of a folder's own folders only %s are looked into. "
            "Give those too if they are wanted.",
            what,
            listed,
            FOLDERS.replace(" or ", " and "),
        )


def _pictures_in(folder: Path) -> list[Path]:
    return [file for file in _inside(folder) if _is_picture(file) and file.is_file()]


def _passed_over(folder: Path) -> list[Path]:
    """Find the folders, named after no category, that hold pictures at any depth."""
    named_otherwise = (
        each
        for each in _inside(folder)
        if each.name not in _CATEGORIES and not each.name.startswith(".") and each.is_dir()
    )
    return [each for each in named_otherwise if _holds_pictures(each)]


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda each: _as_counted(each.name))


def _as_counted(name: str) -> tuple[list[tuple[str, int]], str]:
    """Return what to sort a name by, in which digits count as a number."""
    runs = re.findall(r"(\D*)(\d*)", name)
    return [(text, int(digits or -1)) for text, digits in runs], name


def _holds_pictures(folder: Path) -> bool:
    walk = os.walk(folder)
    return any(_is_picture(Path(name)) for _, _, files in walk for name in files)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
