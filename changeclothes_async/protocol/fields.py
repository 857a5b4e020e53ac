"""The fields of the jobs: what each takes, and how it refuses everything else.

Validators run before pydantic's own, so that a refusal is an error of ours and names the field.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import images

_LONGEST_NAME = 60
_LONGEST_WORD = 20  # of what may be meant for a category


class Category(StrEnum):
    """Which part of the body a garment covers (API 1, "category").

    Its names will do as well, such as "dresses". Type checkers take those that a program spells
    out; a string from elsewhere passes them as `Category(text)`, which raises ValueError.
    """

    UPPER_BODY = "upper_body"
    LOWER_BODY = "lower_body"
    DRESSES = "dresses"


CategoryName: TypeAlias = Literal["upper_body", "lower_body", "dresses"]
_CATEGORIES = ", ".join(Category)


def _picture(source: object, field: ValidationInfo) -> images.Image:
    try:
        return images.of(source)
    except errors.NotAnImage as error:
        refusal = errors.NotAnImage(
            f"{field.field_name}: {error.message}", next_step=error.next_step
        )
    raise refusal


def _written(image: images.Image, info: SerializationInfo) -> str | bytes:
    """Write a picture down as it may be given; JSON has no bytes."""
    source = images.source(image)
    if isinstance(source, bytes) and info.mode_is_json():
        return images.data_uri(source)
    return source


def known_category(given: Any) -> Category:
    """Return the category of that name; raises InvalidInput, which names all."""
    arguments.expect("category", given, f"one of {_CATEGORIES}", str)
    try:
        return Category(given)
    except ValueError:
        # What is longer was meant for another argument, and may be the key.
        shown = f"={given!r}" if len(given) <= _LONGEST_WORD else f", of {len(given):,} characters,"
        refusal = errors.InvalidInput(
            f"category{shown} is not accepted.",
            next_step=f"Use {_CATEGORIES}; nothing was sent.",
        )
    raise refusal


def _number(given: Any) -> Any:
    if isinstance(given, bool):  # which Python counts among the numbers
        raise PydanticCustomError("number", "Input should be a number")
    return given


def _switch(given: Any) -> Any:
    """Take what a file spells as we do; "yes" and "on" may be meant for another field."""
    if isinstance(given, str) and given.strip().lower() in {"true", "false"}:
        return given.strip().lower() == "true"
    if not isinstance(given, bool):
        raise PydanticCustomError("switch", "Input should be True or False")
    return given


if TYPE_CHECKING:  # what is handed over, and what it became; at run time the validator decides
    Picture: TypeAlias = images.ImageSource | images.Image
else:
    Picture = Annotated[Any, BeforeValidator(_picture), PlainSerializer(_written)]
Text: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
AnyCategory: TypeAlias = Annotated[Category | CategoryName, BeforeValidator(known_category)]
Switch: TypeAlias = Annotated[bool, BeforeValidator(_switch)]
Seed: TypeAlias = Annotated[int, BeforeValidator(_number), Field(ge=0, le=2_147_483_647)]
GuidanceScale: TypeAlias = Annotated[float, BeforeValidator(_number), Field(ge=1, le=100)]
InferenceSteps: TypeAlias = Annotated[int, BeforeValidator(_number), Field(ge=1, le=50)]
_NUMBERS = {  # in our words: pydantic names one end of a range, and says "a valid integer, unable…"
    "seed": "a whole number from 0 to 2147483647",
    "guidance_scale": "a number from 1 to 100, such as 7.5",  # spreadsheets also write 7,5
    "num_inference_steps": "a whole number from 1 to 50",
}


def refusal(job: type[BaseModel], error: ValidationError) -> errors.InvalidInput:
    """Say the first thing that is wrong, with what is accepted."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))[:_LONGEST_NAME] or job.__name__
    if first["type"] == "missing":
        return errors.InvalidInput(f"{job.__name__} needs {name}.", next_step=f"Give {name}=….")
    if first["type"] == "extra_forbidden":
        return errors.InvalidInput(
            f"{job.__name__} has no argument {name!r}.",
            next_step=f"Use {', '.join(job.model_fields)}.",
        )
    accepted = re.sub("^(Input|String) should", "It should", first["msg"])
    if number := _NUMBERS.get(name):
        accepted = f"Give {number}"
    return errors.InvalidInput(
        f"{name}{_shown(first['input'])} is not accepted.",
        next_step=f"{accepted}; nothing was sent.",
    )


def _shown(given: object) -> str:
    """Show a number, or the beginning of a text, as a file's row has it; of all else the type."""
    if given is None or isinstance(given, str | int | float):
        return f"={arguments.shown(given)}"
    return f" is of type {type(given).__name__}, which"
