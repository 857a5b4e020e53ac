"""Where a run's pictures go: each file there is whole, or not there at all.

A place is a plain value that can be sent to another process, and knows nothing of ledgers.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from changeclothes_async.transport import saving

Spot: TypeAlias = Path
"""A file's path: on this machine, or a `UPath` elsewhere, which is no `Path` but used like one.

Where that extra is not installed a checker would not know the name, in every signature with it.
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture in place: its file as named there, and what tells later if it is the same.

    `stamp` changes whenever the file is written anew; `digest` is the content's SHA-256.
    """

    file: str
    size: int
    stamp: int
    digest: bytes


class Place(Protocol):
    """A folder, or something like one elsewhere."""

    @property
    def root(self) -> Spot:
        """What the files' names are relative to."""
        ...

    async def save(self, chunks: AsyncIterator[bytes], name: str) -> Saved:
        """Put a picture in place under `name` and the suffix of its content.

        A folder keeps what else stood there, under a longer name.
        Raises SaveFailed; errors of the chunks pass through, and nothing is left behind.
        """
        ...

    def in_place(self, saved: Mapping[str, Saved]) -> set[str]:
        """Tell which of the pictures are there as they were saved; it may take long."""
        ...

    def write(self, name: str, data: bytes) -> Spot:
        """Put a small file in place, and return its path; raises SaveFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine; see `Place`."""

    root: Path

    async def save(self, chunks: AsyncIterator[bytes], name: str) -> Saved:
        """Put a picture in place."""
        saved = await saving.save(chunks, self.root / name, beside=True)
        file = saved.path.relative_to(self.root).as_posix()
        return Saved(file, saved.size, saved.mtime_ns, saved.digest)

    def in_place(self, saved: Mapping[str, Saved]) -> set[str]:
        """Tell which of the pictures are there as they were saved."""
        return {name for name, each in saved.items() if _is_whole(self.root / each.file, each)}

    def write(self, name: str, data: bytes) -> Path:
        """Put a small file in place."""
        target = self.root / name
        with saving.placed(target) as part:
            part.write_bytes(data)
        return target


def _is_whole(path: Path, saved: Saved) -> bool:
    try:
        seen = path.stat()
        if seen.st_size != saved.size:
            return False
        return seen.st_mtime_ns == saved.stamp or digest(path) == saved.digest
    except OSError:
        return False


async def pieces(path: Spot) -> AsyncIterator[bytes]:
    """Read a file piece by piece, in threads."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, saving.PIECE):
            yield piece


def digest(path: Spot) -> bytes:
    """Read a file and return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:  # of a store, which need not have the readinto of file_digest
        while piece := file.read(saving.PIECE):
            digest.update(piece)
    return digest.digest()
