"""How long a run waits for a network or a service that is away."""

from __future__ import annotations

import asyncio

from changeclothes_async import errors

_PATIENCE = 600.0


class Patience:
    """A run's patience: all its cells share it, since what one hears counts for all."""

    def __init__(self) -> None:
        self._heard_at: float | None = None

    def heard(self) -> None:
        """Take note that the service is there."""
        self._heard_at = _now()

    def helps(self, error: errors.ChangeClothesError) -> bool:
        """Tell whether waiting may help: it is away, and was heard in this run, not long ago."""
        away = isinstance(error, errors.NotSent | errors.Refused) and not error.final
        if not away or (isinstance(error, errors.Refused) and self._heard_at is None):
            self.heard()
        return away and self._heard_at is not None and _now() - self._heard_at < _PATIENCE


def _now() -> float:
    return asyncio.get_running_loop().time()
