"""What is to be done for each cell, found out from the ledger and the disk; nothing is sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from changeclothes_async.bulk import names
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import images, requests
from changeclothes_async.transport import places

if TYPE_CHECKING:
    from changeclothes_async.bulk.ledger import ledger


class Step(Enum):
    """What a run does for a cell."""

    SEND = auto()
    FETCH = auto()
    NOTHING = auto()
    LEAVE = auto()


@dataclass(frozen=True, slots=True)
class Planned:
    """A cell, its job and that job's digest, what is known of it, and what to do.

    `lost` says that its picture was saved, and is gone or changed; `taken`, that the picture under
    its name is another job's.
    """

    row: int
    column: int
    job: requests.Job
    name: str
    identity: bytes
    entry: ledger.Entry | None
    step: Step
    lost: bool
    taken: bool

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
    are cells that are paid for by another cell of the same content. `failed` stay as they are
    unless `retry_failed` is given, `unsure` and `damaged` (paid, without a usable answer) unless
    `resend_unsure` is, and then count as `to_send`.
    """

    cells: int
    to_send: int
    saved: int
    to_fetch: int
    failed: int
    unsure: int
    damaged: int
    duplicates: int
    upload_bytes: int

    def __str__(self) -> str:
        counts = {
            f"to send ({self.upload_bytes / 1e6:,.1f} MB to upload)": self.to_send,
            "to fetch": self.to_fetch,
            "saved": self.saved,
            "failed": self.failed,
            "unsure": self.unsure,
            "damaged": self.damaged,
            "the same as another": self.duplicates,
        }
        said = [f"{count:,} {words}" for words, count in counts.items() if count]
        return f"{names.counted(self.cells, 'cell')}: {', '.join(said)}; nothing was sent"

    def _repr_html_(self) -> str:
        return f"<div>{self}</div>"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person allowed: to try failed cells again, to pay unsure ones perhaps twice."""

    retry_failed: bool = False
    resend_unsure: bool = False

    def step(self, state: State | None, in_place: bool) -> Step:
        """Decide what to do for a cell in `state`, its picture `in_place` or not."""
        if state in {State.SAVED, State.PAID} and in_place:
            return Step.NOTHING  # it is paid alone where the picture of an equal cell was missed
        if state in {State.SAVED, State.PAID}:
            return Step.FETCH
        if state is State.FAILED and not self.retry_failed:
            return Step.LEAVE
        if state in {State.UNSURE, State.DAMAGED} and not self.resend_unsure:
            return Step.LEAVE
        return Step.LEAVE if state is State.CLAIMED else Step.SEND


@dataclass(frozen=True, slots=True)
class Planner:
    """Finds out what is to be done for each cell of a work; without a `book` nothing was paid."""

    work: works.Work
    book: ledger.Ledger | None
    place: places.Place
    wishes: Wishes

    async def steps(self) -> AsyncIterator[Planned]:
        """Walk over the work, cell by cell, in constant memory."""
        for some in works.pages(works.walk(self.work)):
            for planned in await self._planned(some):
                yield planned

    async def _planned(self, some: Sequence[tuple[int, int]]) -> list[Planned]:
        jobs = [self.work.job(*cell) for cell in some]
        identities = [identity(job) for job in jobs]
        called = [works.cell_name(self.work, *cell) for cell in some]
        entries = await self.book.entries(identities) if self.book else {}
        pictures = await self.book.pictures(called) if self.book else {}
        there = await self._in_place(pictures) if pictures else set()
        found = []
        for (row, column), job, name, digest in zip(some, jobs, called, identities, strict=True):
            entry = entries.get(digest)
            own = name in pictures and pictures[name].identity == digest
            step = self.wishes.step(entry.state if entry else None, own and name in there)
            lost, taken = own and name not in there, not own and name in there
            found.append(Planned(row, column, job, name, digest, entry, step, lost, taken))
        return found

    async def _in_place(self, pictures: dict[str, ledger.SavedPicture]) -> set[str]:
        saved = {name: picture.saved for name, picture in pictures.items()}
        return await asyncio.to_thread(self.place.in_place, saved)

    async def plan(self) -> Plan:
        """Count what a run would do."""
        counts = dict.fromkeys(Step, 0)
        left: Counter[State] = Counter()
        duplicates = size = 0
        repeats = _repeats(self.work)
        async for planned in self.steps():
            if planned.step is Step.SEND and repeats(planned.row, planned.column):
                duplicates += 1
                continue
            counts[planned.step] += 1
            if planned.step is Step.SEND:
                size += _size(planned.job)
            elif planned.step is Step.LEAVE:
                left[planned.state] += 1
        return Plan(
            cells=len(self.work.rows) * len(self.work.columns),
            to_send=counts[Step.SEND],
            saved=counts[Step.NOTHING],
            to_fetch=counts[Step.FETCH],
            failed=left[State.FAILED],
            unsure=left[State.UNSURE] + left[State.CLAIMED],  # a run that died leaves claims
            damaged=left[State.DAMAGED],
            duplicates=duplicates,
            upload_bytes=size,
        )


def identity(job: requests.Job) -> bytes:
    """Return the digest of all that is paid for in a job whose pictures were looked at.

    Whether they have changed since is found when they are sent.
    """
    digests = [_examined(image).digest for _, image in job.pictures()]
    return requests.identity(job.endpoint, job.texts(), digests)


def _size(job: requests.Job) -> int:
    """Tell how many bytes are uploaded for a job: none for what the service fetches itself."""
    pictures = [_examined(image) for _, image in job.pictures()]
    return sum(each.size for each in pictures if not isinstance(each, images.Link))


def _examined(image: images.Image) -> images.Link | images.File | images.Bytes:
    if isinstance(image, images.Stream | images.Drawn) or not image.digest:
        raise TypeError(f"{image!r} was not examined")
    return image


def _repeats(work: works.Work) -> Callable[[int, int], bool]:
    """Tell which cells are paid for by an earlier one: those whose row or column was there before.

    Kept by row and column, since a set of a million digests would not be small.
    """
    rows = _seen_before([identity(work.job(n, 0)) for n in range(len(work.rows))])
    columns = _seen_before([identity(work.job(0, n)) for n in range(len(work.columns))])
    return lambda row, column: row in rows or column in columns


def _seen_before(digests: Sequence[bytes]) -> set[int]:
    first: dict[bytes, int] = {}
    return {n for n, digest in enumerate(digests) if first.setdefault(digest, n) != n}
