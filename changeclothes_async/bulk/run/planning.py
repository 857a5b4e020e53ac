"""What is to be done for each cell, found out from the ledger and the disk; nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.work import grid
from changeclothes_async.protocol import requests
from changeclothes_async.transport import places

if TYPE_CHECKING:
    from changeclothes_async.bulk.ledger import ledger
    from changeclothes_async.transport import reading

_AT_ONCE = 256


class Step(Enum):
    """What a run does for a cell."""

    SEND = auto()
    FETCH = auto()
    NOTHING = auto()
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Planned:
    """A cell, its job and that job's digest, what is known of it, and what to do.

    `lost` says that its picture was saved, and is gone or changed.
    """

    row: int
    column: int
    job: requests.Job
    name: str
    identity: bytes
    entry: ledger.Entry | None
    step: Step
    lost: bool

    @property
    def state(self) -> State:
        """The state that the ledger knew it in."""
        return self.entry.state if self.entry else State.OPEN

    def knows(self, entry: ledger.Entry) -> bool:
        """Tell whether an entry ended as the plan saw it; if not, its twin was sent meanwhile."""
        return self.entry is not None and self.entry.settled_at == entry.settled_at


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: numbers of cells, and the bytes it would upload.

    `to_send` are calls that cost credits; `to_fetch` are paid and only downloaded; `duplicates`
    are cells that are paid for by another cell of the same content; `failed` and `unsure` stay as
    they are unless `retry_failed` or `resend_unsure` is given, and then count as `to_send`.
    """

    cells: int
    to_send: int
    saved: int
    to_fetch: int
    failed: int
    unsure: int
    duplicates: int
    upload_bytes: int

    def __str__(self) -> str:
        counts = {
            f"to send ({self.upload_bytes / 1e6:,.1f} MB to upload)": self.to_send,
            "to fetch": self.to_fetch,
            "saved": self.saved,
            "failed": self.failed,
            "unsure": self.unsure,
            "the same as another": self.duplicates,
        }
        said = [f"{count:,} {words}" for words, count in counts.items() if count]
        cells = "1 cell" if self.cells == 1 else f"{self.cells:,} cells"
        return f"{cells}: {', '.join(said)}; nothing was sent"

    def _repr_html_(self) -> str:
        return f"<div>{self}</div>"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person allowed: to try failed cells again, to pay unsure ones perhaps twice."""

    retry_failed: bool = False
    resend_unsure: bool = False

    def step(self, state: State | None, in_place: bool) -> Step:
        """Decide what to do for a cell in `state`, its picture `in_place` or not."""
        if state is State.SAVED and in_place:
            return Step.NOTHING
        if state in {State.SAVED, State.PAID}:
            return Step.FETCH
        if state is State.FAILED and not self.retry_failed:
            return Step.LEAVE
        if state in {State.UNSURE, State.DAMAGED} and not self.resend_unsure:
            return Step.LEAVE
        return Step.LEAVE if state is State.CLAIMED else Step.SEND


async def steps(
    work: grid.Work,
    reader: reading.Reader,
    book: ledger.Ledger | None,
    place: places.Place,
    wishes: Wishes,
) -> AsyncIterator[Planned]:
    """Walk over the work, cell by cell, in constant memory."""
    walk = grid.walk(work)
    while some := list(islice(walk, _AT_ONCE)):
        for planned in await _planned(some, work, reader, book, place, wishes):
            yield planned


async def _planned(
    some: Sequence[tuple[int, int]],
    work: grid.Work,
    reader: reading.Reader,
    book: ledger.Ledger | None,
    place: places.Place,
    wishes: Wishes,
) -> list[Planned]:
    jobs = [work.job(*cell) for cell in some]
    identities = [identity(job, reader) for job in jobs]
    names = [grid.cell_name(work, *cell) for cell in some]
    entries = await book.entries(identities) if book else {}
    saved = [n for n, i in zip(names, identities, strict=True) if _is_saved(entries.get(i))]
    pictures = await book.pictures(saved) if book and saved else {}
    there = await asyncio.to_thread(_in_place, place, pictures) if pictures else set()
    found = []
    for (row, column), job, name, digest in zip(some, jobs, names, identities, strict=True):
        entry = entries.get(digest)
        own = name in pictures and pictures[name].identity == digest
        step = wishes.step(entry.state if entry else None, own and name in there)
        lost = own and name not in there
        found.append(Planned(row, column, job, name, digest, entry, step, lost))
    return found


def identity(job: requests.Job, reader: reading.Reader) -> bytes:
    """Give the digest of all that is paid for in a job whose pictures were looked at.

    Whether they have changed since is found when they are sent.
    """
    return requests.identity(job, [reader.known_digest(image) for _, image in job.pictures()])


def _in_place(place: places.Place, pictures: dict[str, ledger.Picture]) -> set[str]:
    saved = {
        name: places.Saved(picture.file, picture.size, picture.mtime_ns, picture.digest)
        for name, picture in pictures.items()
    }
    return place.in_place(saved)


def _is_saved(entry: ledger.Entry | None) -> bool:
    return entry is not None and entry.state is State.SAVED


async def plan(
    work: grid.Work,
    reader: reading.Reader,
    book: ledger.Ledger | None,
    place: places.Place,
    wishes: Wishes,
) -> Plan:
    """Count what a run would do."""
    counts = dict.fromkeys(Step, 0)
    failed = unsure = duplicates = size = 0
    repeats = _repeats(work, reader)
    async for planned in steps(work, reader, book, place, wishes):
        if planned.step is Step.SEND and repeats(planned.row, planned.column):
            duplicates += 1
            continue
        counts[planned.step] += 1
        if planned.step is Step.SEND:
            size += sum(reader.size_of(image) for _, image in planned.job.pictures())
        elif planned.step is Step.LEAVE and planned.entry:
            failed += planned.entry.state is State.FAILED
            unsure += planned.entry.state is not State.FAILED
    return Plan(
        cells=len(work.rows) * len(work.columns),
        to_send=counts[Step.SEND],
        saved=counts[Step.NOTHING],
        to_fetch=counts[Step.FETCH],
        failed=failed,
        unsure=unsure,
        duplicates=duplicates,
        upload_bytes=size,
    )


def _repeats(work: grid.Work, reader: reading.Reader) -> Callable[[int, int], bool]:
    """Tell which cells are paid for by an earlier one: those whose row or column was there before.

    Kept by row and column, since a set of a million digests would not be small.
    """
    rows = _seen_before([identity(work.job(n, 0), reader) for n in range(len(work.rows))])
    columns = _seen_before([identity(work.job(0, n), reader) for n in range(len(work.columns))])
    return lambda row, column: row in rows or column in columns


def _seen_before(digests: Sequence[bytes]) -> set[int]:
    first: dict[bytes, int] = {}
    return {n for n, digest in enumerate(digests) if first.setdefault(digest, n) != n}
