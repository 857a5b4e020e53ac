"""Whether a run's calls reach the API at all: a wrong address or a gateway answers them too."""

from __future__ import annotations

from collections.abc import Callable

from changeclothes_async import errors

_BEFORE_IT_WAS_HEARD = 3
_SPARE = 16


class Trust:
    """A run's trust in who is called, shared by its cells, of which `at_once` are in flight.

    It is lost after a few useless calls in a row, and once one was useful only after many: a
    network that goes away takes all calls in flight with it, and may come back.
    """

    def __init__(
        self,
        at_once: int,
        is_useless: Callable[[errors.ChangeClothesError], bool],
        words: str,
        next_step: str,
    ) -> None:
        self._at_once = at_once
        self._is_useless = is_useless
        self._words, self._next_step = words, next_step
        self._most = _BEFORE_IT_WAS_HEARD
        self._in_a_row: set[bytes] = set()  # by their jobs: equal cells are one call

    def heard(self) -> None:
        """Take note of a useful call."""
        self._most = 2 * self._at_once + _SPARE
        self._in_a_row.clear()

    def lost(
        self, error: errors.ChangeClothesError, job: bytes
    ) -> errors.ChangeClothesError | None:
        """Take note of a job's error; return the reason to stop where too many came in a row."""
        if error.code is not None:
            self.heard()
        if error.code is not None or not self._is_useless(error):
            return None
        self._in_a_row.add(job)
        if len(self._in_a_row) < self._most:
            return None
        message = f"The last {len(self._in_a_row)} {self._words}. {error.message}"
        return type(error)(message, **{**vars(error), "next_step": self._next_step})


def in_answers(at_once: int) -> Trust:
    """Trust that it is the API that answers; whatever sends its codes is."""
    return Trust(
        at_once,
        _is_strange,
        "calls got no answer from the API",
        "Check base_url, and any proxy or gateway in between; then run it again.",
    )


def in_results(at_once: int) -> Trust:
    """Trust that results can be fetched; pictures that nobody can get are not worth their price."""
    return Trust(
        at_once,
        lambda error: error.final,
        "results could not be fetched",
        "What was paid is kept: see why it cannot be fetched, then run it again for all the rest.",
    )


def _is_strange(error: errors.ChangeClothesError) -> bool:
    """Tell whether a request was answered, or swallowed, by what may not be the API at all."""
    if isinstance(error, errors.Refused):
        return 300 <= (error.http_status or 0) < 400  # no word of sizes, or of waiting
    return isinstance(error, errors.Unsure | errors.Damaged | errors.JobError | errors.ServerError)
