"""Turns a user's `out` into the place of the pictures and the path of the ledger."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.request import url2pathname

from changeclothes_async import arguments, errors
from changeclothes_async.bulk import names
from changeclothes_async.transport import places
from changeclothes_async.transport.places import Spot

if TYPE_CHECKING:  # fsspec is an extra
    from changeclothes_async.transport.remote import Remote


class Address(Protocol):
    """An address as an object, such as a `UPath`."""

    def as_uri(self) -> str:
        """Return it as a string."""
        ...


Out: TypeAlias = str | os.PathLike[str] | Address

LEDGER = "ledger.db"
_SECRET = re.compile(r"://[^/@]*:(?!\d+/)[^@]*@")  # but `://user@host:22/` holds none


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run's pictures are, and where its ledger is."""

    place: places.Folder | Remote
    ledger: Path


def site(out: Out) -> Site:
    """Read a path, or an address such as `file:///…` or `s3://bucket/lookbook`.

    A folder holds its ledger. A ledger of any other place stays on this machine, since it is a
    database that one process writes: in a folder of the working directory that is named after the
    address, such as `s3-bucket-lookbook`. Raises InvalidInput and MissingExtra.
    """
    text = _text(out)
    if text.startswith("file://"):
        text = _of_file(text)
    if not text or "\0" in text:
        raise errors.InvalidInput(
            f"out={text!r} is no path.",
            next_step="Give a folder's path; . is the working directory.",
        )
    if "://" not in text:
        if arguments.is_address(text):
            raise errors.InvalidInput(
                "out is an address that has lost a slash, as in a pathlib.Path.",
                next_step="Give the address as a string, such as s3://bucket/lookbook.",
            )
        folder = named(text)
        return Site(places.Folder(folder), folder / LEDGER)
    place = _remote(text.rstrip("/"))
    return Site(place, named(_folder(place.url)) / LEDGER)


def at(root: Spot) -> places.Folder | Remote:
    """Return the place whose files are below `root`."""
    if isinstance(root, Path):
        return places.Folder(root)
    from changeclothes_async.transport import remote

    return remote.Remote(str(root), root)


def named(path: str | os.PathLike[str]) -> Path:
    """Return the path of what is on this machine, as `arguments.absolute` does."""
    return Path(arguments.absolute(path))


def _text(out: Out) -> str:
    if isinstance(out, str | os.PathLike):
        text = os.fspath(out)
        arguments.expect("out", text, "a path as a string", str)
        return text
    arguments.expect("out", out, "a folder's path or an address", has=("as_uri",))
    if getattr(out, "storage_options", None):
        raise errors.InvalidInput(
            f"out={out!s} has options of its own, which would be written down with it.",
            next_step="Give its address alone; set the options in fsspec's own settings.",
        )
    return str(out)


def _of_file(url: str) -> str:
    host, slash, path = url.removeprefix("file://").partition("/")
    if host in {"", "localhost"}:
        return url2pathname(slash + path)
    raise errors.InvalidInput(
        f"{url} names a machine, {host}, before the path.",
        next_step="Write file:///… with three slashes, or give the path alone.",
    )


def _remote(url: str) -> Remote:
    if _SECRET.search(url):
        raise errors.InvalidInput(
            f"{url.partition('://')[0]}://… holds a secret, and addresses are logged.",
            next_step="Leave it out; set the credentials in the environment, where fsspec's "
            "packages look for them.",
        )
    try:
        from changeclothes_async.transport import remote  # fsspec is an extra
    except ImportError:
        raise errors.missing_extra(f"{url} needs fsspec", "remote") from None
    return remote.place(url)


def _folder(url: str) -> str:
    """Name an address's folder: by the address alone, or with a mark where others read alike.

    Two addresses never share a ledger, also where case does not count.
    """
    name = names.plain(url)
    if "-" not in url and url.islower() and name == re.sub("://|/", "-", url):
        return name
    return f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"
