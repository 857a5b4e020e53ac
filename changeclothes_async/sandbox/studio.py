"""Draws the results of calls in worker threads, and keeps the newest of them in memory.

Nothing is fetched: a URL stands for one of the drawn pictures, always the same one, unless it is
one of the sandbox's own.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from changeclothes_async.sandbox import envelopes, naming
from changeclothes_async.sandbox.checks import ChangeByPrompt, TryOn
from changeclothes_async.sandbox.records import Picture

_MOST_RESULTS = 1000
_MOST_BYTES = 64 * 2**20
_THREADS = 2

T = TypeVar("T")


class Studio:
    """A studio that draws; `is_own` tells whether a URL leads to this sandbox.

    Raises ImportError where the extra `pictures` is not installed.
    """

    keeps_pictures = True

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        try:
            from changeclothes_async.sandbox.drawing import (
                pictures,  # an extra, which tiny results do without
            )
        except ImportError as error:
            raise ImportError(
                f"The sandbox cannot draw ({error}): "
                "pip install 'changeclothes-async[pictures]', or use Sandbox(draw=False).",
                name=error.name,
            ) from error
        self._pictures = pictures
        self._is_own = is_own
        self._threads = ThreadPoolExecutor(_THREADS, "changeclothes-sandbox")
        self._numbers = naming.Numbers()
        self._results: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    async def try_on(self, job: TryOn) -> tuple[str, str]:
        """Return the paths of the result and of the mask; raise Refusal (10004)."""
        dressed = await self._in_thread(self._try_on, job)
        number = self._numbers.next()
        result = self._keep(f"/results/{number}.webp", dressed.result)
        return result, self._keep(f"/results/{number}-mask.webp", dressed.mask)

    async def change_by_prompt(self, job: ChangeByPrompt, seed: int) -> str:
        """Return the path of the result; raise Refusal (10004)."""
        result = await self._in_thread(self._change_by_prompt, job, seed)
        return self._keep(f"/results/{self._numbers.next()}.webp", result)

    async def find(self, path: str) -> bytes | None:
        """Return the picture at a path of the sandbox, None if there is none."""
        if path.startswith("/results/"):
            return self._results.get(path)
        return await self._in_thread(_find_drawn, path)

    async def drawn(self) -> dict[str, Any]:
        """Return the names of the drawn pictures: `models`, and `garments` by category."""
        from changeclothes_async.sandbox.drawing import examples

        return {"models": list(examples.MODELS), "garments": examples.GARMENTS}

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _try_on(self, job: TryOn) -> Any:
        model = self._content("modelImg", job.model)
        garment = self._content("garmentImg", job.garment, job.category)
        with self._named("modelImg"):
            self._pictures.look(model)
        with self._named("garmentImg"):
            return self._pictures.try_on(model, garment, job.category)

    def _change_by_prompt(self, job: ChangeByPrompt, seed: int) -> bytes:
        model = self._content("modelImg", job.model)
        with self._named("modelImg"):
            return self._pictures.change_by_prompt(
                model,
                job.prompt,
                seed=seed,
                guidance_scale=job.guidance_scale,
                num_inference_steps=job.num_inference_steps,
            )

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except self._pictures.Unreadable as error:
            raise _invalid(name, str(error)) from None

    def _content(self, name: str, picture: Picture, category: str | None = None) -> bytes:
        if picture.url is None:
            return picture.content or b""
        if not self._is_own(picture.url):
            return _stand_in(picture.url, category)
        path = urlsplit(picture.url).path
        found = self._results.get(path) or _find_drawn(path)
        if found is None:
            raise _invalid(name, f"this sandbox has no picture at {picture.url}")
        return found

    def _keep(self, path: str, result: bytes) -> str:
        self._results[path] = result
        self._bytes += len(result)
        while len(self._results) > _MOST_RESULTS or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._results.popitem(last=False)[1])
        return path


def _stand_in(url: str, category: str | None) -> bytes:
    """Draw a model, or a garment of a category, in the place of what a URL leads to."""
    from changeclothes_async.sandbox.drawing import examples

    number = zlib.crc32(url.encode())
    if category is None:
        return examples.model(examples.MODELS[number % len(examples.MODELS)])
    names = examples.GARMENTS[category]
    return examples.garment(category, names[number % len(names)])


def _find_drawn(path: str) -> bytes | None:
    from changeclothes_async.sandbox.drawing import examples

    match unquote(path).strip("/").split("/"):
        case ["pictures", "models", name] if name in examples.MODELS:
            return examples.model(name)
        case ["pictures", "garments", category, name] if name in examples.GARMENTS.get(
            category, ()
        ):
            return examples.garment(category, name)
    return None


def _invalid(name: str, why: str) -> envelopes.Refusal:
    return envelopes.Refusal(envelopes.INVALID_PARAM, f"{name}: {why}")
