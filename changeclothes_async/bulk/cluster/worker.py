"""A worker's process as a run's driver reaches it: its agents by name, hired and asked.

Nothing here raises, since dask would log the arguments of what did: what goes wrong is given back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from functools import partial
from typing import Any

from pydantic import SecretStr

from changeclothes_async import environment, errors, settings
from changeclothes_async.bulk.cluster import messages, sealing
from changeclothes_async.bulk.cluster.agent import Agent

_agents: dict[str, Agent] = {}
_locks: dict[str, sealing.Lock] = {}


async def meet_agent(name: str) -> bytes:
    """Return the public half of the lock that secrets for an agent of this name are sealed for."""
    return _locks.setdefault(name, sealing.Lock()).public


async def hire_agent(
    name: str, terms: messages.Terms, dask_worker: Any = None
) -> messages.Hired | Exception:
    """Make this worker's agent for a run, if there is none yet; dask gives the `dask_worker`."""
    try:
        if terms.version != messages.version():
            raise errors.ClusterFailed(
                f"it has changeclothes-async {messages.version()}, "
                f"and the driver has {terms.version}.",
                next_step="Install the same version on both.",
            )
        if name not in _agents:
            logging.getLogger("distributed.worker").addFilter(_is_news)
            if terms.is_child and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            # Of a worker that is killed, dask clears away what is in its own directory.
            scratch = getattr(dask_worker, "local_directory", None)
            forget = partial(_forget, name, dask_worker)
            agent = Agent(_settings(name, terms), terms.place, forget, scratch)
            _agents[name] = agent
            if dask_worker is not None:
                dask_worker.plugins[name] = _Plugin(agent)
            await agent.open()
        return messages.Hired(messages.now(), saves=await asyncio.to_thread(_reaches, terms))
    except Exception as error:
        return messages.bare(error)


class _Plugin:
    """What dask asks to clear up before a worker ends, such as one that is retired."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def teardown(self, worker: Any) -> None:
        """Return when the worker may end."""
        del worker
        await self._agent.leave()


def _forget(name: str, dask_worker: Any) -> None:
    _agents.pop(name, None)
    if dask_worker is not None:
        dask_worker.plugins.pop(name, None)


async def ask_agent(name: str, request: messages.Request) -> Any:
    """Have a run's agent do what is requested, and return the answer, or what went wrong."""
    agent = _agents.get(name)
    try:
        return await request.method(agent, *request.arguments) if agent else messages.NoAgent()
    except Exception as error:
        return messages.bare(error)


def _reaches(terms: messages.Terms) -> bool:
    try:
        return (terms.place.root / terms.probe).exists()
    except Exception:  # an object store's many ways to let nobody in
        return False


def _settings(name: str, terms: messages.Terms) -> settings.Settings:
    secrets = messages.Secrets.opened(terms.secrets, _locks.pop(name)) if terms.secrets else None
    key = secrets.api_key if secrets else os.environ.get(environment.KEY_VARIABLE, "")
    if not key:
        raise errors.MissingKey(
            f"This worker has no {environment.KEY_VARIABLE}.",
            next_step=f"Set {environment.KEY_VARIABLE} where the workers start, or give the "
            "cluster TLS: the key is sent over TLS only.",
        )
    return settings.Settings(
        api_key=SecretStr(key),
        base_url=terms.base_url,
        connect_timeout=terms.connect_timeout,
        max_result_bytes=terms.max_result_bytes,
        trust_env=terms.trust_env,
        headers=secrets.headers if secrets else {},
        proxy=secrets.proxy if secrets else None,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a line of the worker's log is more than one of our many exchanges."""
    return record.args != (ask_agent.__name__,)
