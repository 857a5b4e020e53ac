"""From a work and a folder to a lookbook: pictures in place, and a folder that is not as it was."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from changeclothes_async import (
    AsyncChangeClothes,
    DownloadFailed,
    Grid,
    LedgerBusy,
    LedgerError,
    SaveFailed,
)
from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.ledger.states import State
from tests import peers, samples
from tests.bulk import service as services
from tests.bulk.service import G0, GONE, PICS, Service, grid, states

Quick = Callable[..., AsyncChangeClothes]


async def test_a_second_runner_is_refused_in_words(
    service: Service, quick: Quick, out: Path
) -> None:
    """Two runs on one folder could both pay: the second is refused, and sends nothing."""
    gate, arrived = asyncio.Event(), asyncio.Event()

    async def reply(cell: str) -> None:
        arrived.set()
        await gate.wait()

    service.reply = reply
    first = asyncio.create_task(quick().run_grid(grid(1, 1), out))
    await arrived.wait()
    with pytest.raises(LedgerBusy, match="already working on the ledger"):
        await quick().run_grid(grid(1, 1), out)
    gate.set()
    assert (await first).ok
    assert service.calls == ["m0__g0"]


async def test_a_run_that_raises_has_let_go_of_its_ledger(quick: Quick, out: Path) -> None:
    """Whoever catches it may go on at once; nothing was on the wire that still needs it."""

    def broken(_: object) -> None:
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - of our own
        await quick().run_grid(grid(1, 1), out, on_event=broken)
    book = Ledger.open_here(out / "ledger.db")
    await book.close()
    del caught  # held until here with its frames, or a forgotten ledger would let go by itself


async def test_a_lookbook_stays_what_was_made(
    service: Service, quick: Quick, tmp_path: Path
) -> None:
    """Also where the same grid is run again by the same client, with another photograph by then."""
    garment = tmp_path / "tee.png"
    garment.write_bytes(samples.png(900))
    work, client = Grid({"ana": samples.PNG}, {"tee": garment}, "dresses"), quick()
    first = await client.run_grid(work, tmp_path / "first")
    garment.write_bytes(samples.png(901))
    second = await client.run_grid(work, tmp_path / "second")
    assert len(service.charges) == 2
    for lookbook in (first, second):
        (cell,) = lookbook
        assert (cell.state, cell.path and cell.path.is_file()) == (State.SAVED, True)


def _missing(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _garbled(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5] + b"junk!")
    os.utime(path, (1, 1))


@pytest.mark.parametrize("spoil", [_missing, _truncated, _garbled])
async def test_a_spoiled_picture_is_fetched_again_for_nothing(
    service: Service, quick: Quick, out: Path, spoil: Callable[[Path], None]
) -> None:
    """What is paid is only downloaded: a picture that is not as it was saved is replaced."""
    first = await quick().run_grid(grid(2, 2), out)
    path = first["m1", "g0"].path
    assert path
    whole = path.read_bytes()
    spoil(path)
    again = await quick().run_grid(grid(2, 2), out)
    assert again.ok
    assert path.read_bytes() == whole
    assert len(service.charges) == 4
    assert len([url for url in service.downloads if "m1__g0" in url]) == 2


async def test_a_touched_picture_is_left_alone(service: Service, quick: Quick, out: Path) -> None:
    """Another time of change with the same content is the same picture: its digest decides."""
    first = await quick().run_grid(grid(1, 1), out)
    path = first["m0", "g0"].path
    assert path
    os.utime(path, (1, 1))
    await quick().run_grid(grid(1, 1), out)
    assert len(service.downloads) == 1


async def test_a_failed_download_leaves_the_cell_paid_and_named(
    service: Service, quick: Quick, out: Path
) -> None:
    """The next run fetches what this one could not; nothing is paid for that."""
    service.picture = lambda _: GONE
    first = await quick().run_grid(grid(1, 2), out)
    assert first.stopped is None
    assert [cell.state for cell in first] == [State.PAID, State.PAID]
    assert all(isinstance(cell.error, DownloadFailed) for cell in first)
    assert all(cell.money == "spent" for cell in first)
    assert (len(first.failed), first.kinds) == (
        2,
        {"saved": 0, "failed": 2, "unsure": 0, "open": 0},
    )
    service.picture = services.picture
    assert (await quick().run_grid(grid(1, 2), out)).ok
    assert len(service.charges) == 2


async def test_a_folder_that_cannot_be_made_is_said_in_words(
    service: Service, quick: Quick, tmp_path: Path
) -> None:
    """Without a ledger nothing is sent."""
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file" / "out", Path("/proc/none/out")):
        with pytest.raises(LedgerError, match="cannot be used"):
            await quick().run_grid(grid(1, 1), place)
    assert not service.calls


async def test_a_folder_removed_in_the_run_stops_it(
    service: Service, quick: Quick, out: Path
) -> None:
    """Without its ledger a run could pay twice: no call is made after it is gone."""

    async def reply(cell: str) -> None:
        if len(service.calls) == 5:
            out.rename(out.with_name("gone"))  # at once, also where a picture is being written

    service.reply = reply
    with pytest.raises(LedgerError):
        await quick(max_concurrency=1).run_grid(grid(10, 10), out)
    assert len(service.calls) == 5


async def test_names_differ_where_case_does_not_count(
    service: Service, quick: Quick, out: Path
) -> None:
    """Two cells never share a file, on any file system."""
    models = {"Anna": PICS + "m0.jpg", "anna": PICS + "m1.jpg"}
    lookbook = await quick().run_grid(Grid(models, G0, "dresses"), out)
    files = [path.name.casefold() for path in out.glob("*.png")]
    assert lookbook.ok
    assert len(set(files)) == 2


async def test_hostile_names_stay_in_the_folder(service: Service, quick: Quick, out: Path) -> None:
    """Names come from users' files: none leads out of the folder or becomes a device."""
    hostile = ["../../etc/passwd", "/root/x", "con", "nul.txt", "a\r\nb", "x" * 400, "..", "", "\0"]
    models = {name: f"{PICS}m{n}.jpg" for n, name in enumerate(hostile)}
    lookbook = await quick().run_grid(Grid(models, G0, "dresses"), out)
    assert lookbook.ok
    assert len(list(out.glob("*.png"))) == len(hostile)
    assert {path.name for path in out.parent.iterdir()} == {out.name}


async def test_a_full_disk_stops_the_run_with_all_paid_kept(
    service: Service, quick: Quick, out: Path
) -> None:
    """No room for pictures: no more is paid for; the next run fetches what was."""
    service.picture = lambda _: peers.http(200, samples.png(3 * 2**20), kind="image/png")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 2**20, hard))
    try:
        full = await quick(max_concurrency=2).run_grid(grid(10, 10), out, gallery=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(full.stopped, SaveFailed)
    assert len(service.charges) < 100
    assert await states(out) == {"paid": len(service.charges)}
    assert not [path for path in out.iterdir() if path.suffix in {".png", ".part"}]
    service.picture = services.picture
    assert (await quick().run_grid(grid(10, 10), out)).ok
    assert len(service.charges) == 100


async def test_one_missing_mask_is_no_reason_to_stop(
    service: Service, quick: Quick, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mask is an extra: its cell is saved without it, and the log has no address of it."""
    caplog.set_level("INFO", "changeclothes_async")
    service.masks = True
    service.picture = lambda path: GONE if "mask" in path else services.picture(path)
    lookbook = await quick().run_grid(grid(1, 2), out)
    assert lookbook.ok
    assert [cell.mask for cell in lookbook] == [None, None]
    assert "The mask of m0__g0 was not saved: DownloadFailed" in caplog.messages
    assert service.url not in caplog.text


async def test_masks_lie_beside_the_pictures(service: Service, quick: Quick, out: Path) -> None:
    """`masks/` holds them under their cells' names; `masks=False` leaves them where they are."""
    service.masks = True
    lookbook = await quick().run_grid(grid(1, 1), out)
    assert lookbook["m0", "g0"].mask == out / "masks" / "m0__g0.png"
    assert lookbook["m0", "g0"].mask.exists()
    without = await quick().run_grid(grid(1, 1), out.parent / "without", masks=False)
    assert without["m0", "g0"].mask is None


async def test_a_plan_makes_nothing(service: Service, quick: Quick, out: Path) -> None:
    """Planning sends nothing and leaves no folder behind; it may be done during a run."""
    plan = await quick().plan_grid(grid(2, 3), out)
    assert (plan.cells, plan.to_send) == (6, 6)
    assert not out.exists()
    plans = []

    async def reply(cell: str) -> None:
        plans.append(await quick().plan_grid(grid(2, 3), out))

    service.reply = reply
    await quick(max_concurrency=1).run_grid(grid(2, 3), out)
    assert plans[0].unsure == 1
    assert plans[-1].to_send == 0


async def test_a_gallery_is_written_unless_told_otherwise(
    service: Service, quick: Quick, out: Path
) -> None:
    """`out` holds the page, also when the run was stopped early."""
    await quick().run_grid(grid(1, 1), out, gallery=False)
    assert not (out / "index.html").exists()
    await quick().run_grid(grid(1, 2), out, max_calls=0)
    assert (out / "index.html").exists()


async def test_a_batch_runs_as_a_grid_does(
    service: Service, quick: Quick, out: Path, tmp_path: Path
) -> None:
    """A file of jobs is work like a grid: planned, made, resumed."""
    rows = "".join(f"{PICS}m{n}.jpg,{G0},dresses\n" for n in range(5))
    (tmp_path / "jobs.csv").write_text("model,garment,category\n" + rows)
    assert (await quick().plan_batch(tmp_path / "jobs.csv", out)).to_send == 5
    lookbook = await quick().run_batch(tmp_path / "jobs.csv", out)
    assert lookbook.ok
    assert lookbook["line-0002"].path == out / "line-0002.png"
    await quick().run_batch(tmp_path / "jobs.csv", out)
    assert len(service.charges) == 5


async def test_a_gallery_that_cannot_be_written_loses_no_lookbook(
    service: Service, quick: Quick, out: Path
) -> None:
    """Where the page finds no room, all that was made is given all the same, and that is said."""
    (out / "index.html").mkdir(parents=True)
    lookbook = await quick().run_grid(grid(1, 2), out)
    assert [cell.state for cell in lookbook] == [State.SAVED, State.SAVED]
    assert isinstance(lookbook.stopped, SaveFailed)
    assert "index.html" in lookbook.stopped.message
    assert len(service.charges) == 2


async def test_a_run_sweeps_up_after_killed_ones(service: Service, quick: Quick, out: Path) -> None:
    """What a killed run left half written an hour ago is gone after the next."""
    out.mkdir(exist_ok=True)
    left = out / ".0123456789abcdef.part"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    assert (await quick().run_grid(grid(1, 1), out)).ok
    assert not left.exists()
