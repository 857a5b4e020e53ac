"""An attempt, and further ones by tenacity where the first one failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import tenacity

from changeclothes_async import errors

T = TypeVar("T")


async def tried(attempt: Callable[[], Awaitable[T]], **terms: Any) -> T:
    """Make an attempt, and again as the `terms` of tenacity say; raises the last one's error.

    The first attempt is made without tenacity, which only takes over its failure: what succeeds
    at once, as nearly all does, so does not pay for the machinery (some 100 µs).
    """
    failures = []
    try:
        return await attempt()
    except errors.InvalidInput:
        raise  # it would be as wrong again
    except errors.ChangeClothesError as error:
        failures.append(error)

    async def further() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    return await tenacity.AsyncRetrying(**terms, reraise=True)(further)
