"""The two jobs of the API as frozen values, and their fields as they go over the wire.

What the API page leaves to the service (defaults) is not sent unless the user gave it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from inspect import Signature
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from changeclothes_async import errors
from changeclothes_async.protocol import fields, images

J = TypeVar("J", bound="Job")

_NAME, _GIST = 60, 60  # letters of a name, and of a prompt, in a line about a job
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

    model: fields.Picture
    extra_fields: Mapping[str, str] = Field(default_factory=dict)

    if not TYPE_CHECKING:  # checkers know the arguments

        def __new__(cls, /, *values, **_):
            """Refuse values without names, which Python's own words would call BaseModel's."""
            if values and cls.__init__ is BaseModel.__init__:
                needed = [name for name, each in cls.model_fields.items() if each.is_required()]
                raise errors.InvalidInput(
                    f"{cls.__name__} takes its arguments by name.",
                    next_step=f"Write {cls.__name__}({'=…, '.join(needed)}=…).",
                )
            return super().__new__(cls)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, given: Any, validate: Callable[[Any], Job]) -> Job:
        try:
            job = validate(given)
            if job.extra_fields:
                cls._check_extra(job.extra_fields)
            return job
        except ValidationError as error:
            refusal = fields.refusal(cls, error)
        # Raised outside the except block: pydantic's error, which quotes the input, stays behind.
        raise refusal

    @classmethod
    def _check_extra(cls, extra: Mapping[str, str]) -> None:
        documented = {*cls.picture_names.values(), *cls.text_names.values()}
        for name, value in extra.items():
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

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # What was not given is not said, as it is not sent.
        return [(name, value) for name, value in super().__repr_args__() if value not in (None, {})]

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
        texts = [(wire, _wire(value)) for wire, value in named if value is not None]
        return [*texts, *self.extra_fields.items()] if self.extra_fields else texts


def _readable(kind: type[J]) -> type[J]:
    """Give a job a signature for help() and notebooks: pydantic's spells out the validators.

    One of a user's own keeps pydantic's, which can do with types that are not defined yet.
    """
    hints = get_type_hints(kind)
    shown = kind.__signature__.parameters.values()
    kind.__signature__ = Signature([each.replace(annotation=hints[each.name]) for each in shown])
    return kind


@_readable
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

    garment: fields.Picture
    category: fields.AnyCategory
    garment_desc: fields.Text | None = None

    def _gist(self) -> str:
        return str(self.category)


@_readable
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

    prompt: fields.Text
    seed: fields.Seed | None = None
    randomize_seed: fields.Switch | None = None
    guidance_scale: fields.GuidanceScale | None = None
    num_inference_steps: fields.InferenceSteps | None = None

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
