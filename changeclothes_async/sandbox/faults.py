"""Faults to order: what goes wrong with a call, as values, in a script or at random.

Each has a text form, for command lines: `20001`, `20001:503`, `503`, `503:2`, `html:502`,
`garbage`, `cut:in_upload`, `stall:after_request`, `slow:2.5`.

What a fault costs the caller: a cut or a stall once the whole request is there, garbage, and the
gateway's statuses (502, 504, 520, 522, 524) lose the answer of a call that is worked and charged.
A failure of the service itself (500, 20001) is charged where the sandbox says so. Nothing else is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from changeclothes_async.sandbox import envelopes

When: TypeAlias = Literal["before_read", "in_upload", "after_request", "in_answer"]
Kind: TypeAlias = Literal["none", "code", "status", "html", "garbage", "cut", "stall", "slow"]

_MOMENTS: tuple[When, ...] = get_args(When)
_FAILURES = {envelopes.SERVER_ERROR, envelopes.TRY_ON_EXCEPTION}
_LOST_BY_GATEWAY = {502, 504, 520, 522, 524}
_HELP = (
    "Give one of 20001, 20001:503 (code at an HTTP status), 503, 503:2 (retry after 2 s), "
    "html:502, garbage, cut:MOMENT, stall:MOMENT, slow:SECONDS; "
    f"MOMENT is one of {', '.join(_MOMENTS)}."
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong; made by its class methods or `parse`, `str()` is its text form."""

    kind: Kind
    number: int | None = None
    http_status: int | None = None
    seconds: float | None = None
    when: When = "after_request"

    @classmethod
    def code(cls, code: int, http_status: int | None = None) -> Fault:
        """Answer with an envelope of this code, at HTTP 200 unless told otherwise."""
        return cls("code", number=code, http_status=_a_status(http_status))

    @classmethod
    def status(cls, http_status: int, retry_after: float | None = None) -> Fault:
        """Answer with an HTTP status and no envelope; `retry_after` in seconds."""
        return cls("status", http_status=_a_status(http_status), seconds=retry_after)

    @classmethod
    def html(cls, http_status: int) -> Fault:
        """Answer with an HTML page at this HTTP status, as gateways do."""
        return cls("html", http_status=_a_status(http_status))

    @classmethod
    def garbage(cls) -> Fault:
        """Answer a call that was worked with HTTP 200 and something that is not JSON."""
        return cls("garbage", http_status=200)

    @classmethod
    def cut(cls, when: When = "after_request") -> Fault:
        """Break the connection: reset until the request is there, closed after that."""
        return cls("cut", when=_a_moment(when))

    @classmethod
    def stall(cls, when: When = "after_request") -> Fault:
        """Fall silent until the caller goes away."""
        return cls("stall", when=_a_moment(when))

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Take so many seconds longer, and then answer well."""
        if not seconds >= 0:  # which no NaN is
            raise ValueError(f"{seconds} is not a time. Give 0 seconds or more.")
        return cls("slow", seconds=seconds)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read the text form; raises ValueError that says what may be written."""
        name, _, detail = text.strip().partition(":")
        try:
            return cls._parse(name, detail)
        except (ValueError, TypeError):
            raise ValueError(f"{text!r} is not a fault. {_HELP}") from None

    @classmethod
    def _parse(cls, name: str, detail: str) -> Fault:
        if name.isdigit():
            return cls._parse_number(int(name), detail)
        match name:
            case "html":
                return cls.html(int(detail))
            case "cut" | "stall":
                return cls(name, when=_a_moment(detail or "after_request"))
            case "slow":
                return cls.slow(float(detail))
            case "garbage" if not detail:
                return cls.garbage()
        raise ValueError(name)

    @classmethod
    def _parse_number(cls, number: int, detail: str) -> Fault:
        if number in envelopes.NAMES or number > 999:
            return cls.code(number, int(detail) if detail else None)
        return cls.status(number, float(detail) if detail else None)

    def __str__(self) -> str:
        match self.kind:
            case "code":
                return _joined(self.number, self.http_status)
            case "status":
                return _joined(self.http_status, self.seconds)
            case "html":
                return _joined("html", self.http_status)
            case "slow":
                return _joined("slow", self.seconds)
            case "garbage" | "none":
                return self.kind
        return _joined(self.kind, self.when)

    @property
    def delay(self) -> float:
        """How many seconds longer the call takes."""
        return self.seconds or 0 if self.kind == "slow" else 0

    def loses_connection(self, when: When) -> bool:
        """Tell whether this is the moment at which it cuts or stalls."""
        return self.kind in ("cut", "stall") and self.when == when

    @property
    def replaces_answer(self) -> bool:
        """Tell whether it is sent in the place of the call's own answer."""
        return self.kind in ("code", "status", "html", "garbage")

    def charges(self, *, failures: bool) -> bool:
        """Tell whether a call that meets this once it is admitted is paid for."""
        if self.kind == "code":
            return failures and self.number in _FAILURES
        if self.kind in ("status", "html") and self.http_status != 200:
            return self.http_status in _LOST_BY_GATEWAY or (failures and self.http_status == 500)
        return True


NONE = Fault("none")
"""What happens to a call without a fault."""


class RandomFaults:
    """Faults at random: each with its rate from 0 to 1, the same for the same seed.

    Every iteration begins anew and never ends; it gives `NONE` for a call without a fault.
    """

    def __init__(self, rates: Mapping[Fault | str, float], *, seed: int = 0) -> None:
        self.rates = {_a_fault(fault): rate for fault, rate in rates.items()}
        self.seed = seed
        if min(self.rates.values(), default=0) < 0 or sum(self.rates.values()) > 1:
            raise ValueError("Rates are shares of the calls: give 0 to 1 each, at most 1 together.")

    @classmethod
    def parse(cls, texts: Iterable[str], *, seed: int = 0) -> RandomFaults:
        """Read texts such as `cut:in_upload@0.05`; without a rate a fault hits every call."""
        rates: dict[Fault | str, float] = {}
        for text in texts:
            fault, _, rate = text.partition("@")
            if not re.fullmatch(r"(\d*\.?\d+)?", rate):
                raise ValueError(f"{text!r} has no rate. Write 0 to 1 after the @, as in cut@0.05.")
            rates[Fault.parse(fault)] = float(rate or 1)
        return cls(rates, seed=seed)

    def __iter__(self) -> Iterator[Fault]:
        """Draw one fault, or `NONE`, for each call."""
        dice = random.Random(self.seed)
        outcomes = [*self.rates, NONE]
        weights = [*self.rates.values(), 1 - sum(self.rates.values())]
        while True:
            yield dice.choices(outcomes, weights)[0]


Script: TypeAlias = Iterable[Fault | str | None] | RandomFaults
"""Faults for calls in turn: in a list, None for none; or at random."""


def scripted(faults: Script) -> Iterable[Fault]:
    """Return what can be gone through again: `RandomFaults` as they are, a script as values."""
    return faults if isinstance(faults, RandomFaults) else tuple(map(_a_fault, faults))


def _a_fault(fault: Fault | str | None) -> Fault:
    return Fault.parse(fault) if isinstance(fault, str) else fault or NONE


def _joined(*words: object) -> str:
    return ":".join(str(word) for word in words if word is not None)


def _a_moment(when: str) -> When:
    for moment in _MOMENTS:
        if when == moment:
            return moment
    raise ValueError(f"{when!r} is not a moment of a call. Give one of {', '.join(_MOMENTS)}.")


def _a_status(status: int | None) -> int | None:
    if status is not None and not 200 <= status <= 599:
        raise ValueError(f"{status} is not the status of an answer. Give one from 200 to 599.")
    return status
