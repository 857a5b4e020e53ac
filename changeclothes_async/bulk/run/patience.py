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
        refused = isinstance(error, errors.Refused)
        away = (refused or isinstance(error, errors.NotSent)) and not error.final
        # A refusal tells that it is there the first time; those that go on for ever do not.
        if error.http_status is not None and (not away or self._heard_at is None):
            self.heard()
        return away and self._heard_at is not None and _now() - self._heard_at < _PATIENCE


def _now() -> float:
    return asyncio.get_running_loop().time()
