"""The client's process: one peer carries one workload, and prints what that cost as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from benchmarks import meters, peers, workloads


async def measure(
    peer: str, work: workloads.Workload, origin: str, files: Path, *, tick: bool
) -> dict[str, float]:
    """Microseconds a call, MB above the start, and (with `tick`) the loop's worst stall in ms.

    Memory counts from a client that has made a few tiny calls, so that imports and connections
    are not in it and everything the workload itself needs is; processor time counts from after a
    warm-up with the workload itself.
    """
    async with peers.load(peer)(origin, work.in_flight) as carry:
        await carry(workloads.TINY.jobs(files))
        memory = meters.Memory()
        with meters.stalls() if tick else nullcontext() as stall:
            if not tick:
                await carry(work.jobs(files, warm_up=True))
            cpu, wall = meters.cpu_seconds(), time.perf_counter()
            await carry(work.jobs(files))
            cpu, wall = meters.cpu_seconds() - cpu, time.perf_counter() - wall
        found = {"cpu": cpu / work.calls * 1e6, "wall": wall / work.calls * 1e6}
        found["memory"] = memory.growth()
        if stall:
            found |= {"stall": stall.longest * 1e3, "busy": stall.busy * 1e3}
        return found


async def once(peer: str, work: workloads.Workload, origin: str, files: Path) -> None:
    """One call by a process that does nothing else: whoever started it reads the clock."""
    async with peers.load(peer)(origin, 1) as carry:
        await carry([next(work.jobs(files))])


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("workload")
    parser.add_argument("origin")
    parser.add_argument("files", type=Path)
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--tick", action="store_true", help="watch the loop, without a warm-up")
    parser.add_argument("--once", action="store_true", help="one call, nothing measured")
    asked = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    work = workloads.WORKLOADS[asked.workload]
    work = replace(
        work, in_flight=asked.in_flight or work.in_flight, calls=asked.calls or work.calls
    )
    if asked.once:
        asyncio.run(once(asked.peer, work, asked.origin, asked.files))
        return
    found = measure(asked.peer, work, asked.origin, asked.files, tick=asked.tick)
    print(json.dumps(asyncio.run(found)))


if __name__ == "__main__":
    main()
