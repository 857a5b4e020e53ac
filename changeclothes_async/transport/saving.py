"""A result's picture onto the disk: complete or not there at all.

A temporary name beside the target, flush to the disk, then a rename; a crash at any point leaves
either the old state or the new one, and at worst a hidden temporary file.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from changeclothes_async import errors
from changeclothes_async.protocol import images


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture in place: its path, and what tells later whether it is still the same."""

    path: Path
    size: int
    mtime_ns: int
    digest: bytes


async def save(chunks: AsyncIterator[bytes], target: Path) -> Saved:
    """Write chunks to `target`, making its parents; a target without a suffix gets the picture's.

    Raises SaveFailed; errors of the chunks pass through, and nothing is left behind.
    """
    try:
        return await _written(chunks, target)
    except errors.ChangeClothesError:
        raise
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        failure = errors.SaveFailed(f"{target} could not be written ({words}).")
    raise failure


async def _written(chunks: AsyncIterator[bytes], target: Path) -> Saved:
    digest, head, size = hashlib.sha256(), b"", 0
    if not target.name:
        raise ValueError("it is a folder")
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    file = await asyncio.to_thread(_made, part)
    try:
        async for chunk in chunks:
            head += chunk[: images.HEAD - len(head)]
            size += len(chunk)
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        place = target if target.suffix else target.with_suffix(_suffix(head))
        seen = await asyncio.to_thread(_finished, file, part, place)
    finally:
        file.close()
        part.unlink(missing_ok=True)
    return Saved(place, size, seen.st_mtime_ns, digest.digest())


def _made(part: Path) -> IO[bytes]:
    part.parent.mkdir(parents=True, exist_ok=True)
    return part.open("xb")


def _finished(file: IO[bytes], part: Path, place: Path) -> os.stat_result:
    file.flush()
    os.fsync(file.fileno())
    seen = os.fstat(file.fileno())
    part.replace(place)
    _sync_folder(place.parent)
    return seen


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _suffix(head: bytes) -> str:
    kind = images.kind(head)
    return kind.suffix if kind else ""
