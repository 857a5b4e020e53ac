"""Runs to be killed: each in a process of its own, forked from one that has imported everything.

    python -m tests.bulk.crashing

reads a round a line, as JSON, and answers each with its exit code (-9 for the killed).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]


class Rounds:
    """The forking process, as a test holds it."""

    def __enter__(self) -> Self:
        self._process = start("tests.bulk.crashing")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stop(self._process)

    def run(
        self,
        url: str,
        out: Path,
        size: Sequence[int],
        *,
        die_at: str | None = None,
        signals: Sequence[tuple[float, int]] = (),
        at_once: bool = False,
        **options: Any,
    ) -> int:
        """Run a grid of this size to its end, or to the kill; give the exit code.

        It dies by its own hand at the first event `die_at`, or by `signals`, each so many seconds
        after the one before; the first after the first claim, or `at_once` after the start.
        """
        told = {"url": url, "out": str(out), "size": size, "die_at": die_at, "options": options}
        print(
            json.dumps({**told, "signals": signals, "at_once": at_once}),
            file=self._process.stdin,
            flush=True,
        )
        assert self._process.stdout
        return int(self._process.stdout.readline())


def start(module: str, *arguments: str) -> Popen[str]:
    """Start a module that is spoken to through its pipes."""
    command = [sys.executable, "-m", module, *arguments]
    return Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True)


def stop(process: Popen[str]) -> None:
    """End it by closing its pipes."""
    process.communicate(timeout=30)


def main() -> None:
    """Fork a child for each round."""
    from changeclothes_async import transport
    from changeclothes_async.bulk.progress import bars
    from changeclothes_async.bulk.run import making, runner
    from changeclothes_async.transport import fetching, sending
    from tests.bulk import service

    # Imported for the children, which begin where this ends.
    del transport, bars, runner, making, fetching, sending, service
    for line in sys.stdin:
        print(_round(**json.loads(line)), flush=True)


def _round(signals: list[tuple[float, int]], at_once: bool, **told: Any) -> int:
    hearing, telling = os.pipe()
    if not (child := os.fork()):
        os.close(hearing)
        _child(telling, **told)
    os.close(telling)
    if signals and not at_once:
        os.read(hearing, 1)
    for seconds, number in signals:
        time.sleep(seconds)
        os.kill(child, number)  # not waited for yet, so the number is still the child's
    _, status = os.waitpid(child, 0)
    os.close(hearing)
    return os.waitstatus_to_exitcode(status)


def _child(telling: int, **told: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        code = asyncio.run(_grid(telling, **told))
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _grid(
    telling: int, url: str, out: str, size: list[int], die_at: str | None, options: dict[str, Any]
) -> int:
    from changeclothes_async import AsyncChangeClothes, Event
    from tests.bulk import service

    def listen(event: Event) -> None:
        if event.kind == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if event.kind == "claimed":
            os.write(telling, b".")

    async with AsyncChangeClothes("key-of-tests", url, max_concurrency=16) as client:
        await client.run_grid(service.grid(*size), out, on_event=listen, gallery=False, **options)
    return 0


if __name__ == "__main__":
    main()
