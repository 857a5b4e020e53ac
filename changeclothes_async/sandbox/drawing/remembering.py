"""Keeps the newest of what was made out of files, for files that come again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Maker = Callable[Concatenate[bytes, P], T]


def remembered(most: int) -> Callable[[Maker[P, T]], Maker[P, T]]:
    """Let a function of a file's bytes keep its `most` newest values, but not the bytes.

    Threads that want the same value at once wait for one of them to make it.
    """

    def keeping(make: Maker[P, T]) -> Maker[P, T]:
        made: OrderedDict[object, T] = OrderedDict()
        lock = threading.Lock()

        def remember(file: bytes, /, *args: P.args, **kwargs: P.kwargs) -> T:
            key = hashlib.sha256(file).digest(), args, tuple(sorted(kwargs.items()))
            with lock:
                if key not in made:
                    made[key] = make(file, *args, **kwargs)
                made.move_to_end(key)
                if len(made) > most:
                    made.popitem(last=False)
                return made[key]

        return remember

    return keeping
