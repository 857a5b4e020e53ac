"""What travels between a run's driver and its agents; nothing of it shows a picture or a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeAlias, TypeVar

import changeclothes_async
from changeclothes_async import errors
from changeclothes_async.bulk.cluster import sealing
from changeclothes_async.protocol import answers, images
from changeclothes_async.transport import places

E = TypeVar("E", bound=Exception)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an agent works by; `secrets` is left out where it would travel in the open.

    An agent that sees a file `probe` in the place may save pictures there. One whose worker
    `is_child` of the driver gets the terminal's Ctrl-C too, which is not for it.
    """

    version: str
    base_url: str
    connect_timeout: float
    max_result_bytes: int
    trust_env: bool
    place: places.Place
    probe: str
    is_child: bool
    secrets: sealing.Sealed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What may give access to something; it travels sealed."""

    api_key: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None = field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("secrets are not pickled; seal them")

    def sealed(self, public: bytes) -> sealing.Sealed:
        """Seal them for the lock with this public half."""
        return sealing.sealed(json.dumps(asdict(self)).encode(), public)

    @classmethod
    def opened(cls, sealed: sealing.Sealed, lock: sealing.Lock) -> Self:
        """Open them again."""
        return cls(**json.loads(lock.opened(sealed)))


@dataclass(frozen=True, slots=True)
class AttemptOrder:
    """The order to make one attempt, not later than `begin_by` by the agent's own clock.

    A picture stands as its digest; the agent was given it before.
    """

    number: int
    begin_by: float
    url: str
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    pictures: tuple[tuple[str, images.Link | bytes], ...] = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class DownloadOrder:
    """The order to fetch a result's picture and to save it under a name."""

    number: int
    url: str
    name: str


Order: TypeAlias = AttemptOrder | DownloadOrder
Ending: TypeAlias = answers.Made | places.Saved | errors.ChangeClothesError


@dataclass(frozen=True, slots=True)
class Report:
    """How an order ended."""

    number: int
    outcome: Ending = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """Something that an agent's method shall do."""

    method: Callable[..., Awaitable[Any]]
    arguments: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hired:
    """What an agent says of itself: its clock in seconds, and whether it may save pictures."""

    now: float
    saves: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """An agent's clock, the serial number of its newest report, and the reports.

    One that is `leaving` wants no more orders.
    """

    now: float
    serial: int
    reports: tuple[Report, ...] = field(repr=False)
    leaving: bool = False


class NoAgent:
    """The answer of a worker that has no agent of the run, or not any more."""


def version() -> str:
    """Return what has to be the same on both sides."""
    return changeclothes_async.__version__


def now() -> float:
    """Read this side's clock: the running loop's, in seconds."""
    return asyncio.get_running_loop().time()


def bare(error: E) -> E:
    """Return an error without the frames that led to it: they hold pictures, and cannot travel."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
