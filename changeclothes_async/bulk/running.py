"""From a work and a folder to a lookbook: the ledger opened, the run made, the gallery written."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from changeclothes_async import errors, settings
from changeclothes_async.bulk import (
    calls,
    grid,
    ledger,
    lookbook,
    looking,
    placing,
    planning,
    runner,
)
from changeclothes_async.transport import reading

LEDGER = "ledger.db"


async def run(
    work: grid.Work,
    out: str | os.PathLike[str],
    caller: calls.Caller,
    options: settings.Settings,
    terms: runner.Terms,
    *,
    gallery: bool,
) -> lookbook.Lookbook:
    """Work through all cells and give the lookbook; raises NotAnImage before anything is sent."""
    folder = _folder(out)
    await caller.sender()  # what adopts the ledger where this is left early
    reader = caller.reader(options)
    await work.settle(reader.settled)
    book = await ledger.Ledger.open(folder / LEDGER)
    try:
        known = await book.counts()
        going = runner.Run(work, folder, caller, options, book, terms, known)
        await going.run()
        await caller.aborted()
    except BaseException:
        # Attempts on the wire outlive whoever leaves; the ledger closes when they are settled.
        if closing := caller.adopt(book.close()):
            await asyncio.shield(closing)
        raise
    await book.close()
    made = lookbook.Lookbook(_cells(work, reader, folder, going), folder, going.stopped)
    if gallery:
        await asyncio.to_thread(made.gallery)
    return made


async def plan(
    work: grid.Work,
    out: str | os.PathLike[str],
    caller: calls.Caller,
    options: settings.Settings,
    wishes: planning.Wishes,
) -> planning.Plan:
    """Count what a run would do; nothing is sent and nothing is changed."""
    folder = _folder(out)
    reader = caller.reader(options)
    await work.settle(reader.settled)
    path = folder / LEDGER
    book = (
        await ledger.Ledger.open(path, read_only=True)
        if await asyncio.to_thread(os.path.exists, path)
        else None
    )
    try:
        return await planning.plan(work, reader, book, folder, wishes)
    finally:
        if book:
            await book.close()


def _cells(
    work: grid.Work, reader: reading.Reader, folder: Path, going: runner.Run
) -> looking.LedgerCells:
    def identity(row: int, column: int) -> bytes:
        return planning.identity(work.job(row, column), reader)

    return looking.LedgerCells(work, identity, folder, going.problems)


def _folder(out: str | os.PathLike[str]) -> Path:
    text = os.fspath(out)
    if "://" in text:
        raise errors.InvalidInput(
            f"out={text!r} is no folder.", next_step="Give a folder on this machine."
        )
    return placing.named(text)
