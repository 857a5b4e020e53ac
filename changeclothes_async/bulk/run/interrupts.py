"""Ctrl-C, SIGTERM and SIGHUP during a run: what is paid for arrives; a second Ctrl-C stops now.

Rules of this file:

* A signal is heard through the loop, which it wakes. A handler of Python's own would run only when
  the loop wakes by itself, if the signal comes just before it begins to wait.
* Where somebody else handles a signal (a web server does), it stays with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Hear: TypeAlias = Callable[[], None]

_WISHES = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)  # a terminal or a connection that goes away; not Windows


@contextlib.contextmanager
def handled(first: Hear, second: Hear) -> Iterator[None]:
    """Call `first` in the running loop at the first signal, `second` at each further wish to stop.

    A hangup may come twice, from system and shell, and means nothing more the second time.
    Only in the main thread, the one that gets signals. Runs that go on side by side all hear.
    """
    calls = [first]

    def hear() -> None:
        (calls.pop() if calls else second)()

    def hear_hangup() -> None:
        if calls:
            hear()

    with contextlib.ExitStack() as heard:
        if threading.current_thread() is threading.main_thread():
            for number in _WISHES:
                heard.enter_context(_heard(number, hear))
            if _HANGUP:
                heard.enter_context(_heard(_HANGUP, hear_hangup))
        yield


@contextlib.contextmanager
def _heard(number: signal.Signals, hear: Hear) -> Iterator[None]:
    if number not in _ears and _is_default(signal.getsignal(number)):
        _ears[number] = _Ear(number)
    if (ear := _ears.get(number)) is None:
        yield
        return
    ear.hearers.append(hear)
    try:
        yield
    finally:
        ear.hearers.remove(hear)
        if not ear.hearers:
            del _ears[number]
            ear.close()


class _Ear:
    """One signal's handler, as long as there is a run to be told."""

    def __init__(self, number: signal.Signals) -> None:
        self.hearers: list[Hear] = []
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._before = signal.getsignal(number)
        try:
            self._loop.add_signal_handler(number, self._hear)
        except (NotImplementedError, RuntimeError):  # on Windows, where any signal wakes the loop
            signal.signal(number, lambda *_: self._loop.call_soon_threadsafe(self._hear))
        self._ours = signal.getsignal(number)

    def close(self) -> None:
        """Put back what was there before, unless somebody has taken over meanwhile.

        A notebook's next cell does, while a run goes on in a task of its own.
        """
        after = self._before if self._is_in_place() else signal.getsignal(self._number)
        with contextlib.suppress(NotImplementedError):
            self._loop.remove_signal_handler(self._number)
        signal.signal(self._number, after)

    def _is_in_place(self) -> bool:
        return signal.getsignal(self._number) is self._ours

    def _hear(self) -> None:
        for hear in list(self.hearers) if self._is_in_place() else ():
            hear()


_ears: dict[signal.Signals, _Ear] = {}


def _is_default(handler: Any) -> bool:
    """Tell whether a handler is Python's own, or what asyncio or a notebook puts in its place."""
    if getattr(handler, "__module__", "") == "ipykernel.ipkernel":
        return True  # it would cancel the cell in the midst of what is paid for
    if isinstance(handler, functools.partial):
        return isinstance(getattr(handler.func, "__self__", None), asyncio.Runner)
    return handler in {signal.SIG_DFL, signal.default_int_handler}
