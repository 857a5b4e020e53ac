"""What is sent: the kinds of work, their files, and the jobs made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

Picture: TypeAlias = str | Path

URL = "https://persistent.changeclothesai.online/change-clothes-ai/assets/examples/{}.jpg"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"
CATEGORY = "dresses"


class Job(NamedTuple):
    """One try-on; the description differs from job to job, so that no two are the same call."""

    model: Picture
    garment: Picture
    desc: str


@dataclass(frozen=True)
class Workload:
    """A kind of work: `size` bytes a file (0: a URL), and how many pairs of files take turns."""

    name: str
    size: int
    in_flight: int
    calls: int
    pairs: int = 1
    garment_is_url: bool = False

    def make(self, folder: Path) -> None:
        """Write the files that are not there yet: random bytes behind a JPEG's first ones."""
        for side, turn in self._files():
            path = self._path(folder, side, turn)
            if self.size and not path.exists():
                path.write_bytes(JPEG + os.urandom(self.size - len(JPEG)))

    def jobs(self, folder: Path, *, warm_up: bool = False) -> Iterator[Job]:
        """Yield the jobs in their order; those of a warm-up are others, and few."""
        count = min(self.calls, self.in_flight) if warm_up else self.calls
        kind = "warm-up" if warm_up else "number"
        for number in range(count):
            model, garment = (self._picture(folder, it, number) for it in ("model", "garment"))
            yield Job(model, garment, f"a lime draped dress, {kind} {number}")

    def _files(self) -> list[tuple[str, int]]:
        sides = ["model"] if self.garment_is_url else ["model", "garment"]
        return [(side, turn) for side in sides for turn in range(self.pairs)]

    def _picture(self, folder: Path, side: str, number: int) -> Picture:
        if not self.size or (self.garment_is_url and side == "garment"):
            return URL.format(side)
        return self._path(folder, side, number % self.pairs)

    def _path(self, folder: Path, side: str, turn: int) -> Path:
        return folder / f"{side}-{self.size}-{turn}.jpg"


_ALL = [
    Workload("url", 0, in_flight=32, calls=3200),
    Workload("tiny", 1_000, in_flight=4, calls=8),
    Workload("small", 100_000, in_flight=32, calls=1600),
    Workload("small, distinct", 100_000, in_flight=32, calls=480, pairs=480),
    Workload("large", 8_000_000, in_flight=8, calls=32),
    Workload("large, distinct", 8_000_000, in_flight=8, calls=32, pairs=32),
    Workload("large, 64 at once", 8_000_000, in_flight=64, calls=64),
    Workload("sixteen", 16 * 2**20, in_flight=16, calls=16, pairs=16, garment_is_url=True),
]
WORKLOADS = {work.name: work for work in _ALL}
# What opens connections and loads lazy imports, before memory is looked at.
TINY = WORKLOADS["tiny"]
