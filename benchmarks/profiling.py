"""Where does a call's time go: `python -m benchmarks.profiling ours small`."""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats

from benchmarks import harness, peers, worker
from benchmarks.workloads import WORKLOADS


def main() -> None:
    """Carry one workload under the profiler of the standard library, in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=peers.TITLES)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--lines", type=int, default=40)
    asked = parser.parse_args()
    work = WORKLOADS[asked.workload]
    with harness.sink() as origin, harness.files_of(work) as files, cProfile.Profile() as profile:
        found = asyncio.run(worker.measure(asked.peer, work, origin, files, tick=False))
    pstats.Stats(profile).sort_stats("tottime").print_stats(asked.lines)
    print(found)


if __name__ == "__main__":
    main()
