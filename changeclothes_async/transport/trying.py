"""An attempt, and further ones by tenacity where the first one failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import tenacity

from changeclothes_async import errors

T = TypeVar("T")
Backoff: TypeAlias = Callable[[errors.ChangeClothesError, int], float | None]
"""After an error of attempt number n (from 1): the pause before the next one, None to give up."""
Rest: TypeAlias = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


async def tried(
    attempt: Callable[[], Awaitable[T]], backoff: Backoff, rest: Rest = asyncio.sleep
) -> T:
    """Make an attempt, and further ones as long as `backoff` gives a pause; raises the last error.

    The first attempt is made without tenacity, which takes over only when it fails: a call that
    succeeds at once, as nearly all do, does not pay for the machinery (about 100 µs).
    """
    try:
        return await attempt()
    except errors.ChangeClothesError as error:
        pause = backoff(error, 1)
        if pause is None:
            raise
    await rest(pause)

    async def further() -> T:  # tenacity would not await what a plain function returns
        return await attempt()

    def may_follow(state: tenacity.RetryCallState) -> bool:
        nonlocal pause
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, errors.ChangeClothesError):
            return False
        pause = backoff(error, state.attempt_number + 1)
        return pause is not None

    retrying = tenacity.AsyncRetrying(
        retry=may_follow, wait=lambda _: pause or 0.0, sleep=rest, reraise=True
    )
    return await retrying(further)
