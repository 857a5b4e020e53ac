"""dask.distributed, of which only this file knows: a cluster's workers, and functions run on them.

Functions are run beside the scheduler's tasks (`Client.run`): none is a task, so the scheduler
can neither retry, steal nor forget one. Everything goes through the scheduler, so a driver needs
no way to the workers, nor they one to it.

A scheduler with an idle-timeout ends a cluster that has no tasks, so an empty one is given to it
now and then.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol, TypeAlias

from changeclothes_async import errors


class Cluster(Protocol):
    """A cluster of dask's, such as a `distributed.LocalCluster`."""

    @property
    def scheduler_address(self) -> str:
        """Where its scheduler listens."""
        ...


class Connected(Protocol):
    """A `distributed.Client`."""

    @property
    def scheduler(self) -> Any:
        """The scheduler it is connected to."""
        ...


Where: TypeAlias = str | int | Cluster | Connected
"""A scheduler's address, a `distributed.Client` or cluster, "local", or a number of processes."""

_REACHING = 20.0
_IN_USE = 10.0  # seconds between two signs of it; idle-timeouts are minutes


class Engine:
    """A connection to a cluster; made by `open`, ended by `close`."""

    def __init__(self, client: Any, stack: AsyncExitStack, is_own: bool) -> None:
        self._client = client
        self._stack = stack
        self.is_own = is_own
        """Whether its workers are children of this process."""

    @classmethod
    async def open(cls, where: Where) -> Engine:
        """Connect to a cluster, or start one on this machine.

        Raises InvalidInput, MissingExtra, and ClusterFailed where nothing answers.
        """
        distributed = _distributed()
        async with AsyncExitStack() as stack:
            address, security = await _address(where, distributed, stack)
            try:
                client = distributed.Client(
                    address,
                    security=security,
                    asynchronous=True,
                    set_as_default=False,
                    timeout=_REACHING,
                    name="changeclothes",
                )
                stack.push_async_callback(client.close)
                await client
            except Exception as error:  # dask's own, of many kinds
                failure = errors.ClusterFailed(f"No scheduler answers at {address} ({error}).")
            else:
                stack.callback(asyncio.create_task(_keep_in_use(client)).cancel)
                return cls(client, stack.pop_all(), _is_own(where))
        raise failure

    async def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        await self._stack.aclose()

    def is_private(self, worker: str) -> bool:
        """Tell whether nobody else can read what is sent to a worker, on all of its way."""
        ways = (self._client.scheduler.address, worker)
        return all(way.startswith(("tls://", "inproc://")) for way in ways)

    async def workers(self) -> list[str]:
        """Return the addresses of the workers that are there now."""
        return list(await self._client.nthreads())

    async def run(self, worker: str, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Run a function in a worker's event loop, return its result; raises what dask raises."""
        answers = await self._client.run(function, *args, workers=[worker])
        return answers[worker]


async def _address(where: Where, distributed: Any, stack: AsyncExitStack) -> tuple[str, Any]:
    """Return a scheduler's address, and what is needed to be let in."""
    if isinstance(where, str) and "://" in where:
        return where, None  # dask's own configuration knows the certificates
    if _is_own(where):
        count = where if isinstance(where, int) else os.cpu_count() or 1
        cluster = await stack.enter_async_context(_local(distributed, count))
        return cluster.scheduler_address, cluster.security
    scheduler = getattr(where, "scheduler", None)
    address = getattr(where, "scheduler_address", None) or getattr(scheduler, "address", None)
    if address is None:
        raise errors.InvalidInput(
            f"cluster is of type {type(where).__name__}, which is not a cluster.",
            next_step="Give a scheduler's address such as 'tcp://host:8786', a distributed.Client, "
            "'local', or a number of processes, 1 or more.",
        )
    # A connection of our own: the given one may live in another thread's loop.
    return address, getattr(where, "security", None)


async def _keep_in_use(client: Any) -> None:
    while client.status in {"running", "connecting"}:
        client.submit(int, pure=False)
        await asyncio.sleep(_IN_USE)


def _is_own(where: Where) -> bool:
    return where == "local" or (type(where) is int and where > 0)


def _local(distributed: Any, count: int) -> Any:
    import dask.config

    # Without this each exchange is a TLS handshake.
    dask.config.set({"distributed.scheduler.reuse-broadcast-comm": True})
    return distributed.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        memory_limit=0,  # a worker that is restarted for its memory leaves paid calls unanswered
        protocol="tls://",  # the key is sent over TLS only
        security=distributed.Security.temporary(),
        dashboard_address="127.0.0.1:0",  # its own port 8787 may be taken, and open to all
        silence_logs=logging.ERROR,
        asynchronous=True,
    )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise errors.missing_extra("A cluster needs dask", "cluster") from None
    return distributed
