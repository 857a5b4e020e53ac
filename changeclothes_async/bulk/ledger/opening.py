"""How a ledger's file is locked, made, checked and connected to.

A file that is there is never replaced, emptied or mended: it may be all that is known of what
was paid. A new one appears whole, under a temporary name first, so an empty file is damage.
"""

from __future__ import annotations

import errno
import gc
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import schema, tables, wal

_NEXT_STEPS = {
    "SQLITE_FULL": "Make room on the disk and run it again; what was paid is kept.",
    "SQLITE_BUSY": "Close the other program that writes to this file and run it again.",
    "SQLITE_READONLY": "Make the file and its folder writable, then run it again.",
    "SQLITE_CANTOPEN": "Check that the path is a file in a folder you may write to.",
    "SQLITE_PERM": "Check that the path is a file in a folder you may write to.",
}
_PATIENCE = 60_000  # milliseconds

_held_here: set[Path] = set()
"""The ledgers that this process holds."""
_making = threading.Lock()


def blame(path: Path, error: Exception) -> errors.LedgerError:
    """Put `error`, met while working on the ledger at `path`, into words with a next step."""
    name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    if isinstance(error, OSError):
        name = "SQLITE_FULL" if error.errno == errno.ENOSPC else "SQLITE_CANTOPEN"
    failure = errors.LedgerError(
        f"The ledger {path} cannot be used: {error}.", next_step=_NEXT_STEPS.get(name)
    )
    failure.__cause__ = error
    return failure


@contextmanager
def for_writing(path: Path, now: float) -> Iterator[sqlite3.Connection]:
    """Connect to the ledger at `path`, made if it is new, and hold it meanwhile.

    What a dead run had claimed is made unsure, as of `now`. Raises `LedgerBusy`.
    """
    log = log_of(path)
    _check_no_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        if not path.exists():
            if log.exists() and log.stat().st_size:
                raise errors.LedgerError(f"The ledger {path} is gone; only {log.name} is left.")
            _make(path)
        if wal.damaged(log):
            raise errors.LedgerError(f"The ledger {path} has lost calls: {log.name} is damaged.")
        with _connected(path, "rw") as connection:
            connection.execute("PRAGMA synchronous = FULL")
            # On macOS alone it makes a difference: a plain sync stops at the drive's cache there.
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
            connection.execute("BEGIN IMMEDIATE")
            tables.abandon(connection, now)
            connection.execute("COMMIT")
            # From here on a lock of another program's may be in the way of a paid result.
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
            yield connection


@contextmanager
def for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect without changing anything; it may be done while a run is writing."""
    if not path.exists():
        raise errors.LedgerError(
            f"There is no ledger {path}.", next_step="Check the path; a run makes it in its `out`."
        )
    _check_no_folder(path)
    # Where SQLite may not put its two files beside it, it must be told that nobody writes.
    writable = log_of(path).exists() or os.access(path.parent, os.W_OK)
    with _connected(path, "ro" if writable else "ro&immutable=1") as connection:
        yield connection


def _check_no_folder(path: Path) -> None:
    if path.is_dir():
        raise errors.LedgerError(
            f"The ledger {path} cannot be used: it is a folder.",
            next_step=f"Give a file's path, such as {path / 'calls.db'}.",
        )


def log_of(path: Path) -> Path:
    """Name the write-ahead log of the ledger at `path`."""
    return path.with_name(f"{path.name}-wal")


def begin(db: sqlite3.Connection) -> None:
    """Begin to read."""
    db.execute("BEGIN")


class Watch:
    """Whether a ledger's path is still the file that was opened, looked at once a commit.

    SQLite writes on into a file that was deleted, and what it wrote is gone with it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self) -> None:
        """Take note of the file that is there now."""
        self._inode = self._seen()

    def begin(self, db: sqlite3.Connection) -> None:
        """Look, and begin to write."""
        self._now = self._seen()
        db.execute("BEGIN IMMEDIATE")

    def check(self) -> None:
        """Raise `LedgerError` unless it was still there when this commit began."""
        if self._now is None or self._now != self._inode:
            raise errors.LedgerError(
                f"The ledger {self._path} was moved, deleted or replaced while a run was using it.",
                next_step="Put it back if you have it, then run it again; nothing more was sent.",
            )

    def _seen(self) -> int | None:
        try:
            return os.stat(self._path).st_ino  # noqa: PTH116 - Path's takes twice as long
        except OSError:
            return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # SQLite's own lock on an empty file beside the ledger: the kernel lets go of it at any
    # death, it counts within one process too, and readers of the ledger are not kept out.
    with closing(_lock_of(path)) as held:
        if not _taken(held):
            if path in _held_here:  # perhaps by a client that nobody closed and nobody has any more
                gc.collect()
            if not _taken(held):
                raise _busy(path)
        _held_here.add(path)
        try:
            yield
        finally:
            _held_here.discard(path)


def _busy(path: Path) -> errors.LedgerBusy:
    if path in _held_here:
        return errors.LedgerBusy(
            f"This program is already working on the ledger {path}.",
            next_step="Wait until the run that has it has ended, or close the client that has it.",
        )
    return errors.LedgerBusy(f"Another process is working on the ledger {path}.")


def _lock_of(path: Path) -> sqlite3.Connection:
    beside = path.with_name(f"{path.name}.lock")
    # Not where it is there: POSIX lets go of all locks that a process has on a file when it closes
    # any handle of it, unless SQLite does, and another process could then hold the ledger too.
    with _making:
        if not beside.exists():
            _touch(beside)
    return _connect(beside, "rw", timeout=0)


def _taken(lock: sqlite3.Connection) -> bool:
    try:
        lock.execute("PRAGMA journal_mode = OFF")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise
        return False
    return True


def _make(path: Path) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    _touch(new)
    with closing(_connect(new, "rw")) as connection:
        connection.executescript(f"BEGIN; {schema.SCHEMA} COMMIT; PRAGMA journal_mode = WAL;")
    # Durable with the first commit: SQLite syncs the folder when it makes the log in it.
    new.rename(path)


def _touch(path: Path) -> None:
    # SQLite gives its -wal and -shm the mode of the file they belong to.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if path.is_file() and not path.stat().st_size:
        raise errors.LedgerError(f"The ledger {path} is empty, which no ledger ever is.")
    with closing(_connect(path, mode)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != schema.APPLICATION:
            raise errors.LedgerError(
                f"{path} is not a ledger of this library.", next_step="Choose another file."
            )
        if version < schema.VERSION:
            raise errors.LedgerError(
                f"The ledger {path} was written before this library's first release.",
                next_step="Finish it with the version that wrote it, or choose another file; "
                "it was left as it is.",
            )
        if version > schema.VERSION:
            raise errors.LedgerTooNew(
                f"The ledger {path} has version {version}; this library knows {schema.VERSION}."
            )
        yield connection


def _connect(path: Path, mode: str, timeout: float = 5) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,  # opened in one thread, used by its worker alone from then on
    )
