"""Every way in which a value shows itself: what a secret must be nowhere in."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

_PLAIN = (int, float, complex, bool, type(None), SecretStr, type)


def shown(value: Any) -> Iterator[str]:
    """All texts of a value: repr, str, what it holds, its pickle, its copies."""
    yield repr(value)
    yield str(value)
    yield from held(value)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        try:
            made = duplicate(value)
        except Exception as refusal:  # what cannot be copied leaks nothing, but its refusal may
            yield f"{refusal!r} {refusal}"
        else:
            yield from held(made)


def held(value: Any, seen: dict[int, Any] | None = None) -> Iterator[str]:
    """All texts that a value leads to, through attributes, slots and containers."""
    seen = {} if seen is None else seen
    if id(value) in seen or isinstance(value, _PLAIN):
        return
    seen[id(value)] = value  # kept, so that no number is given twice
    if isinstance(value, str | bytes | bytearray | memoryview):
        yield value if isinstance(value, str) else bytes(value).decode("latin-1")
    elif isinstance(value, dict):
        for pair in value.items():
            yield from held(list(pair), seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from held(one, seen)
    else:
        yield from held(getattr(value, "__dict__", {}), seen)
        yield from held(getattr(value, "args", ()), seen)
        for kind in type(value).__mro__:
            for name in kind.__dict__.get("__slots__", ()):
                yield from held(getattr(value, name, None), seen)


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """An error, all that it came from, and all that it is made of."""
    if error is not None:
        yield error
        yield from chained(error.__cause__)
        yield from chained(error.__context__)
        for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from chained(part)


def told(error: BaseException) -> Iterator[str]:
    """All that an error's report says, its frames' locals too; frames of tests apart."""
    for each in chained(error):
        report = traceback.TracebackException.from_exception(each, capture_locals=True)
        yield from report.format_exception_only()
        for frame in report.stack:
            if "/tests/" not in frame.filename:
                yield f"{frame.filename}:{frame.lineno} {frame.line} {frame.locals}"
