"""A dask cluster as people start it: a scheduler and workers, each a process that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from signal import SIGCONT
from subprocess import PIPE, STDOUT, Popen
from typing import Any

ROOT = Path(__file__).parents[3]
DEBUG = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "debug"}


class Processes:
    """Starts processes whose output goes to files of `folder`, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Popen[str]] = []
        self._schedulers = 0

    async def scheduler(self, *tls: str) -> tuple[str, Popen[str]]:
        """Start a scheduler, and give its address; `tls` are its options for certificates."""
        self._schedulers += 1
        file = self.folder / f"scheduler-{self._schedulers}.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", *tls]
        process = self.module("distributed.cli.dask_scheduler", *options, "--scheduler-file", file)
        await until(lambda: file.exists() and file.read_text().endswith("}"))
        return json.loads(file.read_text())["address"], process

    def worker(self, address: str, *tls: str, **environment: str) -> Popen[str]:
        """Start a worker of one thread."""
        options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"]
        return self.module(
            "distributed.cli.dask_worker",
            address,
            *options,
            *tls,
            "--local-directory",
            self.folder,
            environment=environment,
        )

    def module(
        self, name: str, *arguments: object, environment: Mapping[str, str] | None = None
    ) -> Popen[str]:
        """Start a module in a session of its own, so that a Ctrl-C reaches nobody else."""
        log = self.folder / f"{len(self.started):02}-{name.rpartition('.')[2]}.log"
        with log.open("w") as file:
            process = Popen(
                [sys.executable, "-m", name, *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, **DEBUG, **(environment or {})},
                stdin=PIPE,
                stdout=file,
                stderr=STDOUT,
                start_new_session=True,
                text=True,
            )
        self.started.append(process)
        return process

    def said(self, process: Popen[str]) -> str:
        """Give what a process has written so far."""
        [log] = self.folder.glob(f"{self.started.index(process):02}-*.log")
        return log.read_text()

    def end(self) -> None:
        """Kill all that is left; also what was stopped."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(SIGCONT)
            process.kill()
            process.communicate()


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Give something to start processes with; they end with it."""
    ours = Processes(folder)
    try:
        yield ours
    finally:
        ours.end()


async def until(true: Callable[[], Any], seconds: float = 60, pause: float = 0.02) -> None:
    """Wait until something is true, as others make it who can tell nobody."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(pause)


async def ended(process: Popen[str], seconds: float = 60) -> int:
    """Wait for a process, and give its exit code."""
    await until(lambda: process.poll() is not None, seconds)
    return process.wait()
