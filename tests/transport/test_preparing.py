"""Photographs on their way out: turned, scaled and encoded anew, or left byte for byte alone."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import pytest

pytest.importorskip("PIL", reason="the extra `pictures`")

from PIL import Image

from changeclothes_async import client as clients
from changeclothes_async import errors
from changeclothes_async.bulk.work.grid import Grid
from changeclothes_async.protocol import formats, images, multipart
from changeclothes_async.transport import preparing
from tests import peers
from tests.samples import PNG

ORIENTATION = 0x0112


def photo(form, size=(300, 200), mode="RGB", turned=1, **terms):
    """Draw a picture whose left half is red and whose right half is blue."""
    image = Image.new(mode, size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[ORIENTATION] = turned
    exif[0x010F] = "maker-canary"
    file = io.BytesIO()
    image.save(file, form, exif=exif, **terms)
    return file.getvalue()


def claiming(jpeg, width, height):
    """Let a JPEG's head tell another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def sent(data, longest=256):
    """Give what would be sent for a picture in memory."""
    picture = multipart.Part(images.Bytes(data), formats.checked(data, "it"))
    return preparing.prepared(picture, longest, "it")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_is_small_and_upright_is_left_alone(form):
    """Byte for byte, its metadata too."""
    data = photo(form)
    assert sent(data, 300).content.data == data


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_large_one_is_scaled_down(form):
    """The longest edge is what was asked for, the shape is kept, and no metadata goes along."""
    data = sent(photo(form)).content.data
    image = Image.open(io.BytesIO(data))
    assert image.size == (256, 171)
    assert b"maker-canary" not in data


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])  # Pillow turns a TIFF by itself
@pytest.mark.parametrize("longest", [150, 2048])
def test_a_turned_one_is_turned_upright(longest, form):
    """Orientation 6 of a telephone held upright: what was left is on top; scaled or not."""
    image = Image.open(io.BytesIO(sent(photo(form, turned=6), longest).content.data))
    assert image.width < image.height
    assert image.getexif().get(ORIENTATION, 1) == 1
    red, _, blue = image.convert("RGB").getpixel((image.width // 2, 5))
    assert red > 200 > 50 > blue


@pytest.mark.parametrize(
    ("form", "mode", "kind"),
    [
        ("PNG", "RGBA", "image/png"),
        ("WEBP", "RGBA", "image/webp"),
        ("PNG", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("JPEG", "L", "image/jpeg"),
        ("PNG", "P", "image/jpeg"),
        ("TIFF", "RGB", "image/jpeg"),
    ],
)
def test_the_format_follows_what_is_in_it(form, mode, kind):
    """Transparency is kept, a WebP stays one, all else becomes a JPEG."""
    file = io.BytesIO()
    Image.new(mode, (300, 200)).save(file, form)
    picture = sent(file.getvalue())
    assert picture.format.mime == kind
    image = Image.open(io.BytesIO(picture.content.data))
    assert image.has_transparency_data == (mode == "RGBA")


def test_several_frames_and_sixteen_bits_are_left_alone():
    """What would be lost in one JPEG is the service's to judge."""
    frames, deep = io.BytesIO(), io.BytesIO()
    first, second = Image.new("RGB", (300, 200), "red"), Image.new("RGB", (300, 200), "blue")
    first.save(frames, "GIF", save_all=True, append_images=[second])
    Image.new("I;16", (300, 200)).save(deep, "PNG")
    for file in (frames, deep):
        assert sent(file.getvalue()).content.data == file.getvalue()


def test_a_broken_one_is_no_image():
    """A photograph cut short is refused here, before it costs anything."""
    data = photo("JPEG", size=(1000, 800))
    with pytest.raises(errors.NotAnImage, match="it cannot be prepared"):
        sent(data[: len(data) // 2])


async def test_a_broken_file_is_named(client, tmp_path):
    """Among many it could not be found otherwise."""
    data = photo("PNG", size=(1000, 800))
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        with pytest.raises(errors.NotAnImage, match=r"cut\.png cannot be prepared"):
            await client(peer, prepare=200).try_on(tmp_path / "cut.png", PNG, "dresses")
    assert peer.connections == 0


def test_what_begins_like_a_jpeg_and_is_none_is_left_alone():
    """As all that Pillow cannot read is: the service may."""
    data = b"\xff\xd8\xff" + bytes(1000)
    assert sent(data).content.data == data


@pytest.mark.filterwarnings("error")
def test_a_telephones_largest_photograph_is_prepared():
    """108 megapixels, above which Pillow warns of bombs; a JPEG is decoded small."""
    data = claiming(photo("JPEG", size=(1200, 900)), 12_000, 9_000)
    assert Image.open(io.BytesIO(sent(data).content.data)).size == (256, 192)


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_bomb_is_refused(form):
    """A few bytes that would unpack to gigabytes."""
    if form == "JPEG":
        data = claiming(photo("JPEG"), 60_000, 60_000)
    else:
        data = bytearray(photo("PNG"))
        data[16:24] = (60_000).to_bytes(4, "big") * 2
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(errors.NotAnImage, match="it has too many pixels") as caught:
        sent(bytes(data))
    assert "Scale it down" in caught.value.next_step


def test_heic_becomes_a_jpeg():
    """Where its reader is installed."""
    heif = pytest.importorskip("pillow_heif", reason="the extra `heic`")
    file = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (300, 200), "red")).save(file)
    picture = sent(file.getvalue(), 2048)
    assert picture.format.mime == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content.data)).size == (300, 200)


WITHOUT = (
    "import sys; sys.modules[{name!r}] = None\n"
    "from changeclothes_async.transport import preparing\n"
    "from changeclothes_async.protocol import formats, images, multipart\n"
    "heic = images.Bytes(b'0000ftypheic0000')\n"
    "picture = multipart.Part(heic, formats.checked(heic.data, 'it'))\n"
    "try: preparing.prepared(picture, preparing.edge(True), 'it')\n"
    "except ImportError as error: print(error)"
)


def test_without_the_reader_of_heic_the_command_is_named():
    """A photograph that cannot be prepared is not sent as it is in silence."""
    program = WITHOUT.format(name="pillow_heif")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'changeclothes-async[heic]'" in done.stdout


@pytest.mark.parametrize("wish", [0, 10, 2.5, "large", 10**6])
def test_what_is_no_edge_is_refused(wish):
    """By name, when the client is made."""
    with pytest.raises(errors.InvalidInput, match="prepare"):
        clients.AsyncChangeClothes("a-key", prepare=wish)


async def test_every_form_of_a_picture_is_prepared(client, tmp_path):
    """A path, small or streamed, bytes, an open file and a PIL image; one call may do without."""
    data = photo("JPEG", size=(400, 100))
    noisy = io.BytesIO()
    Image.effect_noise((1800, 1800), 90).save(noisy, "PNG")  # too large to be kept in memory
    for name, content in (("small.jpg", data), ("large.png", noisy.getvalue())):
        (tmp_path / name).write_bytes(content)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, prepare=200)
        drawn = Image.open(io.BytesIO(data))
        for model in (
            tmp_path / "small.jpg",
            tmp_path / "large.png",
            data,
            io.BytesIO(data),
            drawn,
        ):
            await one.change_by_prompt(model, "red")
        await one.with_options(prepare=False).change_by_prompt(data, "red")
    widths = [Image.open(io.BytesIO(request.fields["modelImg"])).width for request in peer.charges]
    assert widths == [200] * 5 + [400]


async def test_what_is_sent_is_what_is_paid_for(client, tmp_path):
    """The same photograph, prepared in another way, is another call in the ledger."""
    data = photo("JPEG", size=(400, 100))
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, ledger=tmp_path / "ledger.db", prepare=200)
        for each in (one, one, one.with_options(prepare=100), one):
            await each.change_by_prompt(data, "red")
    assert len(peer.charges) == 2


async def test_a_plan_counts_the_bytes_that_will_go(client, tmp_path):
    """Those of the prepared pictures, from paths and from memory."""
    (tmp_path / "model.jpg").write_bytes(photo("JPEG", size=(3000, 2000)))
    grid = Grid([tmp_path / "model.jpg", photo("PNG", size=(400, 100))], [PNG], "dresses")
    one = client("http://127.0.0.1:9", prepare=200)
    plan = await one.plan_grid(grid, tmp_path / "out")
    assert 0 < plan.upload_bytes < 8000


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0MM", b"Exif\0\0nothing to read"])
def test_broken_metadata_are_no_broken_picture(form, exif):
    """They are dropped; a photograph that shows is not refused for them."""
    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, form, exif=exif)
    assert Image.open(io.BytesIO(sent(file.getvalue()).content.data)).size == (256, 171)
    assert sent(file.getvalue(), 300).content.data == file.getvalue()
