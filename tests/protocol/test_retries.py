"""What may be tried again, and after how long."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changeclothes_async import errors
from changeclothes_async.protocol import retries

POLICY = retries.Policy(retries=2)

EVERY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ChangeClothesError)
]
AGAIN = (errors.NotSent, errors.Refused, errors.ServiceFailed)


@pytest.mark.parametrize("kind", EVERY)
def test_only_what_is_on_the_list_is_tried_again(kind):
    """Not sent, refused for now, and failed at the service; nothing else, Unsure least of all."""
    assert retries.is_safe(POLICY, kind("x"), 1) == issubclass(kind, AGAIN)


@pytest.mark.parametrize("error", [None, asyncio.CancelledError(), TimeoutError(), OSError()])
def test_a_strangers_error_is_never_tried_again(error):
    """A cancellation, and whatever is not ours, ends the call."""
    assert not retries.is_safe(POLICY, error, 1)


@pytest.mark.parametrize("kind", AGAIN)
def test_a_final_error_is_not_tried_again(kind):
    """`final` overrules the list."""
    assert not retries.is_safe(POLICY, kind("x", final=True), 1)


@pytest.mark.parametrize(("number", "attempts"), [(0, 1), (1, 2), (2, 3), (5, 6)])
def test_retries_counts_the_attempts_after_the_first(number, attempts):
    """retries=2 makes three attempts."""
    policy = retries.Policy(retries=number)
    made = 1
    while retries.is_safe(policy, errors.NotSent("x"), made):
        made += 1
    assert made == attempts


@given(attempt=st.integers(1, 10_000), share=st.floats(0, 1))
def test_a_pause_is_drawn_below_a_growing_limit(attempt, share):
    """Full jitter below base * 2**n, never above the longest backoff, however many attempts."""
    pause = retries.pause(POLICY, errors.NotSent("x"), attempt, lambda: share)
    assert 0 <= pause <= min(30.0, 0.5 * 2.0 ** min(attempt - 1, 100))
    assert pause == share * min(30.0, 0.5 * 2.0 ** min(attempt - 1, 100))


@pytest.mark.parametrize(("wish", "pause"), [(0, 0), (7, 7), (120, 120), (1e9, 120), (None, 0.25)])
def test_a_services_wish_is_followed_within_reason(wish, pause):
    """Retry-After is followed without jitter up to longest_wish; without one it is a backoff."""
    error = errors.Refused("x", retry_after=wish)
    assert retries.pause(POLICY, error, 1, lambda: 0.5) == pause
