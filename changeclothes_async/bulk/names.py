"""Names of cells and their files: readable, stable, and safe on every file system.

Output names come from here alone; nothing that a server says becomes part of a path.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

_LONGEST = 80
MASKS = "masks"
"""The folder of masks, beside the cells."""
_PORTS = {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
_RESERVED = {"con", "prn", "aux", "nul", *_PORTS, MASKS}  # Windows' devices, and our own folder


def plain(text: str) -> str:
    """Turn any text into one part of a file name, without `__`, which joins two in `cell`."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"[^\w-]+", "-", text)
    text = re.sub(r"_{2,}", "_", text).strip("-_")
    # Cut by bytes, which is what file systems count.
    text = text.encode()[:_LONGEST].decode(errors="ignore").rstrip("-_")
    return f"{text}-" if text.lower() in _RESERVED else text or "unnamed"


def distinct(names: Iterable[tuple[str, str]]) -> list[str]:
    """Give each (text, source) a name of its own, different even where case does not count.

    Where two would be the same, the later one gets a mark that is made of its source.
    """
    taken: set[str] = set()
    given = []
    for text, source in names:
        name = plain(text)
        turn = 0
        while name.casefold() in taken:
            mark = hashlib.sha256(
                f"{source}{turn or ''}".encode(errors="backslashreplace")
            ).hexdigest()[:6]
            name, turn = f"{plain(text)}-{mark}", turn + 1
        taken.add(name.casefold())
        given.append(name)
    return given


def cell(row: str, column: str) -> str:
    """Name the cell where a row and a column meet; also its file, without the suffix."""
    return f"{row}__{column}" if column else row


def mask(cell: str) -> str:
    """Name the mask of a cell; also its file, without the suffix."""
    return f"{MASKS}/{cell}"


def is_mask(name: str) -> bool:
    """Tell a mask's name from a cell's."""
    return name.startswith(f"{MASKS}/")


def aside(name: str, identity: bytes) -> str:
    """Name a picture that stood under a name which another job has now."""
    return f"{name}-{identity.hex()[:8]}"


def counted(count: int, what: str) -> str:
    """Say how many there are of something, such as "6 models"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
