"""Pictures on their way in: every kind of source, what is refused, and what may change."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import os
import resource
import tempfile
import threading

import pytest
from PIL import Image

from changeclothes_async import errors
from changeclothes_async.protocol import images
from changeclothes_async.transport import files, reading
from tests.samples import DATA_URI, JPEG, PNG, WEBP, png

BIG = png(3 * 2**20)


async def ready(source, reader=None):
    """Make a source ready, as a call does."""
    return await (reader or reading.Reader()).ready(images.of(source))


async def content(picture):
    """All bytes of a picture, wherever they are."""
    frame = picture.frame
    if isinstance(frame, bytes):
        return frame
    return b"".join([bytes(chunk) async for chunk in files.chunks(frame)])


class Upload:
    """What web frameworks hand over: read is a coroutine."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    async def read(self, size=-1):
        return self._file.read(size)


class Pipe(io.RawIOBase):
    """An open file that cannot seek, and gives little at a time."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(memoryview(buffer)[:50_000])


SOURCES = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "open file": io.BytesIO,
    "pipe": Pipe,
    "upload": Upload,
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("data", [PNG, BIG], ids=["small", "big"])
async def test_every_source_gives_its_bytes_again_and_again(make, data):
    """Whatever the source, the picture can be walked twice, with its exact size."""
    picture = await ready(make(data))
    assert await content(picture) == await content(picture) == data
    assert picture.size == len(data)


@pytest.mark.parametrize("data", [PNG, BIG], ids=["small", "big"])
async def test_a_path_gives_its_bytes_again_and_again(tmp_path, data):
    """A file is read, or streamed, with its exact size."""
    path = tmp_path / 'a "quoted"\r\n näme.jpg'
    path.write_bytes(data)
    for source in (path, str(path)):
        picture = await ready(source)
        assert await content(picture) == await content(picture) == data
        assert (picture.size, picture.format.mime) == (len(data), "image/png")


async def test_a_data_uri_gives_its_bytes():
    """A data URI goes as the file that it holds."""
    assert await content(await ready(DATA_URI)) == PNG


async def test_a_link_stays_a_link():
    """What the service fetches is not read."""
    assert await ready("https://shop.example/dress.jpg") == images.Link(
        "https://shop.example/dress.jpg"
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"])
async def test_a_pil_image_goes_as_png(mode):
    """Images of every mode are encoded; nothing of the user's object changes."""
    image = Image.new(mode, (3, 2))
    picture = await ready(image)
    assert picture.format.mime == "image/png"
    assert Image.open(io.BytesIO(await content(picture))).size == (3, 2)
    assert image.mode == mode


async def test_an_open_file_is_read_from_where_it_stands_and_left_open(tmp_path):
    """The owner's file is neither rewound nor closed."""
    path = tmp_path / "look.png"
    path.write_bytes(b"header" + PNG)
    with path.open("rb") as file:
        file.seek(6)
        assert await content(await ready(file)) == PNG
        assert not file.closed
        with pytest.raises(errors.NotAnImage, match=r"is empty.*for several calls give its path"):
            await ready(file)


async def test_a_type_is_found_from_the_content(tmp_path):
    """A PNG named .jpg is a PNG."""
    for data, mime in ((PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")):
        path = tmp_path / f"{mime[6:]}.jpg"
        path.write_bytes(data)
        assert (await ready(path)).format.mime == mime


def _folder(path):
    path.mkdir()


REFUSED = {
    "does not exist": str,
    "is a folder": _folder,
    "is empty": lambda path: path.write_bytes(b""),
    "is not a picture": lambda path: path.write_text("hello, I am a text"),
    "is not a regular file": os.mkfifo,
    "cannot be read": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize(("words", "make"), REFUSED.items(), ids=REFUSED)
async def test_what_cannot_be_sent_is_refused_with_its_absolute_path(tmp_path, words, make):
    """The error names the file and its trouble, and tells what to give instead."""
    path = tmp_path / "model.jpg"
    make(path)
    with pytest.raises(errors.NotAnImage) as caught:
        await asyncio.wait_for(ready(path), 5)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "open file" not in str(caught.value)
    assert caught.value.money == "not spent"


@pytest.mark.parametrize("length", [300, 200_000])
async def test_an_error_repeats_a_long_path_in_part(length):
    """What is no path may be a photograph as text: its beginning and end will do."""
    path = "/gone" + "/x" * (length // 2) + "/model.png"
    with pytest.raises(
        errors.NotAnImage, match=r"^/gone/x.*….*x/model\.png (cannot|does)"
    ) as caught:
        await ready(path)
    assert len(str(caught.value)) < 350


async def test_a_device_without_end_is_refused():
    """/dev/zero is not read."""
    with pytest.raises(errors.NotAnImage, match="not a regular file"):
        await ready("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_an_unreadable_file_is_refused(tmp_path):
    """A file without permission is refused in words."""
    path = tmp_path / "model.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(errors.NotAnImage, match="Permission denied"):
        await ready(path)


class Broken:
    """An open file whose disk has gone."""

    def read(self, _=-1):
        raise OSError(5, "Input/output error")


class Texts:
    """An open file that gives text, and does not look like it."""

    def read(self, _=-1):
        return "hello"


class Dry:
    """A file without a byte to give at the moment."""

    def read(self, _=-1):
        return None


class Response:
    """What gives all that it has at once, as aiohttp's and httpx's responses do."""

    async def read(self):
        return PNG


HANDLES = {
    "cannot be read": Broken(),
    "Give the bytes that it reads": Response(),
    "gives text": Texts(),
    "is empty": Dry(),
    "not a picture": io.BytesIO(b"hello, I am a text"),
}


@pytest.mark.parametrize(("words", "handle"), HANDLES.items(), ids=HANDLES)
async def test_an_open_file_that_gives_no_picture_is_refused(words, handle):
    """An error, a text or nothing out of an open file is refused in words."""
    with pytest.raises(errors.NotAnImage, match=words):
        await ready(handle)


async def test_a_closed_file_is_refused():
    """A file that its owner has closed cannot be read."""
    handle = io.BytesIO(PNG)
    handle.close()
    with pytest.raises(errors.NotAnImage, match="cannot be read"):
        await ready(handle)


async def test_a_broken_pil_image_is_refused_in_words():
    """An image whose file is cut off is found out when it is encoded."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    image = Image.open(io.BytesIO(file.getvalue()[:-2000]))
    with pytest.raises(errors.NotAnImage):
        await ready(image)


async def test_no_room_for_a_big_streams_copy_is_said_in_words(monkeypatch, tmp_path):
    """A folder for temporary files that is not there is an error of ours, before sending."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(errors.InvalidInput) as caught:
        await ready(io.BytesIO(BIG))
    assert caught.value.money == "not spent"


async def test_a_streams_copy_lives_as_long_as_its_picture(monkeypatch, tmp_path):
    """The copy on the disk goes with the picture, and not before."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    picture = await ready(io.BytesIO(BIG))
    assert len(list(tmp_path.iterdir())) == 1
    assert await content(picture) == BIG
    del picture
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # it is what is tested
async def test_a_forked_childs_end_leaves_a_streams_copy(monkeypatch, tmp_path):
    """A child lets go of the picture when it ends, and its parent still has to send it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    picture = await ready(io.BytesIO(BIG))
    child = os.fork()
    if not child:
        del picture
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert await content(picture) == BIG


@pytest.mark.parametrize("missing", [1, 1000, 300_000, 2**20])
async def test_a_copy_that_was_cut_short_is_not_sent(missing):
    """A disk that takes all but the end of a big stream makes an error, not half a picture."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BIG) - missing, before[1]))
    try:
        with pytest.raises(errors.InvalidInput, match="room"):
            await ready(io.BytesIO(BIG))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_small_file_is_read_once(tmp_path):
    """The same unchanged file is the same picture; one that changed is read again."""
    reader, path = reading.Reader(), tmp_path / "model.png"
    path.write_bytes(PNG)
    first = await ready(path, reader)
    assert await ready(path, reader) is first
    path.write_bytes(WEBP)
    assert await content(await ready(path, reader)) == WEBP
    path.unlink()
    with pytest.raises(errors.NotAnImage, match="does not exist"):
        await ready(path, reader)


async def test_a_file_rewritten_under_its_old_time_is_read_again(tmp_path):
    """As by tools that preserve times: the same size and time do not make it the same picture."""
    reader, path = reading.Reader(), tmp_path / "model.png"
    path.write_bytes(PNG)
    before = path.stat()
    assert await content(await ready(path, reader)) == PNG
    path.write_bytes(other := PNG[:-1] + b"?")
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of some disks is coarse
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await content(await ready(path, reader)) == other


async def test_many_who_ask_at_once_get_one_reading(tmp_path):
    """A hundred calls with the same new photograph read and prepare it once."""
    reader, path = reading.Reader(edge=64), tmp_path / "model.png"
    Image.new("RGB", (500, 500)).save(path)
    first, *others = await asyncio.gather(*(ready(path, reader) for _ in range(100)))
    assert all(other is first for other in others)
    with pytest.raises(errors.NotAnImage):
        await asyncio.gather(*(ready(tmp_path / "gone.png", reader) for _ in range(10)))
    late = await reader._found(images.File(str(path)))  # looked before it was read, asks after
    assert late is first


async def test_reading_waits_for_none_of_asyncios_threads(tmp_path):
    """Nor do uploads, which use those, wait for photographs that are being prepared."""
    path, gate, loop = tmp_path / "model.png", threading.Event(), asyncio.get_running_loop()
    path.write_bytes(PNG)
    busy = [loop.run_in_executor(None, gate.wait) for _ in range(64)]
    try:
        async with asyncio.timeout(20):
            assert await content(await ready(path)) == PNG
            assert await content(await ready(PNG, reading.Reader(edge=64))) == PNG
            assert await ready(Image.new("RGB", (9, 9)))
            path.write_bytes(BIG)
            reader = reading.Reader()
            assert await reader.digest(await ready(path, reader)) == hashlib.sha256(BIG).digest()
    finally:
        gate.set()
        await asyncio.gather(*busy)


async def test_a_closed_reader_keeps_no_thread(tmp_path):
    """They end with what was under way, and one that is still used begins anew."""
    path, reader, gate = tmp_path / "model.png", reading.Reader(), threading.Event()
    path.write_bytes(PNG)
    going = [asyncio.create_task(reader._in_thread(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    threads = reader._threads._threads
    assert threads
    reader.close()
    gate.set()
    assert all(await asyncio.gather(*going))
    for thread in threads:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    assert await content(await ready(path, reader)) == PNG


async def test_small_files_are_kept_within_a_cap(tmp_path):
    """However many small files there are, what is remembered stays below KEPT."""
    reader, data = reading.Reader(), png(reading.SMALL)
    for number in range(20):
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        await ready(path, reader)
    kept = sum(picture.size for _, picture in reader._pictures.values())
    assert 0 < kept == reader._kept <= reading.KEPT
    assert (await ready(path, reader)) is reader._pictures[str(path)][1]


def _grow(path):
    with path.open("ab") as file:
        file.write(b"more")


def _replace(path):
    other = path.with_suffix(".new")
    other.write_bytes(BIG)
    other.replace(path)


CHANGES = {
    "vanished": os.unlink,
    "cut short": lambda path: os.truncate(path, 1000),
    "grown": _grow,
    "replaced": _replace,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_big_file_that_changed_before_it_is_sent_is_an_error(tmp_path, change):
    """A file that is not the one that was measured is not sent."""
    path = tmp_path / "model.png"
    path.write_bytes(BIG)
    picture = await ready(path)
    change(path)
    with pytest.raises(errors.NotAnImage, match=r"changed while|does not exist"):
        await content(picture)


@pytest.mark.parametrize("change", [CHANGES["cut short"], CHANGES["grown"]], ids=["cut", "grown"])
async def test_a_big_file_that_changes_in_the_middle_is_an_error(tmp_path, change):
    """What is cut or written to while it is sent never comes to its last chunk."""
    path = tmp_path / "model.png"
    path.write_bytes(BIG)
    chunks = files.chunks((await ready(path)).frame)
    sent = [await anext(chunks)]
    change(path)
    with pytest.raises(errors.NotAnImage, match="changed while"):
        sent += [chunk async for chunk in chunks]
    assert len(b"".join(sent)) < len(BIG)


async def test_chunks_stay_what_they_were(tmp_path):
    """A transport may hold a chunk while the next is read: none is written over."""
    path = tmp_path / "model.png"
    path.write_bytes(BIG)
    held = [chunk async for chunk in files.chunks((await ready(path)).frame)]
    assert b"".join(held) == BIG


@pytest.mark.parametrize("data", [PNG, BIG], ids=["small", "big"])
async def test_a_digest_is_the_contents(tmp_path, data):
    """The same bytes have one digest, under any name and out of memory."""
    reader, digests = reading.Reader(), set()
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(data)
        digests.add(await reader.digest(await ready(tmp_path / name, reader)))
    digests.add(await reader.digest(await ready(data, reader)))
    digests.add(await reader.digest(await ready(io.BytesIO(data), reader)))
    assert digests == {hashlib.sha256(data).digest()}


@pytest.mark.parametrize("edge", [None, 4096])
@pytest.mark.parametrize("data", [PNG, BIG], ids=["small", "big"])
async def test_a_settled_open_file_serves_many_jobs_and_readers(monkeypatch, tmp_path, data, edge):
    """It is known by digest and size, and its copy lives as long as what it was settled to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    reader = reading.Reader(edge)
    image = await reader.examined(images.of(io.BytesIO(data)))
    assert (image.digest, image.size) == (hashlib.sha256(data).digest(), len(data))
    del reader
    gc.collect()
    picture = await ready(image)
    del image
    gc.collect()
    assert await content(picture) == data
    del picture
    gc.collect()
    assert list(tmp_path.iterdir()) == []


async def test_a_links_digest_is_its_addresses():
    """Two links differ, and a link differs from a picture that holds the same bytes."""
    reader = reading.Reader()
    links = [await ready(f"https://shop.example/{name}.jpg") for name in "ab"]
    assert len({await reader.digest(link) for link in links}) == 2


async def test_a_small_file_that_is_written_to_while_it_is_read_is_an_error(monkeypatch, tmp_path):
    """Half of the old picture, or of the new one, would be paid for like a whole one."""
    path = tmp_path / "photo.png"
    path.write_bytes(png(50_000))
    measure = os.fstat

    def measured(descriptor):
        seen = measure(descriptor)
        if seen.st_size == 50_000:
            path.write_bytes(PNG)
        return seen

    monkeypatch.setattr(reading.os, "fstat", measured)
    with pytest.raises(errors.NotAnImage, match=r"photo\.png changed while it was being read"):
        await ready(path)


async def test_an_encoder_of_another_version_makes_no_other_job(monkeypatch, tmp_path):
    """What was prepared stands for the photograph and the edge, or it would be paid for again."""
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((1800, 1200), 90).convert("RGB").save(photo)
    digests = []
    for quality, edge in ((90, 300), (91, 300), (90, 200)):
        monkeypatch.setattr("changeclothes_async.transport.preparing._QUALITY", quality)
        reader = reading.Reader(edge)
        digests.append(await reader.digest(await ready(photo, reader)))
        for source in (photo, photo.read_bytes(), io.BytesIO(photo.read_bytes())):
            settled = await reader.examined(images.of(source))
            assert settled.digest == await reader.digest(await reader.ready(settled)) == digests[-1]
    assert digests[0] == digests[1] != digests[2]


async def test_a_forgotten_digest_is_found_out_again(monkeypatch, tmp_path):
    """However many photographs there are, the digests of the newest are remembered."""
    monkeypatch.setattr(reading, "KNOWN", 3)
    monkeypatch.setattr(reading, "SMALL", 10)
    reader, paths = reading.Reader(), [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(PNG + bytes([number]))
    for _ in range(2):
        for path in paths:
            settled = await reader.examined(images.of(path))
            assert settled.digest == hashlib.sha256(path.read_bytes()).digest()
            assert settled.digest == await reader.digest(await ready(path, reader))
    newest = [str(path) for path in paths[-3:]]
    assert [*reader._digests] == [*reader._looked] == newest


async def test_large_streams_leave_nothing_behind(tmp_path):
    """A web app takes photographs for months."""
    reader = reading.Reader()
    for _ in range(3):
        picture = await ready(io.BytesIO(BIG), reader)
        assert await reader.digest(picture) == hashlib.sha256(BIG).digest()
        assert len(reader._digests) == 1
    del picture
    gc.collect()
    assert reader._digests == {}
