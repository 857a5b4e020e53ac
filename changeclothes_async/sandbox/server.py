"""The sandbox as its users hold it: an account, what reached it, and a server on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web

from changeclothes_async.sandbox import accounts, endpoints, page, studio, tiny, wire
from changeclothes_async.sandbox.background import Background
from changeclothes_async.sandbox.faults import Script, scripted
from changeclothes_async.sandbox.records import Call

_PATIENCE = 0.1
"""Seconds that open connections are given at the end."""


class Sandbox:
    """A real HTTP server on loopback that speaks the API; no account, no network.

    `async with` runs it on the running loop, `with` in a thread of its own; it may be run again.

    The account: `api_key` (a random one unless given), `credits` (None never runs out) of which a
    call takes `cost`, or `trial`, a number of uses that are taken instead of credits.
    The answers: `latency` in seconds, fixed or (least, most); `faults`, one for each call in turn
    (None for none) or `RandomFaults`; `charge_failures`, whether 500 and 20001 cost; `http_errors`,
    whether failures come as HTTP errors instead of HTTP 200; `draw`, whether results are drawn,
    which needs the extra `pictures`, or tiny; `max_picture` in bytes; `seed` for what is random.
    The address: `host`, loopback only, and `port`, 0 for any that is free.

    Refused as harmful (10005): a prompt or description with the word "nude" or "naked", and a
    picture that ends with the bytes `sandbox:harmful`.
    """

    def __init__(
        self,
        *,
        credits: int | None = 100,  # noqa: A002 - the API's own word
        trial: int | None = None,
        cost: int = 1,
        api_key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float | tuple[float, float] = 0.0,
        faults: Script = (),
        charge_failures: bool = False,
        http_errors: bool = False,
        draw: bool = True,
        max_picture: int = 64 * 2**20,
        seed: int = 0,
    ) -> None:
        self._host = _loopback(host)
        self._port = port
        self._draw = draw
        self._means = (credits, trial, cost)
        self._manners = endpoints.Manners(
            latency=_range(latency),
            faults=scripted(faults),
            charge_failures=charge_failures,
            http_errors=http_errors,
            max_picture=max_picture,
            seed=seed,
        )
        self._key = api_key or accounts.new_key()
        self._runner: web.ServerRunner | None = None
        self._background: Background | None = None
        self._studio: endpoints.AnyStudio = tiny.TinyStudio()
        self._hosts: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[object]] = set()
        self._url = ""
        self.reset()

    def __repr__(self) -> str:
        where = self._url if self._runner else "not running"
        return f"<Sandbox {where}, {len(self.calls)} calls, {self.charges} charged>"

    @property
    def api_key(self) -> str:
        """The only key that it takes."""
        return self._key

    @property
    def url(self) -> str:
        """The origin to give to a client, such as `http://127.0.0.1:8787`."""
        if self._runner is None:
            raise RuntimeError("The sandbox is not running. Use it in `with` or `async with`.")
        return self._url

    @property
    def calls(self) -> list[Call]:
        """What reached the endpoints, oldest first; the newest 100,000 calls."""
        return self._endpoints.calls

    @property
    def charges(self) -> int:
        """How many credits, or trial uses, were taken."""
        return self._endpoints.account.charges

    @property
    def credits(self) -> int | None:
        """What is left to spend; set it to top up."""
        return self._endpoints.account.credits

    @credits.setter  # noqa: A003 - the API's own word
    def credits(self, left: int | None) -> None:
        self._endpoints.account.credits = left

    def reset(self) -> None:
        """Begin anew: no calls, no charges, credits, faults and chance as at the start."""
        account = accounts.Account(self._key, *self._means)
        self._endpoints = endpoints.Endpoints(account, self._manners)

    async def start(self) -> None:
        """Serve on the running loop, until `stop`."""
        if self._runner is not None:
            raise RuntimeError("The sandbox is running already. Stop it first, or make another.")
        if self._draw:
            self._studio = studio.Studio(self._is_own)
        runner = web.ServerRunner(wire.Server(self._handle), shutdown_timeout=_PATIENCE)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{host}:{site.port}"
        self._hosts = frozenset(f"{name}:{site.port}" for name in (host, "localhost", "127.0.0.1"))
        self._runner = runner

    async def stop(self) -> None:
        """Stop serving; calls in flight are broken off."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await runner.cleanup()
        self._studio.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._background = Background(self)
        self._background.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._background:
            self._background.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs each handler in a task
        self._tasks.add(task)
        try:
            return await self._route(request)
        finally:
            self._tasks.discard(task)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        # A page elsewhere whose name was made to lead here must not read this server.
        if request.headers.get("Host") not in self._hosts:
            return wire.failure(421, f"this sandbox is only at {self._url}")
        if request.path not in endpoints.PATHS:
            return await page.answer(request, self._studio, self._key)
        if request.method != "POST":
            return wire.failure(405, f"{request.path} takes only POST", allow="POST")
        return await self._endpoints.answer(request, self._studio)

    def _is_own(self, url: str) -> bool:
        return urlsplit(url).netloc in self._hosts


def _range(latency: float | tuple[float, float]) -> tuple[float, float]:
    least, most = latency if isinstance(latency, tuple) else (latency, latency)
    if not 0 <= least <= most:  # which no NaN is
        raise ValueError(f"latency={latency!r} is not a time. Give seconds, or (least, most).")
    return least, most


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ValueError(
        f"The sandbox serves this machine alone, not {host!r}. Give 127.0.0.1, ::1 or no host."
    )
