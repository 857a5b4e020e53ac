"""Every garment (or prompt) on every model, as work for a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.work import sides, works
from changeclothes_async.protocol import fields, requests


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
    With `prompts` (strings, or a mapping of names to strings) and `seeds` (numbers) in place of
    garments, each cell is a `ChangeByPrompt`. `options` are further fields of every job, such as
    `garment_desc` or `guidance_scale`.

    Raises InvalidInput for what cannot be a grid; pictures are looked at when it runs. A folder
    in a folder that is passed over, since it is named after no category, is logged as a warning.
    """

    def __init__(
        self,
        models: sides.Pictures,
        garments: sides.Pictures | None = None,
        category: fields.Category | fields.CategoryName | None = None,
        *,
        prompts: str | Iterable[str] | Mapping[str, str] | None = None,
        seeds: Iterable[int] | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        self._options: dict[str, Any] = dict(options)
        self.rows: Sequence[works.Item] = ()  # reports of errors show half-built ones too
        self.columns: Sequence[works.Item] = ()
        if (garments is None) == (prompts is None):
            has = "neither" if garments is None else "both"
            raise errors.InvalidInput(
                f"A grid needs garments or prompts, and this one has {has}.",
                next_step="Give garments=… (pictures) or prompts=… (text).",
            )
        _check_fit(category, prompts, seeds, options)
        self.rows = sides.pictured(models, "models")
        self.columns = (
            sides.prompted(prompts, seeds)
            if prompts is not None
            else sides.dressed(sides.pictured(garments, "garments"), category)
        )
        for column in range(len(self.columns) if prompts is not None else 1):
            self.job(0, column)  # what is wrong with options, prompts and seeds is wrong now

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __repr__(self) -> str:
        across = "prompt" if any(item.prompt is not None for item in self.columns) else "garment"
        rows, columns = len(self.rows), len(self.columns)
        return f"Grid({names.counted(rows, 'model')} × {names.counted(columns, across)})"

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

    async def examine(self, examine: works.Examine) -> None:
        """Look at every picture once; raises NotAnImage, which names all that are none."""
        refused: list[errors.NotAnImage] = []
        # New lists, since a lookbook of an earlier run has the old ones.
        self.rows = [await _examined(item, examine, refused) for item in self.rows]
        self.columns = [await _examined(item, examine, refused) for item in self.columns]
        works.refuse(refused)


def _check_fit(
    category: object, prompts: object, seeds: object, options: Mapping[str, object]
) -> None:
    """Refuse what would be passed over: each of these decides what is paid for."""
    what, kind = (
        ("garments", requests.TryOn) if prompts is None else ("prompts", requests.ChangeByPrompt)
    )
    known = JobOptions.__annotations__.keys() & kind.model_fields.keys()
    if unknown := sorted(options.keys() - known):
        taken = ("models", what, "category" if prompts is None else "seeds", *sorted(known))
        raise errors.InvalidInput(
            f"A grid of {what} has no argument {unknown[0]!r}.",
            next_step=f"Use {', '.join(taken)}.",
        )
    if prompts is None and seeds is not None:
        unfit = "seeds=… goes with prompts=…, not with garments=….", "Leave it out."
    elif prompts is not None and category is not None:
        unfit = "category=… goes with garments=…, not with prompts=….", "Leave it out."
    elif seeds is not None and "seed" in options:
        unfit = "A grid takes seed or seeds, not both.", "Give all of them as seeds=…."
    else:
        return
    raise errors.InvalidInput(unfit[0], next_step=unfit[1])


async def _examined(
    item: works.Item, examine: works.Examine, refused: list[errors.NotAnImage]
) -> works.Item:
    try:
        return replace(item, image=await examine(item.image)) if item.image else item
    except errors.NotAnImage as error:
        refused.append(error)
        return item
