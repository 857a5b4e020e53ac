"""Checks the arguments of a client and its methods before anything is sent.

Objects are known by their attributes: nothing is imported for it. All of these raise InvalidInput.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import requests

if TYPE_CHECKING:  # aiohttp loads with the first call
    from aiohttp import TraceConfig

    from changeclothes_async import settings

_LIST = "a list of jobs, or another iterable of them"


def session(given: Any) -> None:
    """Refuse what is not an open `aiohttp.ClientSession`, or could send a request again."""
    if given is None:
        return
    arguments.expect(
        "session", given, "an aiohttp.ClientSession", has=("post", "closed", "connector")
    )
    if given.closed:
        raise errors.InvalidInput(
            "The session is closed already.",
            next_step="Make the client inside its `async with`, or leave out session=….",
        )
    if getattr(given, "auth", None) is not None:
        raise errors.InvalidInput(
            "The session has auth=…, which conflicts with the API key.",
            next_step="Give a session without it; api_key is sent by the client itself.",
        )
    if getattr(given, "_middlewares", ()):
        raise errors.InvalidInput(
            "The session has middlewares, and one of them could send a paid request again.",
            next_step="Give a session without any; retries=…, headers=… and on_event=… do the "
            "same and know what may be sent twice.",
        )


def connector(session: Any, options: settings.Settings) -> None:
    """Refuse a session that verifies nothing, where its connector is what decides about that."""
    is_tls = options.base_url.lower().startswith("https:")
    if session is not None and options.ssl is True and is_tls:
        verifying(getattr(session.connector, "_ssl", True), "The session's connector")


def verifying(ssl: Any, what: str = "ssl") -> None:
    """Refuse what would hand the key to anyone who answers; `what` it belongs to is said."""
    if ssl is True or hasattr(ssl, "fingerprint"):  # aiohttp's, of a pinned certificate
        return
    if ssl is not False:
        arguments.expect(what, ssl, "an ssl.SSLContext, or leave it out", has=("wrap_bio",))
    if not all(getattr(ssl, each, False) for each in ("verify_mode", "check_hostname")):
        raise errors.InvalidInput(
            f"{what} does not check whose certificate it sees, and the key could go to anyone.",
            next_step="Give an ssl.SSLContext that trusts your own certificate, such as "
            "ssl.create_default_context(cafile=…), or an aiohttp.Fingerprint of it.",
        )


def listener(on_event: Any) -> None:
    """Refuse what cannot be called with an event, or would have to be awaited."""
    if on_event is None:
        return
    arguments.expect("on_event", on_event, "a function that takes one event", has=("__call__",))
    if any(map(inspect.iscoroutinefunction, (on_event, type(on_event).__call__))):
        raise errors.InvalidInput(
            "on_event is a coroutine function, which nobody would await.",
            next_step="Give a plain function; it may put events into a queue for others.",
        )


def switches(**given: Any) -> None:
    """Refuse what is neither True nor False: a string such as "false" would be taken for yes."""
    for name, value in given.items():
        arguments.expect(name, value, "True or False", bool)


def ledger(path: Any) -> None:
    """Refuse what is no path."""
    arguments.expect("ledger", path, "a path", str, os.PathLike, type(None))
    if path is not None and not os.fspath(path):
        raise errors.InvalidInput("ledger: the path is empty.", next_step="Give a file's path.")
    if arguments.is_address(path):
        raise errors.InvalidInput(
            "ledger is an address, and a ledger is a database on this machine.",
            next_step="Give a local path.",
        )


def jobs(given: Any) -> None:
    """Refuse what holds no jobs, even if it can be iterated over."""
    arguments.expect("jobs", given, _LIST, Iterable, AsyncIterable)
    if isinstance(given, str | bytes | Mapping | requests.Job):  # each is iterable too
        raise errors.InvalidInput(
            f"{type(given).__name__} is not a list.", next_step=f"Give {_LIST}."
        )


def work(grid: Any) -> None:
    """Refuse what is neither a grid nor a batch."""
    arguments.expect(
        "grid",
        grid,
        "a Grid; jobs, or a file of them, go to run_batch",
        has=("rows", "columns", "job", "examine"),
    )


def traced(trace_configs: Iterable[TraceConfig], session: object) -> Sequence[TraceConfig]:
    """Return the trace configs, for a session of the client's own."""
    arguments.expect("trace_configs", trace_configs, "a list of aiohttp.TraceConfig", Iterable)
    configs = tuple(trace_configs)
    for each in configs:
        arguments.expect("One of trace_configs", each, "an aiohttp.TraceConfig", has=("freeze",))
    if configs and session is not None:
        raise errors.InvalidInput(
            "trace_configs cannot be added to a session of your own.",
            next_step="Give them to that aiohttp.ClientSession, or leave out session=….",
        )
    return configs


def budget(max_calls: int | None) -> int | None:
    """Return a number of calls, None for as many as there are."""
    if max_calls is None:
        return None
    arguments.expect("max_calls", max_calls, "a whole number, 0 or more", int)
    if max_calls < 0 or isinstance(max_calls, bool):
        raise errors.InvalidInput(
            f"max_calls={max_calls} is not accepted.", next_step="Give a whole number, 0 or more."
        )
    return max_calls
