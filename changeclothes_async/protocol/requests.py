"""The two jobs of the API as frozen values, and their fields as they go over the wire.

What the API page leaves to the service (defaults) is not sent unless the user gave it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import images


class Category(StrEnum):
    """Which part of the body a garment covers (API 1, "category").

    Its names will do as well, such as "dresses". Type checkers take those that a program spells
    out; a string from elsewhere passes them as `Category(text)`, which raises ValueError.
    """

    UPPER_BODY = "upper_body"
    LOWER_BODY = "lower_body"
    DRESSES = "dresses"


CategoryName: TypeAlias = Literal["upper_body", "lower_body", "dresses"]


def _picture(source: object, field: ValidationInfo) -> images.Image:
    try:
        return images.of(source)
    except errors.NotAnImage as error:
        refusal = errors.NotAnImage(
            f"{field.field_name}: {error.message}", next_step=error.next_step
        )
    raise refusal


def known_category(given: Any) -> Category:
    """Return the category of that name; raises InvalidInput, which names all."""
    arguments.expect("category", given, f"one of {', '.join(Category)}", str)
    try:
        return Category(given)
    except ValueError:
        # What is longer was meant for another argument, and may be the key.
        shown = f"={given!r}" if len(given) <= _LONGEST_WORD else f", of {len(given):,} characters,"
        refusal = errors.InvalidInput(
            f"category{shown} is not accepted.",
            next_step=f"Use {', '.join(Category)}; nothing was sent.",
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
    Picture = Annotated[Any, BeforeValidator(_picture)]
Text: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_NAME, _GIST = 60, 60  # letters of a name, and of a prompt, in a line about a job
_LONGEST_WORD = 20  # letters of what may be meant for a category
_Number = BeforeValidator(_number)
_NUMBERS = {  # in our words: pydantic names one end of a range, and says "a valid integer, unable…"
    "seed": "a whole number from 0 to 2147483647",
    "guidance_scale": "a number from 1 to 100",
    "num_inference_steps": "a whole number from 1 to 50",
}
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]*")


class Job(BaseModel):
    """What both jobs share: a model's photograph, and form fields that are not documented yet.

    Any bad argument raises InvalidInput (NotAnImage for a picture) before anything is sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kind: ClassVar[str]
    endpoint: ClassVar[str]
    picture_names: ClassVar[Mapping[str, str]]
    text_names: ClassVar[Mapping[str, str]]

    model: Picture
    extra_fields: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, given: Any, validate: Callable[[Any], Job]) -> Job:
        try:
            job = validate(given)
            if job.extra_fields:
                cls._check_extra(job.extra_fields)
            return job
        except ValidationError as error:
            refusal = _refusal(cls, error)
        # Raised outside the except block: pydantic's error, which quotes the input, stays behind.
        raise refusal

    @classmethod
    def _check_extra(cls, fields: Mapping[str, str]) -> None:
        documented = {*cls.picture_names.values(), *cls.text_names.values()}
        for name, value in fields.items():
            if name in documented or not _FIELD_NAME.fullmatch(name):
                raise errors.InvalidInput(
                    f"extra_fields: {name[:_NAME]!r} is a documented field, or cannot be the name "
                    "of one.",
                    next_step=f"Use the argument of its own for {', '.join(sorted(documented))}.",
                )
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise errors.InvalidInput(
                    f"extra_fields: {name[:_NAME]} holds half a character (a lone surrogate).",
                    next_step="Decode the text anew; nothing was sent.",
                )

    def __hash__(self) -> int:
        # Without the extra fields, a mapping; jobs that differ in them alone are still unequal.
        names = (*self.picture_names, *self.text_names)
        return hash((self.kind, *(getattr(self, name) for name in names)))

    def __str__(self) -> str:
        """Say it in a line, such as `try_on anna.jpg + dress.jpg (dresses)`."""
        shown = " + ".join(images.called(image)[:_NAME] for _, image in self.pictures())
        return f"{self.kind} {shown} ({self._gist()})"

    @abstractmethod
    def _gist(self) -> str:
        """Say in a few words what is asked for."""

    def pictures(self) -> list[tuple[str, images.Image]]:
        """Return the job's pictures by their names on the wire."""
        return [(wire, getattr(self, name)) for name, wire in self.picture_names.items()]

    def texts(self) -> list[tuple[str, str]]:
        """Return the text fields that were set, by their names on the wire."""
        named = [(wire, getattr(self, name)) for name, wire in self.text_names.items()]
        fields = [(wire, _wire(value)) for wire, value in named if value is not None]
        return [*fields, *self.extra_fields.items()] if self.extra_fields else fields


class TryOn(Job):
    """Dress a model in a garment (API 1): `modelImg`, `garmentImg`, `category`, `garmentDesc`.

    Each picture is a path, URL, data URI, bytes, open binary file or PIL image; `garment_desc`
    describes the garment in English.
    """

    kind: ClassVar[str] = "try_on"
    endpoint: ClassVar[str] = "/api/openapi/change-clothes-ai"
    picture_names: ClassVar[Mapping[str, str]] = {"model": "modelImg", "garment": "garmentImg"}
    text_names: ClassVar[Mapping[str, str]] = {
        "category": "category",
        "garment_desc": "garmentDesc",
    }

    garment: Picture
    category: Annotated[Category | CategoryName, BeforeValidator(known_category)]
    garment_desc: Text | None = None

    def _gist(self) -> str:
        return str(self.category)


class ChangeByPrompt(Job):
    """Change a model's clothes by an English prompt (API 2).

    `seed` is 0 to 2147483647 and overridden by `randomize_seed=True`; `guidance_scale` is 1 to 100
    (the service's default is 50), `num_inference_steps` 1 to 50 (default 28).
    """

    kind: ClassVar[str] = "change_by_prompt"
    endpoint: ClassVar[str] = "/api/openapi/change-clothes-by-prompt"
    picture_names: ClassVar[Mapping[str, str]] = {"model": "modelImg"}
    text_names: ClassVar[Mapping[str, str]] = {
        "prompt": "prompt",
        "seed": "seed",
        "randomize_seed": "randomize_seed",
        "guidance_scale": "guidance_scale",
        "num_inference_steps": "num_inference_steps",
    }

    prompt: Text
    seed: Annotated[int, _Number, Field(ge=0, le=2_147_483_647)] | None = None
    randomize_seed: Annotated[bool, BeforeValidator(_switch)] | None = None
    guidance_scale: Annotated[float, _Number, Field(ge=1, le=100)] | None = None
    num_inference_steps: Annotated[int, _Number, Field(ge=1, le=50)] | None = None

    def _gist(self) -> str:
        text = self.prompt if len(self.prompt) <= _GIST else f"{self.prompt[: _GIST - 1]}…"
        return repr(text) if self.seed is None else f"{text!r}, seed {self.seed}"


def checked(job: object) -> Job:
    """Return a job as it is; raises InvalidInput for anything else."""
    if isinstance(job, TryOn | ChangeByPrompt):
        return job
    raise errors.InvalidInput(
        f"{type(job).__name__} is not a job.", next_step="Give a TryOn or a ChangeByPrompt."
    )


def identity(endpoint: str, texts: Iterable[tuple[str, str]], digests: Iterable[bytes]) -> bytes:
    """Return 32 bytes that stand for all that is paid for: a job's endpoint, texts, and pictures.

    The pictures stand in the endpoint's order, each by the digest of its content (or address):
    neither a picture's path nor the key is part of it.
    """
    words = [word.encode() for text in sorted(texts) for word in text]
    parts = [endpoint.encode(), *words, *digests]
    lengths = struct.pack(f">{len(parts)}I", *map(len, parts))
    return hashlib.sha256(lengths + b"".join(parts)).digest()


def _wire(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _refusal(job: type[Job], error: ValidationError) -> errors.InvalidInput:
    """Say the first thing that is wrong, with what is accepted."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))[:_NAME] or job.__name__
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
