"""Whether an attempt that failed is made again, and after how long a pause.

An allow-list: only errors that are named here are tried again. Unsure is not among them; no
setting adds it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from changeclothes_async import errors

_AGAIN = (errors.NotSent, errors.Refused, errors.ServiceFailed)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how patiently; seconds throughout.

    `retries` is the number of further attempts after the first. Pauses are drawn with full jitter
    below `base * 2**n`, at most `longest_backoff`; a Retry-After is followed up to `longest_wish`.
    """

    retries: int = 2
    base: float = 0.5
    longest_backoff: float = 30.0
    longest_wish: float = 120.0


def is_safe(policy: Policy, error: BaseException | None, attempt: int) -> bool:
    """Tell whether a further attempt may follow attempt number `attempt` (from 1)."""
    return isinstance(error, _AGAIN) and not error.final and attempt <= policy.retries


def pause(
    policy: Policy,
    error: BaseException | None,
    attempt: int,
    draw: Callable[[], float] = random.random,
) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 1)."""
    if isinstance(error, errors.Refused) and error.retry_after is not None:
        return min(error.retry_after, policy.longest_wish)
    return draw() * min(policy.longest_backoff, policy.base * 2.0 ** min(attempt - 1, 60))
