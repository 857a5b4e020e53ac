"""An attempt, and further ones by tenacity where the first one failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import tenacity

from changeclothes_async import errors

T = TypeVar("T")
Again: TypeAlias = Callable[[errors.ChangeClothesError, int], float | None]
"""After an error of attempt number n (from 1): the pause before the next one, None to give up."""


async def tried(attempt: Callable[[], Awaitable[T]], again: Again) -> T:
    """Make an attempt, and further ones as long as `again` gives a pause; raises the last error.

    The first attempt is made without tenacity, which only takes over its failure: what succeeds
    at once, as nearly all does, so does not pay for the machinery (some 100 µs).
    """
    try:
        return await attempt()
    except errors.InvalidInput:
        raise  # it would be as wrong again
    except errors.ChangeClothesError as error:
        failures = [error]
    return await _tried_again(attempt, again, failures)


async def _tried_again(
    attempt: Callable[[], Awaitable[T]], again: Again, failures: list[errors.ChangeClothesError]
) -> T:
    """Go on after a first failure, which tenacity gets to see as if it had made that attempt."""
    pause: float | None = None

    async def further() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    def is_again(state: tenacity.RetryCallState) -> bool:
        nonlocal pause
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, errors.ChangeClothesError):
            return False
        pause = again(error, state.attempt_number)
        return pause is not None

    retrying = tenacity.AsyncRetrying(
        retry=is_again, wait=lambda _: pause or 0.0, sleep=asyncio.sleep, reraise=True
    )
    return await retrying(further)
