"""How long a program waits before its first line, only for having imported a client."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Samples
from benchmarks.report import Column, Table

_COMMANDS = {
    "nothing": ("-c", "pass"),
    "aiohttp": ("-c", "import aiohttp"),
    "aiohttp and pydantic": ("-c", "import aiohttp, pydantic"),
    "changeclothes_async": ("-c", "import changeclothes_async"),
    "changeclothes_async, and its client made": (
        "-c",
        "import changeclothes_async as c; c.AsyncChangeClothes(api_key='sk-benchmark')",
    ),
    "changeclothes --help": ("-m", "changeclothes_async", "--help"),
    "requests": ("-c", "import requests"),
    "httpx": ("-c", "import httpx"),
    "fal_client": ("-c", "import fal_client"),
    "replicate": ("-c", "import replicate"),
    "fashn": ("-c", "import fashn"),
    "openai": ("-c", "import openai"),
}


def ask(rounds: int) -> Iterator[Table]:
    """Time of a whole process, less that of one that imports nothing."""
    rounds *= 3
    found = harness.in_turn(
        rounds, list(_COMMANDS), lambda name: harness.spent(sys.executable, *_COMMANDS[name])
    )
    above = _above_nothing(found)
    columns = tuple(
        Column(title, above, measure, "ms", "aiohttp and pydantic")
        for measure, title in (("cpu", "CPU"), ("wall", "wall"))
    )
    yield Table("importing", "Time to import", {name: f"`{name}`" for name in above}, columns)


def _above_nothing(found: Samples) -> Samples:
    bare = found.pop("nothing")
    return {
        name: [
            {what: took - empty[what] for what, took in sample.items()}
            for sample, empty in zip(samples, bare, strict=True)
        ]
        for name, samples in found.items()
    }
