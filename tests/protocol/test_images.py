"""One picture as a value: every form is told apart, everything else is refused in words."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from pathlib import Path
from typing import ClassVar

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import HttpUrl

from changeclothes_async import errors
from changeclothes_async.protocol import formats, images
from tests.samples import DATA_URI, JPEG, PNG, WEBP

BASE64 = base64.b64encode(PNG).decode()
BASE64_LONG = base64.b64encode(PNG + bytes(200_000)).decode()
DRAWN = Image.new("RGB", (1, 1))
OPEN = io.BytesIO(PNG)

FORMS = {
    "https": ("https://shop.example/a.jpg", images.Link("https://shop.example/a.jpg")),
    "http, loud": ("HTTP://shop.example/", images.Link("HTTP://shop.example/")),
    "data URI": (DATA_URI, images.Bytes(PNG)),
    "data URI, loud": ("DATA:IMAGE/PNG;BASE64," + BASE64, images.Bytes(PNG)),
    "data URI with a charset": (f"data:image/png;a=b;base64,{BASE64}", images.Bytes(PNG)),
    "data URI in lines": (f"data:image/png;base64,{BASE64[:9]}\r\n{BASE64[9:]}", images.Bytes(PNG)),
    "data URI, escaped": (
        f"data:image/png;base64,{BASE64.replace('+', '%2B').replace('=', '%3D')}",
        images.Bytes(PNG),
    ),
    "bytes": (PNG, images.Bytes(PNG)),
    "bytearray": (bytearray(PNG), images.Bytes(PNG)),
    "memoryview": (memoryview(PNG), images.Bytes(PNG)),
    "short Base64, which may be a path": ("/9j/4AAQ", images.File("/9j/4AAQ")),
    "text path": ("/photos/a.jpg", images.File("/photos/a.jpg")),
    "path": (Path("/photos/a.jpg"), images.File("/photos/a.jpg")),
    "open file": (OPEN, images.Stream(OPEN)),
    "PIL image": (DRAWN, images.Drawn(DRAWN)),
    "a picture already": (images.File("/a.jpg"), images.File("/a.jpg")),
}


@pytest.mark.parametrize(("source", "value"), FORMS.values(), ids=FORMS)
def test_every_form_becomes_its_value(source, value):
    """A path, URL, data URI, bytes, open file or PIL image is told apart by what it is."""
    assert images.of(source) == value


def test_a_relative_path_is_made_absolute(monkeypatch, tmp_path):
    """A path means what it meant when it was given, wherever the program goes later."""
    monkeypatch.chdir(tmp_path)
    assert images.of("a/../b.jpg") == images.File(str(tmp_path / "b.jpg"))
    assert images.of(Path("b.jpg")) == images.File(str(tmp_path / "b.jpg"))


def test_a_relative_path_needs_a_working_directory(monkeypatch, tmp_path):
    """One that a deployment has removed is named, as any bad argument is."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(errors.InvalidInput, match="the working directory was removed"):
        images.of("anna.jpg")
    assert images.of("/anna.jpg") == images.File("/anna.jpg")


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    """~ is expanded in texts and in paths; a home that nobody has stays a name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert images.of("~/a.jpg") == images.of(Path("~/a.jpg")) == images.File(f"{tmp_path}/a.jpg")
    assert images.of("~nobody-here/a.jpg").path.endswith("/~nobody-here/a.jpg")


class BytesPath:
    """A path whose name is bytes."""

    def __fspath__(self):
        return b"/photos/\xff.jpg"


def test_a_path_of_bytes_is_a_path():
    """Names that are no text keep their bytes."""
    assert os.fsencode(images.of(BytesPath()).path) == b"/photos/\xff.jpg"


class Array:
    """What numpy's arrays and their like are told by."""

    __array_interface__: ClassVar = {}


REFUSED = {
    "None": (None, "NoneType"),
    "a number": (7, "int"),
    "a list": (["a.jpg"], "list"),
    "an array": (Array(), "Array. Give a path, "),
    "what to do with it": (Array(), "PIL.Image.fromarray(array) makes a picture of it."),
    "yarl's URL": (yarl.URL("https://shop.example/a.jpg"), "str(url) makes an address of it."),
    "pydantic's": (HttpUrl("https://shop.example/a.jpg"), "str(url) makes an address of it."),
    "ftp": ("ftp://shop.example/a.jpg", "ftp://"),
    "file": ("file:///photos/a.jpg", "file://"),
    "s3": ("s3://bucket/a.jpg", "s3://"),
    "no host": ("https://", "usable URL"),
    "a URL with a space": ("https://shop.example/a b.jpg", "usable URL"),
    "a URL with a line end": ("https://shop.example/\r\nX: y", "usable URL"),
    "half an IPv6": ("http://[::1", "usable URL"),
    "empty": ("", "not a path"),
    "a long NUL": ("a\0.jpg" * 99, "not a path"),
    "bare Base64": (BASE64_LONG, "not a path but a picture in Base64. Put data:image/png;base64,"),
    "bare Base64, in lines": (
        "\n" + base64.encodebytes(JPEG + bytes(300)).decode(),
        "Put data:image/jpeg;base64, before it, or hand over the bytes.",
    ),
    "a NUL": ("a\0.jpg", "not a path"),
    "data URI without Base64": ("data:image/png,abc", "not in Base64"),
    "data URI without a comma": ("data:image/png;base64", "not in Base64"),
    "data URI, damaged": ("data:image/png;base64,abc$", "damaged"),
    "data URI, cut off": ("data:image/png;base64,abcde", "damaged"),
    "data URI, not ASCII": ("data:image/png;base64,ä", "damaged"),
    "open as text": (io.TextIOWrapper(io.BytesIO(PNG)), "as text"),
}


@pytest.mark.parametrize(("source", "words"), REFUSED.values(), ids=REFUSED)
def test_what_no_picture_can_come_from_is_refused_in_words(source, words):
    """NotAnImage says what it was, and ends with what to give."""
    with pytest.raises(errors.NotAnImage) as caught:
        images.of(source)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 500


@given(st.text() | st.binary())
def test_any_text_is_a_value_or_refused(source):
    """No text, however strange, raises anything else."""
    with contextlib.suppress(errors.NotAnImage):
        assert isinstance(images.of(source), images.Image)


KINDS = {
    "image/jpeg": [JPEG, b"\xff\xd8\xff\xdb"],
    "image/png": [PNG],
    "image/webp": [WEBP],
    "image/gif": [b"GIF87a....", b"GIF89a...."],
    "image/tiff": [b"II*\0....", b"MM\0*...."],
    "image/bmp": [b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0"],
    "image/avif": [b"\0\0\0\x20ftypavif\0\0\0\0"],
    "image/heic": [b"\0\0\0\x20ftypheic\0\0\0\0", b"\0\0\0\x20ftypmif1\0\0\0\0"],
    None: [
        b"",
        b"hello",
        b"<svg>",
        b"%PDF-1.7",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x20ftypmp42\0\0",
        b"BMW is a car, it says",
        PNG[:7],
    ],
}


@pytest.mark.parametrize(
    ("mime", "head"), [(m, head) for m, heads in KINDS.items() for head in heads]
)
def test_a_format_is_known_by_its_first_bytes(mime, head):
    """The first bytes tell the type, never the name; a text or film has none."""
    found = formats.of(head[: formats.HEAD])
    assert (found.mime if found else None) == mime


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_what_pillow_writes_is_known(form):
    """The formats of real files are found as such."""
    file = io.BytesIO()
    DRAWN.save(file, form)
    assert formats.of(file.getvalue()[: formats.HEAD]).mime == f"image/{form.lower()}"


def test_bytes_stay_out_of_repr():
    """A value shows its size, not its bytes."""
    assert repr(images.Bytes(PNG)) == f"Bytes({len(PNG)} bytes)"
    assert "canary" not in repr(images.Stream("canary")) + repr(images.Drawn("canary"))
