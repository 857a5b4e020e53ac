"""Run all of it: `python -m tests.soak [CALLS] [SEED]`; ends with 1 where something was lost."""

from __future__ import annotations

import asyncio
import secrets
import sys

from tests.soak import bulk, web


def main(calls: int = 200_000, seed: int | None = None) -> int:
    """Soak, print figures, give the exit code."""
    seed = secrets.randbits(32) if seed is None else seed
    print(f"seed {seed}")
    print(f"\n{calls:,} jobs to the end")
    held = [asyncio.run(bulk.to_the_end(calls, seed))]
    print(f"\n{calls // 2:,} jobs, left at random")
    held.append(asyncio.run(bulk.with_leavers(calls // 2, seed)))
    print("\na web app with a ledger")
    held.append(asyncio.run(web.visited(max(1000, calls // 40), seed)))
    print("\nall accounted for" if all(held) else f"\nNOT ACCOUNTED FOR: {held}")
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
