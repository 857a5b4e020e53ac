"""A run's cells as its ledger tells them, read when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk import names, placing
from changeclothes_async.bulk.calls import outcomes
from changeclothes_async.bulk.ledger import glance, records
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook import cells
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import answers, images, requests
from changeclothes_async.transport.places import Spot


class LedgerCells:
    """The cells of a work whose pictures' digests are known; see `cells.Cells`."""

    def __init__(
        self,
        work: works.Work,
        identity: Callable[[requests.Job], bytes],
        site: placing.Site,
        problems: Mapping[str, errors.ChangeClothesError],
    ) -> None:
        self._work = work
        self._identity = identity
        self._site = site
        self._problems = problems
        self.rows: Sequence[cells.Head] = [_head(item) for item in work.rows]
        self.columns: Sequence[cells.Head] = [_head(item) for item in work.columns]

    def at(self, row: int, column: int) -> cells.Cell:
        """Read one cell."""
        return next(self.read([(row, column)]))

    def __iter__(self) -> Iterator[cells.Cell]:
        return self.read(works.walk(self._work))

    def read(self, places: Iterable[tuple[int, int]]) -> Iterator[cells.Cell]:
        """Read some cells, page by page."""
        for some in works.pages(places):
            identities = [self._identity(self._work.job(*place)) for place in some]
            cell_names = [works.cell_name(self._work, *place) for place in some]
            # Opened for each page, so that a lookbook keeps no file open while nobody looks.
            with glance.at(self._site.ledger) as book:
                entries = book.entries(identities)
                pictures = book.pictures([*cell_names, *map(names.mask, cell_names)])
            for place, name, identity in zip(some, cell_names, identities, strict=True):
                yield self._cell(place, name, entries.get(identity), pictures)

    def _cell(
        self,
        place: tuple[int, int],
        name: str,
        entry: records.Entry | None,
        pictures: Mapping[str, records.SavedPicture],
    ) -> cells.Cell:
        known = outcomes.outcome_of(entry) if entry and entry.facts else None
        error = known if isinstance(known, errors.ChangeClothesError) else None
        problem = self._problems.get(name)
        made = _made(known, problem)
        costs: list[errors.Money] = [each.money for each in (problem, error) if each]
        path, shadow = (self._own(entry, pictures.get(each)) for each in (name, names.mask(name)))
        state = _state(entry, problem, is_here=path is not None)
        if state is State.CLAIMED:  # by another cell of the same job, or by another run
            costs.append("maybe spent")
        return cells.Cell(
            model=self.rows[place[0]].name,
            garment=self.columns[place[1]].name,
            name=name,
            state=state,
            path=path,
            mask=shadow,
            error=problem or error,
            result_img_url=made.result_img_url if made else None,
            mask_img_url=made.mask_img_url if made else None,
            seed=made.seed if made else None,
            attempts=entry.attempts if entry else 0,
            money="spent" if made else errors.worst("not spent", *costs),
        )

    def _own(
        self, entry: records.Entry | None, picture: records.SavedPicture | None
    ) -> Spot | None:
        same = entry and picture and picture.identity == entry.identity
        return self._site.place.root / picture.saved.file if picture and same else None


def _made(
    known: answers.Ending | None, problem: errors.ChangeClothesError | None
) -> answers.Made | None:
    """Return the result; also one that was paid and that no ledger had room for."""
    if isinstance(problem, errors.LedgerError) and problem.raw:
        known = answers.decode(problem.raw)
    return known if isinstance(known, answers.Made) else None


def _state(
    entry: records.Entry | None, problem: errors.ChangeClothesError | None, *, is_here: bool
) -> State:
    """Tell where a cell stands, of which the ledger knows its job."""
    state = entry.state if entry else State.OPEN
    if state in {State.PAID, State.SAVED}:
        # The same may be saved under another cell's name, and not yet under this one.
        return State.SAVED if is_here else State.PAID
    if state is State.OPEN and problem:
        return State.FAILED  # its picture could not even be sent
    if state is State.CLAIMED and problem:
        return State.UNSURE  # as the next run will find it
    return state


def _head(item: works.Item) -> cells.Head:
    image = item.image
    return cells.Head(
        name=item.name,
        picture=Path(image.path) if isinstance(image, images.File) else None,
        url=image.url if isinstance(image, images.Link) else None,
        text=item.prompt,
    )
