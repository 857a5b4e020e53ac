"""What a row of the matrix is made of: a fault that is tried here, or shown elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from changeclothes_async import errors
from tests import peers, samples
from tests.faults.proxy import FINE, Way

Error: TypeAlias = type[errors.ChangeClothesError]

BIG = {**samples.LOOK, "model": samples.png(8 * 2**20)}
"""A call that no system's buffers swallow whole."""

MADE = peers.made("http://127.0.0.1:9/1.webp")
"""A result whose picture cannot be had, without asking a network for it."""


@dataclass(frozen=True)
class Row:
    """A fault of another test: its name, what the caller sees, what it costs, and that test.

    `fault` is "kind: variant" where a fault has several.
    """

    fault: str
    seen: str
    money: str
    charges: str
    test: str

    def __str__(self) -> str:
        return self.fault


@dataclass(frozen=True)
class Case:
    """A fault on the wire: what the peer does, and what becomes of a call and of a grid's cell.

    `charges` is the number of whole requests at the server, which is the most that it can charge.
    `cell` is the state in which a run leaves the cell: only "open" is sent again by the next run.
    `shown` is the test of the single call where another module has it.
    """

    fault: str
    script: peers.Script
    seen: Error | None
    money: str
    charges: int
    cell: str
    options: Mapping[str, Any] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=lambda: samples.LOOK)
    up: Way = FINE
    down: Way = FINE
    shown: str = ""

    def __str__(self) -> str:
        return self.fault

    @property
    def expected(self) -> tuple[Error | None, str, int]:
        """What the caller sees, what it costs, what the server counted."""
        return self.seen, self.money, self.charges


def unsure(fault: str, script: peers.Script, **more: Any) -> Case:
    """Make the case of a lost answer: sent once, held."""
    return Case(fault, script, errors.Unsure, "maybe spent", 1, "unsure", **more)


def damaged(fault: str, answer: bytes, **more: Any) -> Case:
    """Make the case of an answer that is not usable: paid, kept."""
    script = peers.answering_once(answer)
    return Case(fault, script, errors.Damaged, "spent", 1, "damaged", **more)


def unsent(fault: str, script: peers.Script, **more: Any) -> Case:
    """Make the case of an upload that broke: tried again, and free."""
    look = {"look": BIG, **more}
    return Case(fault, script, errors.NotSent, "not spent", 0, "open", **look)


def made(fault: str, answer: bytes, **more: Any) -> Case:
    """Make the case of a strange answer that is understood all the same."""
    script = peers.answering_once(answer)
    return Case(fault, script, None, "spent", 1, "paid", **more)
