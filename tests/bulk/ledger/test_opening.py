"""How a ledger is made and refused: whatever became of the file, no permission comes of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import opening, schema
from changeclothes_async.bulk.ledger.ledger import Claim, Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent

PAID = Facts(200, b'{"code": 200}', 200, money="spent")
IDENTITIES = [bytes([number]) * 32 for number in range(40)]


async def fill(path: Path) -> None:
    """Make a ledger with calls in all its tables and indexes, closed in good order."""
    ledger = await Ledger.open(path)
    for identity in IDENTITIES:
        held = await ledger.claim(identity, endpoint="try-on", name="cell")
        assert isinstance(held, Claim)
        await ledger.settle(held, JobEvent.PAY, PAID)
    await ledger.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await fill(tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


async def grants(path: Path) -> int:
    """How many of the paid calls could be claimed again."""
    ledger = await Ledger.open(path)
    granted = 0
    try:
        for identity in IDENTITIES:
            granted += isinstance(await ledger.claim(identity, endpoint="try-on"), Claim)
    finally:
        await ledger.close()
    return granted


async def test_it_is_made_with_its_folders_for_its_owner(tmp_path: Path) -> None:
    """A new ledger, its log and its lock are readable by nobody else, whatever the umask."""
    umask = os.umask(0)
    try:
        ledger = await Ledger.open(tmp_path / "a" / "b" / "ledger.db")
        await ledger.remember("key", "value")
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode) for file in ledger.path.parent.iterdir()
        }
        await ledger.close()
    finally:
        os.umask(umask)
    names = ("ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


async def test_every_commit_is_durable(path: Path) -> None:
    """The writer's connection syncs the log at each commit."""
    ledger = await Ledger.open(path)
    ask = ("synchronous", "journal_mode")
    told = [
        await ledger._write(lambda db, it=it: db.execute(f"PRAGMA {it}").fetchone()[0])
        for it in ask
    ]  # type: ignore[misc]
    assert told == [2, "wal"]
    await ledger.close()


async def test_a_making_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """What a dead run left of a ledger that never was stands in nobody's way."""
    (tmp_path / "ledger.db.new").write_bytes(b"half a ledger")
    await (await Ledger.open(tmp_path / "ledger.db")).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ledger.db", "ledger.db.lock"]


async def test_there_is_nothing_to_read(tmp_path: Path) -> None:
    """Reading makes no ledger where there is none."""
    with pytest.raises(errors.LedgerError, match="There is no ledger"):
        await Ledger.open(tmp_path / "ledger.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_lock_of_another_program_is_waited_for(path: Path) -> None:
    """For five seconds at the start and to read; for a minute where a paid result waits."""
    with opening.for_writing(path, 0.0) as db:
        assert db.execute("PRAGMA busy_timeout").fetchone() == (60_000,)
    with opening.for_reading(path) as db:
        assert db.execute("PRAGMA busy_timeout").fetchone() == (5_000,)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_newer_ledger_is_refused(path: Path, read_only: bool) -> None:
    """A ledger of a later version is left alone, with the word to upgrade."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(errors.LedgerTooNew, match="Upgrade"):
        await Ledger.open(path, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
async def test_an_older_ledger_is_refused(path: Path, read_only: bool) -> None:
    """A ledger of before the first release, whose jobs had other identities, is left alone."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(errors.LedgerError, match="before this library's first release"):
        await Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
async def test_another_programs_database_is_refused(tmp_path: Path, read_only: bool) -> None:
    """A SQLite file that is no ledger is left as it is."""
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE photos (name)")
    before = path.read_bytes()
    with pytest.raises(errors.LedgerError, match="not a ledger"):
        await Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == before


def spoilt(whole: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "zeroed": bytes(len(whole)),
        "text": b"name,price\n" * 999,
        "half a header": whole[:50],
        "a page": whole[:4096],
        "cut in half": whole[: len(whole) // 2],
        "cut by a page": whole[:-4096],
        "no header": bytes(100) + whole[100:],
        "no schema": whole[:100] + bytes(3996) + whole[4096:],
    }


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("how", list(spoilt(b"")))
async def test_a_spoilt_file_is_refused_and_kept(path: Path, how: str, read_only: bool) -> None:
    """A file that cannot be the whole ledger is named, never mended, emptied or replaced."""
    path.write_bytes(spoilt(path.read_bytes())[how])
    before = path.read_bytes()
    with pytest.raises(errors.LedgerError, match=r"ledger\.db") as caught:
        await Ledger.open(path, read_only=read_only)
    assert not isinstance(caught.value, errors.LedgerBusy)
    assert "Keep the file" in str(caught.value)
    assert path.read_bytes() == before


async def test_a_lost_page_gives_no_permission(path: Path) -> None:
    """Whichever page is zeroed, a paid call is never free to be paid again."""
    whole = path.read_bytes()
    for page in range(4096, len(whole), 4096):
        path.write_bytes(whole[:page] + bytes(4096) + whole[page + 4096 :])
        with suppress(errors.LedgerError):
            assert await grants(path) == 0


async def test_a_log_without_its_ledger_is_refused(path: Path) -> None:
    """Where only the log is left, no new ledger is made beside it."""
    path.unlink()
    path.with_name("ledger.db-wal").write_bytes(b"calls that were paid")
    with pytest.raises(errors.LedgerError, match=r"only ledger\.db-wal is left"):
        await Ledger.open(path)
    assert not path.exists()


async def test_a_damaged_log_is_refused_and_kept(path: Path) -> None:
    """A log that lost committed calls is not taken for the shorter one SQLite sees in it."""
    ledger = await Ledger.open(path)
    for number in range(3):
        await ledger.remember("key", str(number))
    copy = path.parent / "copy" / "ledger.db"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    log = bytearray(path.with_name("ledger.db-wal").read_bytes())
    await ledger.close()

    log[200] ^= 1
    copy.with_name("ledger.db-wal").write_bytes(log)
    with pytest.raises(errors.LedgerError, match=r"ledger\.db-wal is damaged"):
        await Ledger.open(copy)
    assert copy.with_name("ledger.db-wal").read_bytes() == log


async def test_an_impossible_path_is_refused(path: Path) -> None:
    """A path that leads through a file is an error of the ledger in words."""
    with pytest.raises(errors.LedgerError, match="Check that the path is a file"):
        await Ledger.open(path / "in/a/file")


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_folder_is_no_ledger(path: Path, read_only: bool) -> None:
    """It is told so, and nothing is left beside it: SQLite would speak of a disk's errors."""
    folder = path.parent / "book"
    folder.mkdir()
    with pytest.raises(errors.LedgerError, match=r"it is a folder\. Give a file's path, such as"):
        await Ledger.open(folder, read_only=read_only)
    assert not list(path.parent.glob("book.*"))


async def test_a_lock_that_is_no_lock_is_refused(path: Path) -> None:
    """A file of somebody else's where the lock should be is an error, and is not overwritten."""
    lock = path.with_name("ledger.db.lock")
    lock.write_text("my own notes " * 99)
    with pytest.raises(errors.LedgerError, match="cannot be used"):
        await Ledger.open(path)
    assert lock.read_text() == "my own notes " * 99


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "a?mode=memory.db", "a#b.db", "кот.db"])
async def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """What has a meaning in a URI has none in a ledger's name."""
    await fill(tmp_path / name)
    assert (tmp_path / name).is_file()
    assert await grants(tmp_path / name) == 0


# It imports first what is else imported when used: nobody may not read an interpreter of root's.
NOBODY = """
import asyncio, os, sys, urllib.parse
from changeclothes_async import errors
from changeclothes_async.bulk.ledger.ledger import Ledger

async def main(path):
    os.getuid() or await asyncio.to_thread(os.setuid, 65534)
    reader = await Ledger.open(path, read_only=True)
    print(sum((await reader.counts()).values()))
    await reader.close()
    try:
        await Ledger.open(path)
    except errors.LedgerError as refusal:
        print(refusal)

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def shelf(path: Path) -> Iterator[Path]:
    """Copy the ledger into a folder that all may read and nobody may write to."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        copy.chmod(0o444)
        copy.parent.chmod(0o555)
        yield copy
        copy.parent.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX")
def test_a_ledger_on_the_shelf_can_be_read(shelf: Path) -> None:
    """Where nothing may be written a ledger is read all the same, and refused to a run."""
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, shelf], capture_output=True, text=True, check=True
    )
    counted, refusal = done.stdout.splitlines()
    assert int(counted) == len(IDENTITIES)
    assert "Permission denied" in refusal
    assert "folder you may write to" in refusal
    assert [file.name for file in shelf.parent.iterdir()] == ["ledger.db"]
