"""A result onto the disk: complete or not there at all, whatever the disk does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from changeclothes_async import errors
from changeclothes_async.transport import saving
from tests.samples import JPEG, PNG, WEBP


async def pieces(*chunks, then=None):
    """Give chunks, and then fail where told to."""
    for chunk in chunks:
        yield chunk
    if then:
        raise then


async def test_a_picture_is_written_whole(tmp_path):
    """The file holds all chunks; size, time and digest are its own."""
    saved = await saving.save(pieces(PNG[:10], PNG[10:]), tmp_path / "look.png")
    assert saved.path.read_bytes() == PNG
    seen = saved.path.stat()
    assert (saved.size, saved.mtime_ns) == (seen.st_size, seen.st_mtime_ns)
    assert saved.digest == hashlib.sha256(PNG).digest()


async def test_a_large_picture_is_written_whole_too(tmp_path):
    """In several pieces, each with its place in the file and in the digest."""
    data = PNG + bytes(range(256)) * (3 * saving.PIECE // 256)
    parts = [data[at : at + 2**16] for at in range(0, len(data), 2**16)]
    saved = await saving.save(pieces(*parts), tmp_path / "look.png")
    assert saved.path.read_bytes() == data
    assert (saved.size, saved.digest) == (len(data), hashlib.sha256(data).digest())


@pytest.mark.skipif(sys.platform == "darwin", reason="the file is flushed by other means there")
async def test_a_picture_is_on_the_disk_before_it_is_in_its_place(tmp_path, monkeypatch):
    """Written whole, made durable, renamed, and the rename made durable; in this order."""
    done, sync, replace = [], os.fsync, Path.replace

    def synced(descriptor):
        seen = os.fstat(descriptor)
        done.append("folder" if stat.S_ISDIR(seen.st_mode) else f"{seen.st_size} bytes")
        sync(descriptor)

    def replaced(path, target):
        done.append(f"renamed to {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    await saving.save(pieces(PNG, PNG), tmp_path / "look.png")
    assert done == [f"{2 * len(PNG)} bytes", "renamed to look.png", "folder"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc tells what is open")
async def test_a_save_leaves_nothing_open(tmp_path):
    """Neither the picture nor its folder, of which a large run would have no more to open."""
    await saving.save(pieces(PNG), tmp_path / "look.png")
    held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    assert not [path for path in held if path.is_relative_to(tmp_path)]


async def test_parents_are_made(tmp_path):
    """Folders on the way to the file are made."""
    saved = await saving.save(pieces(PNG), tmp_path / "a" / "b" / "look.png")
    assert saved.path == tmp_path / "a" / "b" / "look.png"
    assert saved.path.is_file()


@pytest.mark.parametrize(("data", "suffix"), [(PNG, ".png"), (JPEG, ".jpg"), (WEBP, ".webp")])
async def test_a_path_without_a_suffix_gets_the_pictures(tmp_path, data, suffix):
    """The suffix comes from the first bytes."""
    saved = await saving.save(pieces(data), tmp_path / "look")
    assert saved.path == tmp_path / f"look{suffix}"


async def test_the_suffix_is_found_byte_by_byte(tmp_path):
    """Chunks of one byte give the same suffix."""
    saved = await saving.save(pieces(*[bytes([byte]) for byte in WEBP]), tmp_path / "look")
    assert saved.path.name == "look.webp"


async def test_a_given_suffix_stays(tmp_path):
    """A suffix that the user wrote is not argued with."""
    saved = await saving.save(pieces(PNG), tmp_path / "look.webp")
    assert saved.path.name == "look.webp"


@pytest.mark.parametrize("before", [None, b"the old picture"])
async def test_a_failed_download_leaves_what_was_there(tmp_path, before):
    """An error of the chunks passes through, and the folder is as it was."""
    target = tmp_path / "look.png"
    if before:
        target.write_bytes(before)
    with pytest.raises(errors.DownloadFailed):
        await saving.save(pieces(PNG, then=errors.DownloadFailed("cut off")), target)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([before] if before else [])


async def test_a_cancelled_save_leaves_nothing(tmp_path):
    """A save that is cancelled between two chunks leaves no file behind."""
    reached = asyncio.Event()

    async def stuck():
        yield PNG
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(saving.save(stuck(), tmp_path / "look.png"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_save_that_is_cancelled_at_its_end_is_cancelled(tmp_path, monkeypatch):
    """What a thread does meanwhile is waited for: the picture is there, and whole."""
    loop, cancelled = asyncio.get_running_loop(), threading.Event()

    def cancel():
        task.cancel()
        loop.call_later(0.02, cancelled.set)

    def sync(_):
        loop.call_soon_threadsafe(cancel)
        cancelled.wait()

    monkeypatch.setattr(saving, "_sync", sync)
    task = asyncio.create_task(saving.save(pieces(PNG), tmp_path / "look.png"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "look.png").read_bytes() == PNG


PLACES = {
    "nothing": "",
    "this folder": ".",
    "the root": "/",
    "a folder": "{tmp}/folder.png",
    "a NUL": "{tmp}/a\0b.png",
    "a file as folder": "{tmp}/file/look.png",
    "a name too long": "{tmp}/" + "a" * 300 + ".png",
    "a folder's name too long": "{tmp}/" + "a" * 300 + "/look.png",
    "a read-only file system": "/proc/look.png",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_place_that_cannot_be_is_refused_in_words(tmp_path, place):
    """SaveFailed names the path and says that the call is not repeated; nothing is left."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(errors.SaveFailed) as caught:
        await saving.save(pieces(PNG), Path(place.format(tmp=tmp_path)))
    assert caught.value.money == "spent"
    assert "could not be written" in str(caught.value)
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder.png"}


async def test_a_long_name_of_wide_letters_is_saved(tmp_path):
    """A name that the file system takes is taken, however many bytes a letter has."""
    target = tmp_path / ("👗" * 61 + ".webp")
    assert (await saving.save(pieces(WEBP), target)).path.read_bytes() == WEBP


def test_a_small_file_is_refused_in_words_too(tmp_path):
    """Where its folder is none, what is tidied up afterwards is not what is told."""
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(errors.SaveFailed, match="could not be written"),
        saving.placed(tmp_path / "file" / "sheet.png"),
    ):
        pass


@pytest.fixture
def small_disk():
    """Let no file grow beyond 64 KB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("last", [2**16 + 1, 2**17, 2**22])
async def test_a_full_disk_leaves_nothing(tmp_path, last):
    """A write that fails, or is cut short, is SaveFailed, and what was written is taken away."""
    with pytest.raises(errors.SaveFailed):
        await saving.save(pieces(PNG, b"x" * last), tmp_path / "look.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("readable", [True, False])
async def test_what_stood_there_is_kept_beside(tmp_path, readable):
    """Whatever it is, and whether it can be read; the very same takes no second place."""
    old = tmp_path / "look.png"
    old.write_bytes(PNG[::-1])
    old.chmod(0o600 if readable else 0o200)
    for _ in range(2):
        await saving.save(pieces(PNG), tmp_path / "look", beside=True)
    assert old.read_bytes() == PNG
    (beside,) = (path for path in tmp_path.iterdir() if path != old)
    beside.chmod(0o600)
    assert (beside.read_bytes(), beside.suffix) == (PNG[::-1], ".png")


async def test_the_last_save_wins(tmp_path):
    """Two saves to one path leave one whole picture and nothing beside it."""
    target = tmp_path / "look.png"
    await asyncio.gather(
        saving.save(pieces(PNG, PNG), target), saving.save(pieces(JPEG, JPEG), target)
    )
    assert target.read_bytes() in {PNG * 2, JPEG * 2}
    assert list(tmp_path.iterdir()) == [target]


def test_half_a_page_is_swept_away_too(tmp_path: Path) -> None:
    """What is written in one go, such as a gallery, has temporary names of the same kind."""
    with saving.placed(tmp_path / "index.html") as left:
        left.write_bytes(b"whole")
    left.write_bytes(b"half")
    os.utime(left, (time.time() - 4000,) * 2)
    saving.sweep(tmp_path)
    assert not left.exists()


def test_what_killed_runs_left_is_swept_away(tmp_path: Path) -> None:
    """Half-written files of an hour ago go, here and in folders; newer ones and others stay."""
    (tmp_path / "masks").mkdir()
    old, mask, new = (
        tmp_path / ".0123456789abcdef.part",
        tmp_path / "masks" / ".fedcba9876543210.part",
        tmp_path / ".00112233445566ff.part",
    )
    others = [tmp_path / ".notes.part", tmp_path / "ana.webp"]
    for each in (old, mask, new, *others):
        each.write_bytes(b"x")
    for each in (old, mask, *others):
        os.utime(each, (time.time() - 4000,) * 2)
    saving.sweep(tmp_path)
    assert not old.exists()
    assert not mask.exists()
    assert all(each.exists() for each in (new, *others))
