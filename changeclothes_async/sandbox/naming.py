"""Names results, and tells which pictures are presets."""

from __future__ import annotations

import time

from changeclothes_async.sandbox.checks import TryOn

_EXAMPLES = "https://persistent.changeclothesai.online/change-clothes-ai/assets/examples/"


class Numbers:
    """Rising numbers for results: times in nanoseconds, as in the service's own names.

    So no two runs of a sandbox share a name.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """Return a number that was not given before."""
        self._last = max(self._last + 1, time.time_ns())
        return self._last


def is_preset(job: TryOn) -> bool:
    """Tell whether both pictures are of those that the service shows as its examples."""
    model, garment = job.model.url or "", job.garment.url or ""
    return model.startswith(f"{_EXAMPLES}person-tab/") and garment.startswith(
        f"{_EXAMPLES}garment-tab/"
    )
