"""A run's pictures at any place that fsspec knows, such as `s3://bucket/lookbook`.

Rules of this file:

* A file gets its name when it is whole: an object store does that by itself, elsewhere a temporary
  name is moved.
* Credentials are fsspec's to find, in the environment and its own settings; none is in an address.
* A picture that cannot be looked at is not a picture that is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from upath import UPath

from changeclothes_async import errors
from changeclothes_async.transport import places, saving

# Their uploads appear at the end or never. Where that is not known, a file is moved in place.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"}
_NOT_WRITTEN = {"http", "https", ""}
_NEXT_STEP = (
    "Check the address, the network, the credentials and what they permit, then run it again; "
    "what is paid is not paid again."
)

# Not asyncio's own: a store that hangs must not hold up who reads photographs.
_threads = ThreadPoolExecutor(16, "changeclothes-remote")


@dataclass(frozen=True, slots=True)
class Remote:
    """A place elsewhere; see `places.Place`. Made by `place`, and pickled without connections."""

    url: str
    root: Any
    """A `UPath`."""

    async def save(self, chunks: AsyncIterator[bytes], name: str) -> places.Saved:
        """Put a picture in place; until it is whole it is in a temporary folder of this machine."""
        with tempfile.TemporaryDirectory(prefix="changeclothes-", ignore_cleanup_errors=True) as at:
            here = await saving.save(chunks, Path(at, PurePosixPath(name).name))
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(_threads, self._saved, here, name)

    def in_place(self, saved: Mapping[str, places.Saved]) -> set[str]:
        """Tell which of the pictures are there; raises SaveFailed where that cannot be told."""
        with self._words(f"{self.url} could not be looked at"):
            self.root.fs.invalidate_cache()
            whole = list(_threads.map(self._is_whole, saved.values()))
        return {name for name, is_whole in zip(saved, whole, strict=True) if is_whole}

    def write(self, name: str, data: bytes) -> Any:
        """Put a small file in place."""
        target = self.root / name
        with self._words(f"{target} could not be written"), _local(name, data) as here:
            _put(here, target)
        return target

    def create(self, name: str, data: bytes) -> bool:
        """Put a small file in place; False if an object store has it already, which is then kept.

        Other places replace it.
        """
        target = self.root / name
        with self._words(f"{target} could not be written"), _local(name, data) as here:
            try:
                _put(here, target, "create")
            except FileExistsError:
                return False
        return True

    def read(self, name: str) -> bytes | None:
        """Read a small file; None if it is not there. Raises SaveFailed where nobody can tell."""
        target = self.root / name
        with self._words(f"{target} could not be read"):
            try:
                return cast("bytes", target.fs.cat_file(target.path))
            except FileNotFoundError:
                return None

    def _saved(self, here: saving.Written, name: str) -> places.Saved:
        file = str(PurePosixPath(name).with_name(here.path.name))
        target = self.root / file
        with self._words(f"{target} could not be written", money="spent"):
            _put(here.path, target)
            return places.Saved(file, here.size, _stamp(_seen(target)), here.digest)

    def _is_whole(self, saved: places.Saved) -> bool:
        path = self.root / saved.file
        try:
            seen = _seen(path)
        except FileNotFoundError:
            return False
        if seen["size"] != saved.size:
            return False
        return _stamp(seen) == saved.stamp or places.digest(path) == saved.digest

    @contextlib.contextmanager
    def _words(self, what: str, money: errors.Money = "not spent") -> Iterator[None]:
        """Put what a store raises, and each raises errors of its own kinds, into words."""
        try:
            yield
        except errors.ChangeClothesError:
            raise
        except ImportError as error:
            raise _missing(self.url, error) from None
        except Exception as error:
            why = str(error).strip().rstrip(".")[:300] or type(error).__name__
            raise errors.SaveFailed(f"{what} ({why}).", money=money, next_step=_NEXT_STEP) from None


def place(url: str) -> Remote:
    """Return the place at an address. Raises InvalidInput and MissingExtra."""
    # fsspec reads *, ? and [ as patterns; a cache before a store (`::`) says "written" too early.
    root = None if glob.has_magic(url) or "::" in url else _known(url)
    if root is None or root.protocol in _NOT_WRITTEN:
        raise errors.InvalidInput(
            f"{url.partition('?')[0]} is not a place that can be written through fsspec.",
            next_step="Give a folder, or a plain address such as s3://bucket/lookbook.",
        )
    return Remote(url, root)


def _known(url: str) -> UPath | None:
    try:
        return UPath(url)
    except ImportError as error:
        raise _missing(url, error) from None
    except ValueError:
        return None


def _missing(url: str, error: ImportError) -> errors.MissingExtra:
    return errors.MissingExtra(f"{url} needs one more package: {error}.")


def _put(here: Path, target: UPath, mode: str = "overwrite") -> None:
    fs = target.fs
    if target.protocol in _OBJECT_STORES:
        fs.put_file(str(here), target.path, mode=mode)
        return
    fs.makedirs(target.parent.path, exist_ok=True)
    part = target.with_name(saving.part_name())
    try:
        fs.put_file(str(here), part.path)
        if _seen(part)["size"] != here.stat().st_size:
            raise OSError("it arrived incomplete")
        fs.mv(part.path, target.path)
    except BaseException:
        with contextlib.suppress(Exception):  # what made it fail may forbid this too
            fs.rm_file(part.path)
        raise


@contextlib.contextmanager
def _local(name: str, data: bytes) -> Iterator[Path]:
    # As a file of that name, from whose suffix a store knows what browsers shall take it for.
    with tempfile.TemporaryDirectory(prefix="changeclothes-") as folder:
        file = Path(folder, PurePosixPath(name).name)
        file.write_bytes(data)
        yield file


def _seen(path: UPath) -> Mapping[str, Any]:
    found: Mapping[str, Any] = path.fs.info(path.path)
    return found


def _stamp(seen: Mapping[str, Any]) -> int:
    """Return a number that changes with the content: of its tag, or of all that a store tells."""
    tag = seen.get("ETag") or seen.get("etag") or sorted(map(str, seen.items()))
    return int.from_bytes(hashlib.sha256(repr(tag).encode()).digest()[:7])
