"""Pictures at places elsewhere: whole or not there at all, and known again."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
from collections.abc import AsyncIterator, Iterator

import pytest

pytest.importorskip("upath", reason="needs `remote`")

import fsspec

from changeclothes_async import DownloadFailed, InvalidInput, MissingExtra, SaveFailed
from changeclothes_async.transport import remote
from tests import stores
from tests.samples import JPEG, PNG


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    """Run S3 on a port."""
    with stores.s3() as port:
        yield port


@pytest.fixture
def shelf(s3: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bucket, and give an address in it."""
    stores.point(monkeypatch, s3)
    bucket = _bucket(request)
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/look/book"


def _bucket(request: pytest.FixtureRequest) -> str:
    return f"shelf-{abs(hash(request.node.name))}"


@pytest.fixture(params=["s3", "memory"])
def place(request: pytest.FixtureRequest) -> remote.Remote:
    """Give an empty place, in an object store and in one where files are moved in place."""
    if request.param == "s3":
        return remote.place(request.getfixturevalue("shelf"))
    return remote.place(f"memory://{_bucket(request)}")


async def pieces(*chunks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    """Give chunks, and then fail where told to."""
    for chunk in chunks:
        yield chunk
    if then:
        raise then


async def test_a_picture_is_put_in_place(place: remote.Remote) -> None:
    """Its name gets the suffix of its content; size and digest are its own."""
    saved = await place.save(pieces(PNG[:10], PNG[10:]), "masks/ana__tee")
    assert stores.found(place.url) == {"masks/ana__tee.png": PNG}
    assert (saved.file, saved.size) == ("masks/ana__tee.png", len(PNG))
    assert saved.digest == hashlib.sha256(PNG).digest()
    assert (place.root / saved.file).read_bytes() == PNG


async def test_a_failed_download_leaves_what_was_there(place: remote.Remote) -> None:
    """An error of the chunks passes through, and the old picture stays."""
    await place.save(pieces(JPEG), "ana")
    with pytest.raises(DownloadFailed):
        await place.save(pieces(PNG[:10], then=DownloadFailed("cut off")), "ana")
    assert stores.found(place.url) == {"ana.jpg": JPEG}


async def test_a_cancelled_save_leaves_nothing(place: remote.Remote) -> None:
    """Nothing is at the place before a picture is whole."""
    reached = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield PNG
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(place.save(stuck(), "ana"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stores.found(place.url) == {}


@pytest.mark.parametrize("store", ["torn", "short"])
async def test_half_a_file_never_has_the_final_name(store: str) -> None:
    """What breaks off, with a word or without, is cleared away, and the old picture stays."""
    place = remote.place(f"{store}://shelf")
    (place.root / "ana.png").write_bytes(b"old")
    with pytest.raises(SaveFailed, match=f"{store}://shelf/ana.png could not be written") as caught:
        await place.save(pieces(PNG), "ana")
    assert caught.value.money == "spent"
    assert "run it again" in caught.value.next_step
    assert stores.found(place.url) == {"ana.png": b"old"}


async def test_a_picture_is_known_again(place: remote.Remote) -> None:
    """A lost and a changed one are told from one that is as it was saved."""
    saved = {name: await place.save(pieces(PNG), name) for name in ("left", "lost", "changed")}
    assert place.in_place(saved) == {"left", "lost", "changed"}
    (place.root / "lost.png").unlink()
    (place.root / "changed.png").write_bytes(PNG[:-1] + b"!")
    assert place.in_place(saved) == {"left"}


async def test_a_listing_of_before_is_not_believed(shelf: str) -> None:
    """Others may have changed what this process remembers of a place."""
    place = remote.place(shelf)
    saved = {"ana": await place.save(pieces(PNG), "ana")}
    assert len(list(place.root.iterdir())) == 1
    fsspec.filesystem("s3", skip_instance_cache=True).rm(f"{shelf}/ana.png")
    assert place.in_place(saved) == set()


async def test_a_copy_of_the_same_content_is_the_same(place: remote.Remote) -> None:
    """Another time of writing tells nothing: the content does."""
    saved = {"ana": await place.save(pieces(PNG), "ana")}
    (place.root / "ana.png").unlink()
    (place.root / "ana.png").write_bytes(PNG)
    assert place.in_place(saved) == {"ana"}


async def test_a_picture_that_cannot_be_looked_at_is_not_lost(
    shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a store is away nobody knows; fetching everything again would be wrong."""
    saved = {"ana": await remote.place(shelf).save(pieces(PNG), "ana")}
    stores.point(monkeypatch, 9)
    with pytest.raises(SaveFailed, match="could not be looked at"):
        remote.place(shelf).in_place(saved)


def test_a_small_file_is_written_and_read(place: remote.Remote) -> None:
    """What is written replaces what was there; what is not there is None."""
    assert place.read("index.html") is None
    assert place.write("index.html", b"old") == place.root / "index.html"
    place.write("index.html", b"new")
    assert place.read("index.html") == b"new"


def test_an_object_store_creates_a_file_once(shelf: str) -> None:
    """Of two who create it, the second is told, and the first one's stays."""
    place = remote.place(shelf)
    assert place.create("ledger.json", b"first")
    assert not place.create("ledger.json", b"second")
    assert place.read("ledger.json") == b"first"


def test_browsers_are_told_what_a_file_is(shelf: str) -> None:
    """A page that is stored as mere bytes would be downloaded, not shown."""
    path = remote.place(shelf).write("index.html", b"<p>")
    assert path.fs.info(path.path)["ContentType"] == "text/html"


def test_a_place_travels_without_connections(place: remote.Remote) -> None:
    """It is pickled as its address, which holds no credentials."""
    place.write("a.txt", b"a")
    data = pickle.dumps(place)
    other = pickle.loads(data)  # noqa: S301 - our own
    assert (other, other.read("a.txt")) == (place, b"a")
    assert stores.KEY.encode() not in data
    assert stores.SECRET.encode() not in data


NO_PLACES = {
    "no scheme": "://shelf",
    "no scheme of fsspec's": "bogus://shelf",
    "no bucket": "s3:",
    "a page": "https://shelf.example/look",
    "a cache": "simplecache::memory://shelf",
    "a pattern": "memory://shelf/[a-z]",
    "a question": "s3://shelf/look?signature=secret",
}


@pytest.mark.parametrize("url", NO_PLACES.values(), ids=NO_PLACES)
def test_what_cannot_be_a_place_is_refused(url: str) -> None:
    """Before anything is done there."""
    with pytest.raises(InvalidInput, match="is not a place") as caught:
        remote.place(url)
    assert "secret" not in str(caught.value)


def test_a_missing_package_is_named() -> None:
    """In the words of fsspec, which knows what each store needs."""
    with pytest.raises(MissingExtra, match=r"needs one more package: .*dropbox"):
        remote.place("dropbox://shelf")
