"""Whether it is the API that answers a run: a wrong address and a gateway answer everything too."""

from __future__ import annotations

from changeclothes_async import errors

_BEFORE_IT_WAS_HEARD = 3
_SPARE = 16


class Trust:
    """A run's trust in what answers, shared by its cells, of which `at_once` are in flight.

    It is lost after a few calls that ended in no answer of the API's, and after many once the API
    was heard: a network that goes away takes all calls in flight with it, and may come back.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._most = _BEFORE_IT_WAS_HEARD
        self._in_a_row = 0

    def heard(self) -> None:
        """Take note of an answer of the API's."""
        self._most = 2 * self._at_once + _SPARE
        self._in_a_row = 0

    def lost(self, error: errors.ChangeClothesError) -> errors.ChangeClothesError | None:
        """Take a call's end in; give the reason to stop where too many in a row were no answers."""
        if error.code is not None:
            self.heard()
        if error.code is not None or not _is_strange(error):
            return None
        self._in_a_row += 1
        if self._in_a_row < self._most:
            return None
        return type(error)(
            f"The last {self._in_a_row} calls ended in no answer of the API. {error.message}",
            money=error.money,
            http_status=error.http_status,
            raw=error.raw,
            next_step="See that base_url is the API's address, and what stands in between; then "
            "run it again.",
        )


def _is_strange(error: errors.ChangeClothesError) -> bool:
    """Tell whether a request was answered, or swallowed, by what may not be the API at all."""
    return isinstance(error, errors.Unsure | errors.Damaged | errors.JobError)
