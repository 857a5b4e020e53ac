"""Paid results as users get them: their addresses, the answer as received, and their pictures."""

from __future__ import annotations

import asyncio
import builtins
import html
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, TypeAlias, TypeVar

from changeclothes_async import arguments, errors, settings
from changeclothes_async.protocol import answers, data_uris, formats, requests
from changeclothes_async.transport import saving

if TYPE_CHECKING:  # aiohttp loads with the first call, not with the package; Pillow is an extra
    from PIL.Image import Image as PillowImage

    from changeclothes_async.transport import fetching
    from changeclothes_async.transport.downloads import Downloads

T = TypeVar("T")


class Fetcher:
    """Fetches pictures over a client's connections, or over its own where there is no client.

    A result that was pickled, or that outlives its client, can still be saved.
    """

    def __init__(
        self, options: settings.Fetching, live: Callable[[], Downloads | None] | None = None
    ) -> None:
        self._options = options
        self._live = live

    async def __call__(self, url: str, consume: fetching.Consume[T]) -> T:
        """Fetch `url` and return what `consume` makes of its chunks; raises DownloadFailed."""
        from changeclothes_async.transport import downloads, fetching

        live = self._live() if self._live else None
        web = live or downloads.Downloads(self._options)
        try:
            return await fetching.fetch(web, url, consume)
        except errors.ChangeClothesError as error:
            # The message says it all; tenacity's frames and ours would fill a notebook's page.
            raise error.with_traceback(None)  # noqa: B904 - the same error, and its own cause
        finally:
            if not live:
                await web.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Fetcher, (self._options.portable(),)


@dataclass(frozen=True)
class Picture:
    """A picture of the service's, fetched when asked for; `url` may stop working some day.

    What `bytes` or `pil` fetched is kept as long as this object: `bytes`, `pil`, `save` and a
    notebook use it again. `save` alone streams and keeps nothing.
    """

    url: str
    _fetch: Fetcher = field(repr=False, compare=False)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Stream it to a file and return the path: complete, or not there at all.

        Parents are made; without a suffix the path gets the one of the picture's content. Raises
        DownloadFailed or SaveFailed; saving again costs nothing.
        """
        target = arguments.local(path)
        if self._kept:
            return (await saving.save(_pieces(self._kept), target)).path
        return (await self._fetch(self.url, lambda chunks: saving.save(chunks, target))).path

    async def bytes(self) -> bytes:
        """Fetch it and keep it in memory; concurrent callers each fetch it.

        Raises DownloadFailed.
        """
        if not self._kept:
            self.__dict__["_data"] = await self._fetch(self.url, _joined)
        return self._kept

    async def pil(self) -> PillowImage:
        """Fetch it as a PIL image, checked and loaded in a thread.

        Raises DownloadFailed, after which it is fetched anew, or MissingExtra.
        """
        data = await self.bytes()
        try:
            return await asyncio.to_thread(_decoded, data, self.url)
        except errors.DownloadFailed:
            if self._kept is data:  # or it would be given again, and saved
                del self.__dict__["_data"]
            raise

    @property
    def _kept(self) -> builtins.bytes:
        data: builtins.bytes = self.__dict__.get("_data", b"")
        return data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        data = self._kept
        kind = formats.of(data[: formats.HEAD])
        source = data_uris.encoded(kind.mime, data) if kind else self.url
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        bundle["text/html"] = (
            f'<img src="{html.escape(source)}" alt="{html.escape(self.url)}"'
            ' style="max-height:480px">'
        )
        if kind and kind.mime in {"image/png", "image/jpeg"}:
            bundle[kind.mime] = data
        return bundle


@dataclass(frozen=True)
class Look(Picture):
    """A model in new clothes.

    `mask_img_url` and `cache_hit` come with `try_on`, `seed` with `change_by_prompt`; each is None
    where the answer had none. `attempts` counts the requests it took. `raw` is the answer as
    received: `raw.status`, `raw.headers`, `raw.envelope` with its undocumented fields.
    """

    made: answers.Made = field(repr=False)
    attempts: int = 1

    @property
    def result_img_url(self) -> str:
        """Where the result is (`data.resultImgUrl`)."""
        return self.made.result_img_url

    @property
    def mask_img_url(self) -> str | None:
        """Where the model's picture with the inpainting mask on it is (`data.maskImgUrl`)."""
        return self.made.mask_img_url

    @property
    def cache_hit(self) -> bool | None:
        """Whether presets were answered from the service's cache (`data.cacheHit`)."""
        return self.made.cache_hit

    @property
    def seed(self) -> int | None:
        """The seed that was used (`data.seed`)."""
        return self.made.seed

    @property
    def raw(self) -> answers.Raw:
        """The answer as received."""
        return self.made.raw

    @cached_property  # so that what it fetched is kept with it
    def mask(self) -> Picture | None:
        """The mask's picture; None where the answer had none."""
        return Picture(self.mask_img_url, self._fetch) if self.mask_img_url else None


@dataclass(frozen=True)
class Success:
    """One job of many that ended with a result; `index` says which one it was, from 0.

    `ok` is True, and `error` None.
    """

    index: int
    job: requests.Job
    result: Look
    error: ClassVar[None] = None
    ok: ClassVar[Literal[True]] = True

    def unwrap(self) -> Look:
        """Return the result."""
        return self.result


@dataclass(frozen=True)
class Failure:
    """One job of many that ended with an error; `index` says which one it was, from 0.

    `ok` is False, and `result` None.
    """

    index: int
    job: requests.Job
    error: errors.ChangeClothesError
    # Not typed as None: pyright does not follow `if outcome.ok:`, and would refuse what follows.
    result: ClassVar[Any] = None
    ok: ClassVar[Literal[False]] = False

    def unwrap(self) -> NoReturn:
        """Raise the error."""
        raise self.error


Outcome: TypeAlias = Success | Failure
"""How one job of many ended: `ok` tells a `Success` from a `Failure`.

Type checkers know a `Success` after `if outcome.error is None:`, and mypy also after
`if outcome.ok:`. `unwrap()` returns the result or raises the error.
"""


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), saving.PIECE):
        yield data[start : start + saving.PIECE]


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _decoded(data: bytes, url: str) -> PillowImage:
    try:
        from io import BytesIO

        from PIL import Image
    except ImportError:
        raise errors.missing_extra("Pictures as PIL images need Pillow", "pictures") from None
    try:
        if not formats.of(data[: formats.HEAD]):
            raise ValueError("not of a known format")  # Pillow hands PostScript to a program
        image = Image.open(BytesIO(data))
        image.load()
        return image
    except Exception as error:  # Pillow's codecs raise whatever they like
        raise errors.DownloadFailed(
            f"The result at {url[:300]} is not a whole picture ({error}).", url=url
        ) from None
