"""Whether a write-ahead log that a dead run left behind still holds all that was committed.

SQLite ends the log at the first frame whose checksum fails and forgets the rest in silence.
That is right for a commit cut short by a power failure, which nobody was told of, and wrong
for a log damaged later: calls that were paid would be open again.
A commit is followed by another only after it reached the disk, so a broken frame with more
than one commit behind it is damage.
The format is https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEADER, _FRAME = 32, 24
_MAGIC = 0x377F0682  # its lowest bit says that checksums read their words as big-endian


def damaged(path: Path) -> bool:
    """Whether commits that reached the disk cannot be read back from the log at `path`."""
    if not path.exists() or path.stat().st_size <= _HEADER:
        return False
    with path.open("rb") as log:
        return _damaged(log)


def _damaged(log: BinaryIO) -> bool:
    header = log.read(_HEADER)
    magic, _, size = struct.unpack(">3I", header[:12])
    order = ">" if magic & 1 else "<"
    sums = _checksum(header[:24], (0, 0), order)
    if magic & ~1 != _MAGIC or sums != struct.unpack(">2I", header[24:]):
        return True
    salts, broken, commits = header[16:24], False, 0
    while len(frame := log.read(_FRAME + size)) == _FRAME + size:
        ours = frame[8:16] == salts
        if ours and commits:
            return True
        if not broken:
            sums = _checksum(frame[:8] + frame[_FRAME:], sums, order)
            broken = not ours or sums != struct.unpack(">2I", frame[16:_FRAME])
        if broken and ours:
            commits += frame[4:8] != bytes(4)
    return False


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for a, b in zip(words, words, strict=True):
        first = (first + a + second) & 0xFFFFFFFF
        second = (second + b + first) & 0xFFFFFFFF
    return first, second
