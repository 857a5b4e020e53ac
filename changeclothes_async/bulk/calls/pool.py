"""Many jobs through one client: read lazily, bounded, one failure never losing the others.

Rules of this file:

* At most `limit` jobs are read and not yet handed over: a slow consumer slows the reading.
* An error of the account ends the reading; what is under way still arrives.
* A consumer that leaves early leaves no task behind; attempts on the wire belong to the sender.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
)
from typing import TypeAlias

from changeclothes_async import errors, results
from changeclothes_async.protocol import requests
from changeclothes_async.transport import logs

_log = logging.getLogger("changeclothes_async")

Jobs: TypeAlias = Iterable[requests.Job] | AsyncIterable[requests.Job]
Run: TypeAlias = Callable[[requests.Job], Awaitable[results.Look]]


async def as_completed(run: Run, jobs: Jobs, limit: int) -> AsyncGenerator[results.Outcome]:
    """Yield the jobs' outcomes as they come; raises what the jobs' iterator raised, at the end."""
    pool = _Pool(run, limit)
    feeder = asyncio.create_task(pool.feed(_iterated(jobs)))
    try:
        while (outcome := await pool.taken()) is not None:
            yield outcome
        await feeder
    finally:
        await _ended([feeder, *pool.tasks])
        for untaken in pool.untaken():
            _report(untaken)


async def gather(run: Run, jobs: Jobs, limit: int) -> list[results.Outcome]:
    """Return all outcomes in the order of the jobs; those never started hold BatchStopped.

    Whatever else ends it is raised, with a note of each result that was paid.
    """
    iterator = _iterated(jobs)
    outcomes: list[results.Outcome] = []
    try:
        async for outcome in as_completed(run, iterator, limit):
            outcomes.append(outcome)  # noqa: PERF401 - what was collected must outlive a cancellation
        outcomes.sort(key=lambda outcome: outcome.index)
        stopper = next((each.error for each in outcomes if _stops(each.error)), None)
        async for job in iterator:
            stopped = errors.BatchStopped(f"Not started: {stopper and stopper.message}")
            outcomes.append(results.Failure(len(outcomes), job, stopped))
    except BaseException as error:
        for untaken in outcomes:
            _report(untaken)
            if untaken.result is not None:
                error.add_note(f"Paid before this, job {untaken.index}: {untaken.result.url}")
        raise
    return outcomes


class _Pool:
    """The jobs under way, and the outcomes not yet handed over."""

    def __init__(self, run: Run, limit: int) -> None:
        self._run = run
        self._free = asyncio.Semaphore(limit)
        self._done: asyncio.Queue[results.Outcome | Exception | None] = asyncio.Queue()
        self._stopped = False
        self.tasks: set[asyncio.Task[None]] = set()

    async def taken(self) -> results.Outcome | None:
        """Wait for the next outcome; None when there is none to come."""
        outcome = await self._done.get()
        self._free.release()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def untaken(self) -> Iterator[results.Outcome]:
        """Yield the outcomes that nobody took."""
        while not self._done.empty():
            outcome = self._done.get_nowait()
            if isinstance(outcome, results.Outcome):
                yield outcome

    async def feed(self, jobs: AsyncIterator[requests.Job]) -> None:
        """Start jobs while there is room, then wait for the last of them."""
        try:
            await self._start_all(jobs)
        finally:
            if self.tasks:
                await asyncio.wait(self.tasks)
            self._done.put_nowait(None)

    async def _start_all(self, jobs: AsyncIterator[requests.Job]) -> None:
        index = 0
        await self._free.acquire()
        while not self._stopped:
            try:
                job = await anext(jobs)
            except StopAsyncIteration:
                return
            task = asyncio.create_task(self._one(index, job))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            index += 1
            await self._free.acquire()

    async def _one(self, index: int, job: requests.Job) -> None:
        try:
            outcome: results.Outcome = results.Success(index, job, await self._run(job))
        except errors.ChangeClothesError as error:
            outcome = results.Failure(index, job, error)
            if _stops(error):
                self._stopped = True
        except Exception as defect:  # whoever consumes must not wait for it for ever
            self._done.put_nowait(defect)
            return
        self._done.put_nowait(outcome)


def _report(outcome: results.Outcome) -> None:
    """Log an outcome that may be paid and that nobody took: it must not be lost."""
    if outcome.result is not None:
        _log.warning("Job %s was paid, and nobody took it: %s", outcome.index, outcome.result)
    elif outcome.error is not None and outcome.error.money != "not spent":
        words = logs.words(outcome.error)
        _log.warning("Job %s ended, and nobody looked: %s", outcome.index, words)


def _stops(error: BaseException | None) -> bool:
    return isinstance(error, errors.AccountError | errors.ClientClosed)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _iterated(jobs: Jobs) -> AsyncIterator[requests.Job]:
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job
