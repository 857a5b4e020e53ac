"""Ctrl-C and SIGTERM during a run: the first lets what is paid for arrive, the second stops now."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def handled(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first` in the running loop at the first signal, `second` at each further one.

    Only where nobody else handles them (a web server does), and only in the main thread, the one
    that gets signals. What was there before is put back, unless somebody has taken over meanwhile:
    a notebook's next cell does, while a run goes on in a task of its own.
    """
    loop, calls = asyncio.get_running_loop(), [first]

    def caught(*_: object) -> None:
        loop.call_soon_threadsafe(calls.pop() if calls else second)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = {number: handler for number, handler in before.items() if _is_default(handler)}
    for number in ours:
        signal.signal(number, caught)
    try:
        yield
    finally:
        for number, handler in ours.items():
            if signal.getsignal(number) is caught:
                signal.signal(number, handler)


def _is_default(handler: Any) -> bool:
    """Tell whether a handler is Python's own, or what asyncio or a notebook puts in its place."""
    if getattr(handler, "__module__", "") == "ipykernel.ipkernel":
        return True  # it would cancel the cell in the midst of what is paid for
    if isinstance(handler, functools.partial):
        return isinstance(getattr(handler.func, "__self__", None), asyncio.Runner)
    return handler in {signal.SIG_DFL, signal.default_int_handler}
