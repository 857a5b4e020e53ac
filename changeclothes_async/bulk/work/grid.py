"""What is to be made: every garment (or prompt) on every model, or a list of jobs; lazily.

Both are `Work`: rows and columns with names, and the job in each cell, made when it is asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypedDict, Unpack
from urllib.parse import unquote, urlsplit

from changeclothes_async import arguments, errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.work import finding
from changeclothes_async.protocol import images, requests

_log = logging.getLogger("changeclothes_async")

_SHOWN = 5
_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One row or column: its name, and its picture or its prompt."""

    name: str
    image: images.Image | None = field(default=None, repr=False)
    category: requests.Category | None = None
    prompt: str | None = None
    seed: int | None = None


Settled = Callable[[images.Image], Awaitable[images.Image]]


class Work(Protocol):
    """Rows times columns of jobs; a batch has one column, whose name is empty."""

    rows: Sequence[Item]
    columns: Sequence[Item]

    def job(self, row: int, column: int) -> requests.Job:
        """Make the job of a cell."""
        ...

    async def settle(self, settled: Settled) -> None:
        """Look at every picture once, so that what cannot be sent is known before anything is."""


def walk(work: Work) -> Iterator[tuple[int, int]]:
    """Walk over all cells, row by row."""
    for row in range(len(work.rows)):
        for column in range(len(work.columns)):
            yield row, column


def cell_name(work: Work, row: int, column: int) -> str:
    """Name a cell; also its picture's file, without the suffix."""
    return names.cell(work.rows[row].name, work.columns[column].name)


Pictures: TypeAlias = (
    images.ImageSource | Iterable[images.ImageSource] | Mapping[str, images.ImageSource]
)


class JobOptions(TypedDict, total=False):
    """Further fields of a grid's jobs: those of `TryOn`, or those of `ChangeByPrompt`."""

    garment_desc: str | None
    seed: int | None
    randomize_seed: bool | None
    guidance_scale: float | None
    num_inference_steps: int | None
    extra_fields: Mapping[str, str]


class Grid:
    """Every garment on every model, or every prompt on every model.

    `models` and `garments` are each a folder, a glob, a list of these and of pictures, or a
    mapping of names to pictures; a picture is what `try_on` takes. `category` may be left out
    where each garment lies in a folder named after one; where it is given, it is all garments', and
    those whose folder says another are logged as a warning.
    With `prompts` (texts, or a mapping of names to texts) and `seeds` (numbers) in place of
    garments, each cell is a `ChangeByPrompt`. `options` are further fields of every job, such as
    `garment_desc` or `guidance_scale`.

    Raises InvalidInput for what cannot be a grid; pictures are looked at when it runs. A folder
    in a folder that is passed over, since it is named after no category, is logged as a warning.
    """

    def __init__(
        self,
        models: Pictures,
        garments: Pictures | None = None,
        category: requests.Category | requests.CategoryName | None = None,
        *,
        prompts: str | Iterable[str] | Mapping[str, str] | None = None,
        seeds: Iterable[int] | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        self._options: dict[str, Any] = dict(options)
        self.rows: Sequence[Item] = ()  # reports of errors show half-built ones too
        self.columns: Sequence[Item] = ()
        if (garments is None) == (prompts is None):
            raise errors.InvalidInput(
                "A grid needs garments or prompts, and not both.",
                next_step="Give garments=… (pictures) or prompts=… (texts).",
            )
        _check_fit(category, prompts, seeds, options)
        self.rows = _items(models, "models")
        self.columns = (
            _prompts(prompts, seeds)
            if prompts is not None
            else _dressed(_items(garments, "garments"), category)
        )
        for column in range(len(self.columns) if prompts is not None else 1):
            self.job(0, column)  # what is wrong with options, prompts and seeds is wrong now

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __repr__(self) -> str:
        return f"Grid({len(self.rows)} models × {len(self.columns)} columns)"

    def job(self, row: int, column: int) -> requests.Job:
        """Make the job of a cell."""
        model, what = self.rows[row], self.columns[column]
        assert model.image is not None  # noqa: S101 - every row has one
        if what.prompt is not None:
            given: dict[str, Any] = {"seed": what.seed} if what.seed is not None else {}
            return requests.ChangeByPrompt(
                model=model.image, prompt=what.prompt, **given, **self._options
            )
        assert what.image is not None and what.category is not None  # noqa: S101, PT018 - so has every garment
        return requests.TryOn(
            model=model.image, garment=what.image, category=what.category, **self._options
        )

    async def settle(self, settled: Settled) -> None:
        """Look at every picture once; raises NotAnImage, which names all that are none."""
        refused: list[errors.NotAnImage] = []
        rows = [await _settled(item, settled, refused) for item in self.rows]
        columns = [await _settled(item, settled, refused) for item in self.columns]
        refuse(refused)
        self.rows, self.columns = rows, columns


def _check_fit(
    category: object, prompts: object, seeds: object, options: Mapping[str, object]
) -> None:
    """Refuse what would be passed over: each of these decides what is paid for."""
    if prompts is None and seeds is not None:
        unfit = "seeds: garments take none.", "Leave it out; it goes with prompts=…."
    elif prompts is not None and category is not None:
        unfit = "category: prompts take none.", "Leave it out; it goes with garments=…."
    elif seeds is not None and "seed" in options:
        unfit = "A grid takes seed or seeds, and not both.", "Give all of them as seeds=…."
    else:
        return
    raise errors.InvalidInput(unfit[0], next_step=unfit[1])


def refuse(refused: Sequence[errors.NotAnImage]) -> None:
    """Raise where pictures were refused: the error of a single one, or one that lists them."""
    if not refused:
        return
    if len(refused) == 1:
        raise refused[0]
    more = f"… and {len(refused) - _REFUSED:,} more\n" if len(refused) > _REFUSED else ""
    raise errors.NotAnImage(
        f"{len(refused):,} pictures cannot be sent:\n"
        + "".join(f"{error.message}\n" for error in refused[:_REFUSED])
        + more,
        next_step="Fix them or leave them out, and run it again; nothing was sent.",
    )


async def _settled(item: Item, settled: Settled, refused: list[errors.NotAnImage]) -> Item:
    try:
        return replace(item, image=await settled(item.image)) if item.image else item
    except errors.NotAnImage as error:
        refused.append(error)
        return item


def _dressed(items: Iterable[Item], category: requests.Category | str | None) -> list[Item]:
    """Give each garment its category: the one that is given, or its folder's name."""
    folders = [(item, finding.category_of(item.image)) for item in items]
    if category is None:
        return [replace(item, category=_own(item, folder)) for item, folder in folders]
    given = requests.known_category(category)
    _note_folders([(item, folder) for item, folder in folders if folder not in {None, given}])
    return [replace(item, category=given) for item, _ in folders]


def _own(item: Item, folder: requests.Category | None) -> requests.Category:
    if folder is not None:
        return folder
    raise errors.InvalidInput(
        f"garments: {item.name} has no category, since its folder is not named after one.",
        next_step=f"Give category=…, or put it into a folder {finding.FOLDERS}.",
    )


def _note_folders(others: Sequence[tuple[Item, requests.Category | None]]) -> None:
    """Say where a category goes against garments' folders: it is the user's word all the same."""
    if not others:
        return
    said = ", ".join(f"{item.name} in {folder}" for item, folder in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    _log.warning(
        "garments: the folders of some say another category than the one that is given: %s%s. "
        "Leave it out, so that each folder gives its own.",
        said,
        more,
    )


def _prompts(
    prompts: str | Iterable[str] | Mapping[str, str], seeds: Iterable[int] | None
) -> list[Item]:
    texts = _listed([prompts] if isinstance(prompts, str) else prompts, "prompts")
    named = list(texts.items()) if isinstance(texts, Mapping) else [(text, text) for text in texts]
    drawn: list[int | None] = list(_listed(seeds, "seeds")) if seeds is not None else [None]
    _not_empty(drawn, "seeds")
    for _, text in named:
        arguments.expect("One of prompts", text, "texts", str)
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


def _listed(given: Any, what: str) -> Any:
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return given  # a text would be a column, and a call, for each of its letters
    raise errors.InvalidInput(
        f"{what}={given!r} is not a list.", next_step=f"Give a list of {what}."
    )


def _items(given: Any, what: str) -> list[Item]:
    found = _named(given, what)
    _not_empty(found, what)
    given_names = names.distinct((name, _source(image)) for name, image in found)
    return [Item(name, image) for name, (_, image) in zip(given_names, found, strict=True)]


def _not_empty(found: Sequence[Any], what: str) -> None:
    if not found:
        raise errors.InvalidInput(
            f"{what}: there are none.",
            next_step=f"Give a folder, a glob or a list with at least one of {what}.",
        )


def _named(given: Any, what: str) -> list[tuple[str, images.Image]]:
    if isinstance(given, Mapping):
        return [(str(name), images.of(image)) for name, image in given.items()]
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
    return [images.of(given)]


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
