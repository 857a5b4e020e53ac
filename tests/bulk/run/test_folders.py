"""A run's folder before anything is paid for: photographs and paid pictures are safe in it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, Grid, InvalidInput, LedgerError, TryOn
from tests import samples
from tests.bulk.service import G0, Service, grid

Quick = Callable[..., AsyncChangeClothes]


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """Give a photograph in a folder of its own."""
    path = tmp_path / "photographs" / "anna.png"
    path.parent.mkdir()
    path.write_bytes(samples.PNG)
    return path


async def test_photographs_are_not_written_over(
    service: Service, quick: Quick, photograph: Path, tmp_path: Path
) -> None:
    """Results would take a photograph's place, or be taken for one by the next run."""
    link = tmp_path / "link"
    link.symlink_to(photograph.parent)
    jobs = [TryOn(model=photograph, garment=G0, category="dresses")]
    for out in (photograph.parent, link):
        for going in (
            quick().run_grid(Grid(photograph.parent, G0, "dresses"), out),
            quick().run_grid(Grid(G0, str(tmp_path / "*" / "*.png"), "dresses"), out),
            quick().plan_grid(Grid(photograph.parent, G0, "dresses"), out),
            quick().run_batch(jobs, out),
        ):
            with pytest.raises(InvalidInput, match="lies in `out`"):
                await going
    assert not service.calls
    assert [path.name for path in photograph.parent.iterdir()] == ["anna.png"]


async def test_photographs_may_lie_below(service: Service, quick: Quick, photograph: Path) -> None:
    """In a folder of their own they are in nobody's way."""
    out = photograph.parent.parent
    assert (await quick().run_grid(Grid(photograph.parent, G0, "dresses"), out)).ok


async def test_pictures_without_their_ledger_are_not_paid_for_again(
    service: Service, quick: Quick, out: Path
) -> None:
    """A ledger that was lost is missed before anything is sent."""
    await quick().run_grid(grid(1, 2), out)
    (out / "ledger.db").rename(out / "elsewhere")
    for going in (quick().run_grid(grid(1, 2), out), quick().plan_grid(grid(1, 2), out)):
        with pytest.raises(LedgerError, match="holds pictures of this run, such as m0__g0"):
            await going
    (out / "elsewhere").rename(out / "ledger.db")
    assert (await quick().run_grid(grid(1, 2), out)).ok
    assert len(service.charges) == 2


async def test_pictures_that_their_ledger_does_not_know_are_not_paid_for_again(
    service: Service, quick: Quick, out: Path
) -> None:
    """A ledger from a backup, older than what stands beside it, is told from the newest one."""
    await quick().run_grid(grid(1, 3), out, max_calls=1)
    backup = (out / "ledger.db").read_bytes()
    await quick().run_grid(grid(1, 3), out)
    newest = (out / "ledger.db").read_bytes()
    (out / "ledger.db").write_bytes(backup)
    for going in (quick().run_grid(grid(1, 3), out), quick().plan_grid(grid(1, 3), out)):
        with pytest.raises(LedgerError, match=r"such as m0__g1, that ledger\.db does not know"):
            await going
    (out / "ledger.db").write_bytes(newest)
    assert (await quick().run_grid(grid(1, 3), out)).ok
    assert len(service.charges) == 3


async def test_a_picture_that_a_killed_run_did_not_write_down_is_no_reason_to_refuse(
    service: Service, quick: Quick, out: Path
) -> None:
    """Its job is known as paid, and it is fetched once more."""
    await quick().run_grid(grid(1, 1), out)
    with closing(sqlite3.connect(out / "ledger.db", isolation_level=None)) as db:
        db.execute("DELETE FROM pictures")
        db.execute("UPDATE calls SET state = 'paid'")
    assert (await quick().run_grid(grid(1, 1), out)).ok
    assert len(service.charges) == 1


async def test_other_files_are_no_reason_to_refuse(
    service: Service, quick: Quick, out: Path
) -> None:
    """A folder may hold whatever else, also under a cell's name."""
    (out / "m0__g0").mkdir(parents=True)
    (out / "m0__g0.txt").write_text("for later")
    assert (await quick().run_grid(grid(1, 1), out)).ok


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are all Unicode")
async def test_a_name_of_no_letters_is_no_cell_of_a_ledger(
    service: Service, quick: Quick, out: Path
) -> None:
    """A ledger cannot even be asked for it."""
    for _ in range(2):
        assert (await quick().run_grid(grid(1, 1), out)).ok
        (out / os.fsdecode(b"caf\xe9.png")).touch()


async def test_photographs_are_not_written_over_by_masks(
    service: Service, quick: Quick, photograph: Path
) -> None:
    """A mask's folder is a run's own as well."""
    folder = photograph.parent.rename(photograph.parent.with_name("masks"))
    with pytest.raises(InvalidInput, match="lies in `out`"):
        await quick().run_grid(Grid(folder, G0, "dresses"), folder.parent)
    assert not service.calls


async def test_a_file_is_no_folder(quick: Quick, tmp_path: Path) -> None:
    """It is said by the plan already."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InvalidInput, match="is a file"):
        await quick().plan_grid(grid(1, 1), tmp_path / "file")
