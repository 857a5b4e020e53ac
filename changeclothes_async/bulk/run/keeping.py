"""A paid cell's pictures put in their place, and the ledger told of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from changeclothes_async import errors, results
from changeclothes_async.bulk import names
from changeclothes_async.bulk.ledger import ledger
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
        self._downloads = asyncio.Semaphore(_AT_ONCE_BY_CREW if crew else _AT_ONCE)

    async def keep(
        self, name: str, identity: bytes, made: answers.Made, placed: Callable[[], None]
    ) -> None:
        """Put a cell's pictures in place and write that down; `placed` is called in between.

        Raises DownloadFailed, SaveFailed and LedgerError.
        """
        async with self._downloads:
            saved = await self._fetched(made.result_img_url, name)
            placed()
            if self._masks and made.mask_img_url:
                await self._keep_mask(name, identity, made.mask_img_url)
            await self._book.save(name, identity, saved)

    async def _keep_mask(self, cell: str, identity: bytes, url: str) -> None:
        """Keep a mask too; it is an extra, and no reason to call a cell unsaved."""
        name = names.mask(cell)
        try:
            saved = await self._fetched(url, name)
        except errors.ChangeClothesError as error:
            _log.info("The mask of %s was not saved: %s", cell, error)
        else:
            await self._book.save(name, identity, saved)

    async def _fetched(self, url: str, name: str) -> places.Saved:
        if self._crew and (saved := await self._crew.saved(url, name)):
            return saved
        return await self._fetcher(url, lambda chunks: self._place.save(chunks, name))
