"""A cluster in this process: workers behind links that can be cut, frozen, or made to lose things.

What travels is pickled, as dask would do. What was begun at a worker goes on there whoever has
stopped waiting for it.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from changeclothes_async.bulk.cluster import agent as agents
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster import worker as workers


@dataclass
class Link:
    """The way to one worker.

    `changes` is what the worker's own machine makes of the terms it is hired with.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    orders: list[messages.Order] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    terms: list[messages.Terms] = field(default_factory=list)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _losses: list[tuple[str, str]] = field(default_factory=list)
    _is_dead: bool = False

    def __post_init__(self) -> None:
        self._awake.set()

    def freeze(self) -> None:
        """Let nothing pass, neither way, until it is woken; nothing is lost."""
        self._awake.clear()

    def wake(self) -> None:
        """Let all pass that has waited."""
        self._awake.set()

    def lose(self, what: str, side: str) -> None:
        """Lose the next "request" of this kind, or the next "answer", when it was obeyed."""
        self._losses.append((what, side))

    def die(self) -> None:
        """Let nothing pass any more."""
        self._is_dead = True
        self._awake.set()

    async def passes(self, what: str, side: str) -> None:
        """Wait until something passes; raises OSError where it never does."""
        await self._awake.wait()
        if self._is_dead or (what, side) in self._losses:
            if not self._is_dead:
                self._losses.remove((what, side))
            raise OSError(f"the {side} of {what} was lost")

    def told(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take note of what reaches the worker, and give it as it arrives there."""
        name, value = args[0], args[-1]
        if isinstance(value, messages.Terms):
            self.agents.append(name)
            self.terms.append(value)
            return name, replace(value, **self.changes)
        if isinstance(value, messages.Request):
            self.asked[value.method.__name__] += 1
            if value.method is agents.Agent.take:
                self.orders += value.arguments[0]
        return args


class Engine:
    """Stands for `engine.Engine`; `links` are the workers that are there."""

    is_own = False

    def __init__(self, *workers: str, private: bool = True) -> None:
        self.links = {worker: Link() for worker in workers}
        self.private = private
        self.is_gone = self.closed = False
        self._doing: set[asyncio.Future[Any]] = set()

    def is_private(self, worker: str) -> bool:
        return self.private and worker in self.links

    async def workers(self) -> list[str]:
        if self.is_gone or self.closed:
            raise OSError("no scheduler")
        return list(self.links)

    async def run(self, worker: str, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if self.is_gone or self.closed or worker not in self.links:
            raise OSError("no way there")
        link = self.links[worker]
        function, args = pickle.loads(pickle.dumps((function, args)))  # noqa: S301 - our own
        last = args[-1]
        what = last.method.__name__ if isinstance(last, messages.Request) else function.__name__
        await link.passes(what, "request")
        doing = asyncio.ensure_future(function(*link.told(args)))
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        answer = await asyncio.shield(doing)
        await link.passes(what, "answer")
        return pickle.loads(pickle.dumps(answer))  # noqa: S301 - our own

    async def kill(self, worker: str) -> None:
        """End a worker's process."""
        link = self.links.pop(worker)
        link.die()
        for name in link.agents:
            if agent := workers._agents.pop(name, None):
                await agent.close()

    def begin_anew(self, worker: str) -> list[agents.Agent]:
        """Start a worker's process again: it has no agent any more."""
        return [workers._agents.pop(name) for name in self.links[worker].agents]

    async def close(self) -> None:
        self.closed = True

    async def end(self) -> None:
        """End all that is left, for the end of a test."""
        for worker in list(self.links):
            await self.kill(worker)
