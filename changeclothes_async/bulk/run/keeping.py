"""Puts a paid cell's pictures in their place, and records them in the ledger.

Rules of this file:

* Another job's picture that stands there is set aside first, under a name that the ledger knows.
  (What the ledger does not know is kept by a folder itself, see `places`.)
* A picture that was paid for long ago is looked for here before its address is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from changeclothes_async import errors, results
from changeclothes_async.bulk import names
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.run import planning
from changeclothes_async.protocol import answers
from changeclothes_async.transport import places

if TYPE_CHECKING:  # an extra
    from changeclothes_async.bulk.cluster.crew import Crew

_log = logging.getLogger("changeclothes_async")

_AT_ONCE = 16
_AT_ONCE_BY_CREW = 256  # its workers keep to a limit, each to its own


class Keeper:
    """Fetches results into a run's place: through a crew where its workers reach it, or itself."""

    def __init__(
        self,
        place: places.Place,
        fetcher: results.Fetcher,
        book: ledger.Ledger,
        crew: Crew | None,
        *,
        masks: bool,
    ) -> None:
        self._place, self._fetcher, self._book, self._crew = place, fetcher, book, crew
        self._masks = masks
        self._moving = asyncio.Lock()
        self._downloads = asyncio.Semaphore(_AT_ONCE_BY_CREW if crew else _AT_ONCE)

    async def keep(
        self, planned: planning.Planned, made: answers.Made, placed: Callable[[], None]
    ) -> None:
        """Put a cell's pictures in place and write that down; `placed` is called in between.

        Raises DownloadFailed, SaveFailed and LedgerError.
        """
        name, identity = planned.name, planned.identity
        async with self._downloads:
            if planned.taken:
                await self._set_aside(name, identity)
            saved = await self._obtained(made.result_img_url, name, planned)
            placed()
            if self._masks and made.mask_img_url:
                await self._keep_mask(made.mask_img_url, planned)
            await self._book.save(name, identity, saved)

    async def _keep_mask(self, url: str, planned: planning.Planned) -> None:
        """Keep a mask too; it is an extra, and no reason to call a cell unsaved."""
        name = names.mask(planned.name)
        try:
            saved = await self._obtained(url, name, planned)
        except errors.ChangeClothesError as error:
            words = type(error).__name__
            _log.info("The mask of %s was not saved: %s", planned.name, words)
        else:
            await self._book.save(name, planned.identity, saved)

    async def _set_aside(self, cell: str, identity: bytes) -> None:
        """Keep what another job was paid for, and what its address may not give again."""
        async with self._moving:
            there = await self._book.pictures([cell, names.mask(cell)])
            for name, picture in there.items():
                if picture.identity == identity:
                    continue
                aside = names.aside(name, picture.identity)
                if saved := await self._copied(picture, aside):
                    await self._book.save(aside, picture.identity, saved)
                    with contextlib.suppress(OSError):  # it is replaced then
                        await asyncio.to_thread(self._at(picture).unlink)

    async def _obtained(self, url: str, name: str, planned: planning.Planned) -> places.Saved:
        if planned.step is planning.Step.FETCH:
            async with self._moving:
                copies = await self._book.copies(planned.identity)
                for known in copies.keys() - {name}:
                    is_alike = names.is_mask(known) == names.is_mask(name)
                    if is_alike and (saved := await self._copied(copies[known], name)):
                        return saved
        if self._crew and (saved := await self._crew.saved(url, name)):
            return saved
        return await self._fetcher(url, lambda chunks: self._place.save(chunks, name))

    async def _copied(self, picture: ledger.SavedPicture, name: str) -> places.Saved | None:
        """Copy a picture within the place; None where it is not there as it was saved."""
        try:
            if not await asyncio.to_thread(self._place.in_place, {name: picture.saved}):
                return None
            saved = await self._place.save(places.pieces(self._at(picture)), name)
        except Exception as error:  # a store raises whatever it likes; there is the address too
            _log.info("%s could not be copied: %s", picture.saved.file, type(error).__name__)
            return None
        return saved if saved.digest == picture.saved.digest else None

    def _at(self, picture: ledger.SavedPicture) -> places.Spot:
        return self._place.root / picture.saved.file
