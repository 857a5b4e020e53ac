"""From a work and a folder to a lookbook: the ledger opened, the run made, the gallery written."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from changeclothes_async import errors
from changeclothes_async.bulk import placing
from changeclothes_async.bulk.calls import callers, services
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.lookbook import ledger_cells, lookbook
from changeclothes_async.bulk.run import folders, marks, planning, runner
from changeclothes_async.bulk.work import works
from changeclothes_async.transport import logs, places, saving

if TYPE_CHECKING:  # an extra
    from changeclothes_async.bulk.cluster.crew import Crew
    from changeclothes_async.bulk.cluster.engine import Where

_log = logging.getLogger("changeclothes_async")


async def run(
    work: works.Work,
    out: placing.Out,
    caller: callers.Caller,
    terms: runner.Terms,
) -> lookbook.Lookbook:
    """Work through all cells and return the lookbook; raises NotAnImage before anything is sent."""
    await caller.senders.here()  # what adopts the ledger where this is left early
    work, site = await _checked(work, out, caller)
    book = await ledger.Ledger.open(site.ledger)
    ends = AsyncExitStack()
    ends.push_async_callback(book.close)
    try:
        await services.note(book, caller.options.base_url)
        if isinstance(site.place, places.Folder):
            await asyncio.to_thread(saving.sweep, site.place.root)
        else:
            await marks.leave(site.place, site.ledger, book)
        crew = await _crew(terms.cluster, caller, site.place)
        going = runner.Run(work, site.place, caller, book, terms, crew)
        ends.push_async_callback(going.close)
        await going.run()
    except BaseException:
        # Attempts on the wire outlive whoever leaves; the ledger closes when they are settled.
        if closing := caller.senders.adopt(ends.aclose()):
            await asyncio.shield(closing)
        raise
    await ends.aclose()
    _stopped_early(going.ended_by)
    cells = ledger_cells.LedgerCells(work, planning.identity, site, going.problems)
    made = lookbook.Lookbook(cells, site.place.root, going.ended_by)
    if terms.gallery:
        try:
            await asyncio.to_thread(made.gallery)
        except errors.SaveFailed as error:
            # What was made is worth more than its page, which costs nothing to write again.
            _log.warning("The gallery was not written: %s", error)
            made.stopped = made.stopped or error
    return made


async def _checked(
    work: works.Work, out: placing.Out, caller: callers.Caller
) -> tuple[works.Work, placing.Site]:
    """Look at the pictures and at the place of a run; nothing is sent and nothing is changed."""
    site = placing.site(out)
    await work.examine(caller.reader.examined)
    work = copy.copy(work)  # the lookbook's own: another run may find other pictures
    if isinstance(site.place, places.Folder):
        await asyncio.to_thread(folders.check, work, site.place.root, site.ledger)
    else:
        await asyncio.to_thread(marks.check, site.place, site.ledger)
    await asyncio.to_thread(services.check, site.ledger, caller.options.base_url)
    return work, site


def _stopped_early(reason: errors.ChangeClothesError | None) -> None:
    """Warn of what nobody asked for: a script that looks at no lookbook would end in silence."""
    if reason and not isinstance(reason, errors.Interrupted | errors.BudgetSpent):
        _log.warning("The run stopped early: %s", reason, extra=logs.UNATTENDED)


async def _crew(
    cluster: Where | None,
    caller: callers.Caller,
    place: places.Place,
) -> Crew | None:
    if cluster is None:
        return None
    from changeclothes_async.bulk.cluster.crew import Crew
    from changeclothes_async.bulk.cluster.engine import Engine

    caller.check_can_travel()
    return await Crew.hired(await Engine.open(cluster), caller.options, place)


async def plan(
    work: works.Work,
    out: placing.Out,
    caller: callers.Caller,
    wishes: planning.Wishes,
) -> planning.Plan:
    """Count what a run would do; nothing is sent and nothing is changed."""
    work, site = await _checked(work, out, caller)
    book = (
        await ledger.Ledger.open(site.ledger, read_only=True)
        if await asyncio.to_thread(os.path.exists, site.ledger)  # False for a path too long to be
        else None
    )
    try:
        return await planning.Planner(work, book, site.place, wishes).plan()
    finally:
        if book:
            await book.close()
