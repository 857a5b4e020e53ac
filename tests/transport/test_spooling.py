"""Open files and PIL images on their way in, and what many calls at once make of one."""

from __future__ import annotations

import asyncio
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from changeclothes_async import errors
from changeclothes_async.transport import reading, spooling
from tests.samples import PNG
from tests.transport.test_reading import BIG, content, ready


class Slow:
    """An upload that gives nothing until it is let."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def read(self, size=-1):
        self.asked.set()
        await self.gate.wait()
        return self._file.read(size)


@pytest.mark.parametrize("data", [PNG + bytes(10**6), BIG], ids=["small", "big"])
async def test_calls_at_once_share_one_reading_of_an_open_file(tmp_path, data):
    """Each gets the whole picture, through whichever reader; none gets every other piece."""
    path, reader = tmp_path / "model.png", reading.Reader()
    path.write_bytes(data)
    with path.open("rb") as file:
        readers = (reader, reader, reading.Reader())
        pictures = await asyncio.gather(*(ready(file, each) for each in readers))
        assert [await content(picture) for picture in pictures] == [data] * 3
        with pytest.raises(errors.NotAnImage, match="empty"):
            await ready(file, reader)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc tells what is open")
async def test_a_copy_of_an_open_file_is_closed():
    """Many calls that wait for their turn hold many copies, and must not run out of files."""
    picture = await ready(io.BytesIO(BIG))
    held = [each.resolve().name for each in Path("/proc/self/fd").iterdir()]
    assert not [name for name in held if name.startswith("changeclothes-")]
    assert await content(picture) == BIG


async def test_threads_share_one_reading_of_an_open_file():
    """Also where each has a loop of its own."""
    upload, got = Slow(PNG), []
    first = asyncio.create_task(ready(upload))
    await upload.asked.wait()
    waiting = threading.Event()

    async def other():
        task = asyncio.create_task(ready(upload))
        await asyncio.sleep(0)
        waiting.set()
        got.append(await content(await task))

    thread = threading.Thread(target=lambda: asyncio.run(other()))
    thread.start()
    await asyncio.to_thread(waiting.wait)
    upload.gate.set()
    assert await content(await first) == PNG
    await asyncio.to_thread(thread.join)
    assert got == [PNG]


async def test_who_shares_a_reading_shares_its_failure():
    """An open file that holds no picture is none for all who asked; none waits for ever."""
    results = await asyncio.gather(
        *(ready(file) for file in [io.BytesIO(b"hello, I am a text")] * 3), return_exceptions=True
    )
    assert [type(result) for result in results] == [errors.NotAnImage] * 3
    assert all("not a picture" in str(result) for result in results)


async def test_who_shares_a_reading_that_is_given_up_is_told_so():
    """What is left of the file is no picture, so the others have none; it may be opened anew."""
    upload = Slow(PNG)
    first = asyncio.create_task(ready(upload))
    await upload.asked.wait()
    second, third = (asyncio.create_task(ready(upload)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()  # one who only waits takes nothing along
    await asyncio.sleep(0)
    assert not third.done()
    first.cancel()
    with pytest.raises(errors.NotAnImage, match="given up"):
        await third
    upload.gate.set()
    assert await content(await ready(upload)) == PNG


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_threads_that_encode_one_unloaded_image_get_its_pixels(form):
    """An image that is only opened is loaded once, not piece by piece in each thread."""
    file = io.BytesIO()
    Image.effect_noise((600, 400), 50).save(file, form)
    pixels = Image.open(file).tobytes()
    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            pictures = threads.map(spooling.encoded, [Image.open(file)] * 4)
            for picture in pictures:
                assert Image.open(io.BytesIO(picture.frame)).tobytes() == pixels


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_an_image_as_it_was_opened_is_sent_upright(turned, form):
    """PNG drops the note on how to turn it; what was turned by hand is not turned again."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = turned
    Image.radial_gradient("L").crop((0, 0, 90, 60)).save(file, form, exif=exif)
    opened = Image.open(file)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))  # loads it
    for image in (opened, upright, upright.rotate(90, expand=True).rotate(-90, expand=True)):
        png = Image.open(io.BytesIO(spooling.encoded(image).frame))
        assert (png.size, png.tobytes()) == (upright.size, upright.tobytes())
    by_hand = opened.rotate(90, expand=True)
    png = Image.open(io.BytesIO(spooling.encoded(by_hand).frame))
    assert (png.size, png.tobytes()) == (by_hand.size, by_hand.tobytes())


@pytest.mark.parametrize(("mode", "alike"), [("La", "LA"), ("PA", "RGBA"), ("RGBa", "RGBA")])
def test_an_image_of_a_rare_mode_keeps_its_transparency(mode, alike):
    """A garment that was cut out stays so."""
    png = Image.open(io.BytesIO(spooling.encoded(Image.new(mode, (9, 9))).frame))
    assert (png.mode, png.getchannel("A").getextrema()) == (alike, (0, 0))


def test_an_image_that_changes_its_colours_loses_their_profile():
    """A profile of inks would show another picture where it is followed."""
    image = Image.new("CMYK", (9, 9))
    image.info["icc_profile"] = b"of inks"
    png = Image.open(io.BytesIO(spooling.encoded(image).frame))
    assert (png.mode, png.info.get("icc_profile")) == ("RGB", None)
    image = Image.new("RGB", (9, 9))
    image.info["icc_profile"] = b"of lights"
    png = Image.open(io.BytesIO(spooling.encoded(image).frame))
    assert png.info["icc_profile"] == b"of lights"
