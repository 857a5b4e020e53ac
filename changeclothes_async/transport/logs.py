"""What is logged of calls: each in one line at INFO, its attempts at DEBUG.

Rule of this file: only our own words and numbers are logged, so that no key, picture or address
gets in; except a result's address where nobody waits for it any more, or it would be lost.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os

from changeclothes_async import environment, errors
from changeclothes_async.protocol import answers

_log = logging.getLogger("changeclothes_async")

UNATTENDED = {"unattended": True}
"""Marks a line, as its `extra`, that is for programs in which nobody looks at how things ended."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}


def follow_environment() -> None:
    """Log to stderr where CHANGECLOTHES_LOG says so, unless the program has set up its own logging.

    Raises InvalidInput for anything but debug and info.
    """
    wish = os.environ.get(environment.LOG_VARIABLE, "").strip().lower()
    if not wish:
        return
    if wish not in _LEVELS:
        raise errors.InvalidInput(
            f"{environment.LOG_VARIABLE}={wish[:60]!r} is not accepted.",
            next_step=f"Use {' or '.join(_LEVELS)}, or unset it.",
        )
    _log.setLevel(_LEVELS[wish])
    if not _log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        _log.addHandler(handler)


def attempt_begins(call: str, number: int, size: int) -> None:
    """Log that an attempt's request of `size` bytes is about to be sent."""
    _log.debug("%s: attempt %d, %d bytes to send", call, number, size)


def attempt_ended(call: str, number: int, seconds: float, outcome: answers.Ending) -> None:
    """Log how an attempt ended, and what it cost."""
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s: attempt %d ended after %.2f s, %s", call, number, seconds, words(outcome))


def broken_off(call: str, outcome: errors.ChangeClothesError) -> None:
    """Log that a call's task was cancelled on the wire, as at the end of its loop."""
    if isinstance(outcome, errors.Unsure):
        words = "%s: broken off after it was sent whole; it may be paid"
        _log.warning(words, call, extra=UNATTENDED)


def call_ended(
    call: str,
    attempts: int,
    seconds: float,
    outcome: answers.Ending | None,
) -> None:
    """Log how a call ended, and what all of its attempts cost; None where it was given up."""
    # What a ledger has already needs no call; asking it is not one.
    level = logging.DEBUG if isinstance(outcome, errors.LedgerBusy) else logging.INFO
    if _log.isEnabledFor(level):
        _log.log(level, "%s: %s; attempts %d, %.2f s", call, words(outcome), attempts, seconds)


def left(call: str, flight: asyncio.Task[tuple[answers.Made, int]]) -> None:
    """Log that a call was left on the wire, and how it ends: a paid result must not be lost."""
    _log.info("%s: left by its caller; what is on the wire arrives", call)
    flight.add_done_callback(functools.partial(_left_alone_ended, call))


def _left_alone_ended(call: str, flight: asyncio.Task[tuple[answers.Made, int]]) -> None:
    if flight.cancelled():
        return
    if error := flight.exception():
        how = type(error).__name__
        if isinstance(error, errors.ChangeClothesError):
            how = words(error)
        _log.warning("%s: ended after its caller had gone: %s", call, how)
    else:
        made, _ = flight.result()
        _log.warning("%s: paid after its caller had gone; result: %s", call, made.result_img_url)


def words(outcome: answers.Ending | None) -> str:
    """Say how an attempt or a call ended, and what it cost."""
    if outcome is None:
        return "given up, since its caller has gone"
    if isinstance(outcome, answers.Made):
        return "paid, spent"
    numbers = {"HTTP": outcome.http_status, "code": outcome.code}
    known = ", ".join(f"{name} {value}" for name, value in numbers.items() if value is not None)
    return f"{type(outcome).__name__}{f' ({known})' if known else ''}, {outcome.money}"
