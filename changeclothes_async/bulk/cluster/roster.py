"""Who works for a run: a cluster's workers as they come and go, each with its agent.

A worker that is there is hired; one that cannot be used is left alone and said so. What is under
way elsewhere never waits for one that does not answer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from changeclothes_async import errors
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster.engine import Engine
from changeclothes_async.bulk.cluster.member import Member
from changeclothes_async.bulk.cluster.worker import hire_agent

_log = logging.getLogger("changeclothes_async")

_COMING = 60.0
_LOOK = 1.0
_ANSWER = 5.0
_HIRING = 15.0
_GONE = 20.0


class Roster:
    """The agents of one run; `terms` gives what a worker is hired with, by an agent's name."""

    def __init__(
        self, engine: Engine, terms: Callable[[str, str], Awaitable[messages.Terms]]
    ) -> None:
        self._engine, self._terms = engine, terms
        self._members: dict[str, Member] = {}
        self._hiring: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, errors.ChangeClothesError] = {}
        self._changed = asyncio.Event()
        self._seen_at = messages.now()
        self._gone: str | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Hire the first worker; the others join as they answer. Raises ClusterFailed."""
        ends = messages.now() + _COMING
        while not self._members:
            if messages.now() > ends:
                raise errors.ClusterFailed(f"No worker was there for {_COMING:.0f} seconds.")
            self._update(await self._workers(_COMING))
            if self._hiring:
                await asyncio.wait(self._hiring.values(), return_when=asyncio.FIRST_COMPLETED)
            elif self._refused:
                raise next(iter(self._refused.values()))
            else:
                await asyncio.sleep(_LOOK)
        self._watch = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """End all agents, as far as they answer."""
        for task in (self._watch, *self._hiring.values()):
            if task:
                task.cancel()
        ends = [asyncio.ensure_future(each.dismiss()) for each in self._members.values()]
        if ends:
            _, hanging = await asyncio.wait(ends, timeout=_ANSWER)
            for end in hanging:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        for each in self._members.values():
            each.lose("the run is over")

    def least(self, fits: Callable[[Member], bool] = lambda _: True) -> Member | None:
        """Return the agent with the fewest orders, of those that are heard; None where none is."""
        able = [each for each in self._members.values() if each.is_heard() and fits(each)]
        return min(able, key=lambda member: member.load, default=None)

    async def any(self, patience: float) -> Member:
        """Return the agent with the fewest orders, waiting so many seconds where there is none.

        Raises NotSent, which is final where the scheduler is gone.
        """
        try:
            async with asyncio.timeout(patience):
                while (member := self.least()) is None:
                    if self._gone:
                        raise errors.NotSent(self._gone, final=True)
                    self._changed.clear()
                    await self._changed.wait()
                return member
        except TimeoutError:
            raise errors.NotSent("No worker of the cluster is there.") from None

    async def _keep_looking(self) -> None:
        while self._gone is None:
            await asyncio.sleep(_LOOK)
            try:
                workers = await self._workers(_ANSWER)
            except errors.ClusterFailed as failure:
                if messages.now() - self._seen_at > _GONE:
                    self._lose_all(failure.message)
            else:
                self._seen_at = messages.now()
                self._update(workers)
            self._changed.set()

    async def _workers(self, patience: float) -> list[str]:
        try:
            async with asyncio.timeout(patience):
                return await self._engine.workers()
        except Exception as error:  # dask's own, of many kinds: no scheduler answers
            kind = type(error).__name__
        raise errors.ClusterFailed(f"The scheduler is gone ({kind}).")

    def _update(self, workers: Sequence[str]) -> None:
        for worker, member in list(self._members.items()):
            member.note_listed(worker in workers)
            if member.gone:
                _log.warning("The worker %s is lost: %s.", worker, member.gone)
                del self._members[worker]
        for worker in self._refused.keys() - workers:
            del self._refused[worker]  # it may come back mended
        known = {*self._members, *self._hiring, *self._refused}
        for worker in workers:
            if worker not in known:
                self._hiring[worker] = task = asyncio.create_task(self._hire(worker))
                task.add_done_callback(partial(self._hired, worker))

    def _hired(self, worker: str, _: asyncio.Task[None]) -> None:
        del self._hiring[worker]

    async def _hire(self, worker: str) -> None:
        # A name of its own each time: what one agent was told is never taken for another's.
        name = f"changeclothes-{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(_HIRING):
                terms = await self._terms(worker, name)
                hired = await self._engine.run(worker, hire_agent, name, terms)
        except OSError as error:  # also TimeoutError: busy, frozen or just gone; asked again soon
            _log.info("The worker %s did not answer (%r).", worker, error)
            return
        except Exception as error:  # such as an import that fails over there
            hired = error
        if isinstance(hired, messages.Hired):
            self._members[worker] = Member(self._engine, worker, name, hired)
            through = "" if hired.saves else "; its pictures are saved by the driver"
            _log.info("The worker %s joined the run%s.", worker, through)
            self._changed.set()
        else:
            self._refused[worker] = _unusable(worker, hired)
            _log.warning("%s", self._refused[worker])

    def _lose_all(self, reason: str) -> None:
        self._gone = reason
        for member in self._members.values():
            member.lose(reason)


def _unusable(worker: str, error: Exception) -> errors.ChangeClothesError:
    failure = error if isinstance(error, errors.ChangeClothesError) else None
    kind = type(failure) if failure else errors.ClusterFailed
    words = failure.message if failure else repr(error)
    return kind(
        f"The worker {worker} cannot be used: {words}",
        next_step=failure.next_step if failure else None,
    )
