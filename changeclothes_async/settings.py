"""All that a client is configured with, as one frozen value; what cannot work is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from changeclothes_async import arguments, checks, environment, errors
from changeclothes_async.protocol import addresses, retries


@dataclass(frozen=True, slots=True)
class _Number:
    """Which numbers an argument takes."""

    least: float
    whole: bool = False
    optional: bool = False

    def __str__(self) -> str:
        what = "a whole number" if self.whole else "a number"
        return f"{what} from {self.least:g} to {_MOST:,.0f}"


_MOST = 1e12
_NUMBERS = {
    "max_concurrency": _Number(1, whole=True),
    "max_waiting": _Number(0, whole=True, optional=True),
    "max_per_minute": _Number(1e-6, optional=True),
    "timeout": _Number(0.001),
    "connect_timeout": _Number(0.001),
    "deadline": _Number(0.001, optional=True),
    "max_result_bytes": _Number(1, whole=True),
    "retries": _Number(0, whole=True),
}
# Accept-Encoding too: an answer that is compressed in another way would be paid for and lost.
_OURS = {
    *("authorization", "accept-encoding", "content-encoding", "content-type", "content-length"),
    *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
}
_HEADER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How results are fetched; `near` allows this machine's own addresses, for the sandbox."""

    near: bool = False
    max_result_bytes: int = 64 * 2**20
    connect_timeout: float = 20.0
    proxy: str | None = field(default=None, repr=False)
    ssl: Any = True
    trust_env: bool = False

    def portable(self) -> Fetching:
        """Return a copy fit for a pickle: without a proxy's password and a TLS context."""
        return replace(self, proxy=None, ssl=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a client is configured with; times in seconds, sizes in bytes.

    `timeout` is one attempt's and does not count the wait for a slot; `deadline` covers that wait,
    all attempts and the pauses; `connect_timeout` ends an attempt that finds no connection.
    """

    api_key: SecretStr
    base_url: str
    max_concurrency: int = 8
    max_waiting: int | None = None
    max_per_minute: float | None = None
    timeout: float = 300.0
    connect_timeout: float = 20.0
    deadline: float | None = None
    retry: retries.Policy = field(default_factory=retries.Policy)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    ssl: Any = True
    trust_env: bool = False
    trace_configs: Sequence[Any] = field(default=(), repr=False)
    max_result_bytes: int = 64 * 2**20
    resend_unsure: bool = False
    edge: int | None = None
    """The longest edge of what is uploaded, in pixels; None for pictures as they are."""

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_proxy(self.proxy)
        checks.verifying(self.ssl)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "A client cannot be pickled, since its key would be too; make one where it is used "
            f"({environment.KEY_VARIABLE} hands the key over)."
        )

    @property
    def fetching(self) -> Fetching:
        """How the results of such a client are fetched."""
        return Fetching(
            near=addresses.is_here(self.base_url),
            max_result_bytes=self.max_result_bytes,
            connect_timeout=self.connect_timeout,
            proxy=self.proxy,
            ssl=self.ssl,
            trust_env=self.trust_env,
        )

    def changed(self, *, retries: int | None = None, **changes: Any) -> Settings:
        """Return a copy with other values; `retries` changes the number inside the policy."""
        if retries is not None:
            changes["retry"] = replace(self.retry, retries=retries)
        return replace(self, **changes)


def from_arguments(
    api_key: str | SecretStr | None,
    base_url: str | None,
    retries_: int,
    *,
    headers: Mapping[str, str] | None = None,
    **others: Any,
) -> Settings:
    """Make settings out of a client's arguments, the environment filling in key and origin.

    Raises MissingKey, or InvalidInput naming the argument.
    """
    return Settings(
        api_key=environment.key(api_key),
        base_url=environment.base_url(base_url),
        retry=retries.Policy(retries=retries_),
        headers={} if headers is None else _headers(headers),
        **others,
    )


def _check_numbers(settings: Settings) -> None:
    for name, number in _NUMBERS.items():
        value = getattr(settings.retry if name == "retries" else settings, name)
        if value is None and number.optional:
            continue
        arguments.expect(name, value, str(number), int, *(() if number.whole else (float,)))
        if value is None or isinstance(value, bool) or not number.least <= value <= _MOST:
            raise errors.InvalidInput(
                f"{name}={arguments.shown(value)} is not accepted.", next_step=f"Give {number}."
            )


def _check_proxy(proxy: str | None) -> None:
    if proxy is None:
        return
    address = "its address such as http://proxy.example:8080"
    arguments.expect("proxy", proxy, address, str)
    parts = addresses.parts(proxy)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise errors.InvalidInput(
            "proxy is not an http:// or https:// address.", next_step=f"Give {address}."
        )


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of them, checked."""
    arguments.expect("headers", headers, "a mapping of names to values", Mapping)
    for name, value in headers.items():
        arguments.expect("A name in headers", name, "a string", str)
        # A whole line in place of a name may hold the key.
        named = repr(name[:60]) if re.fullmatch(_HEADER, name) else "a name"
        arguments.expect(f"headers: the value of {named}", value, "a string", str)
        if name.lower() in _OURS or not re.fullmatch(_HEADER, name):
            raise errors.InvalidInput(
                f"headers: {named} is set by the client, or is not a header name.",
                next_step="Leave it out (the key is api_key=…).",
            )
        if not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value):
            raise errors.InvalidInput(
                f"headers: the value of {named} holds characters that no header can carry.",
                next_step="Leave those out.",
            )
    return dict(headers)
