"""The reader of multipart bodies."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from changeclothes_async.sandbox import envelopes, forms, tiny
from changeclothes_async.sandbox.forms import Form

PNG = tiny.png(1)
# A picture that holds what looks like a boundary, whole and in part.
TRICKY = PNG + b"\r\n--B\r\n--BOUNDAR\r\n--\r\n\r\n" + bytes(range(256))


def part(head: str, content: bytes) -> bytes:
    return f"--BOUNDARY\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def named(name: str, filename: str | None = None) -> str:
    tail = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: image/png'
    return f'Content-Disposition: form-data; name="{name}"{tail}'


async def read(body: bytes, *, keep: bool = True, step: int = 2**16, largest: int = 9999) -> Form:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    content_type = 'multipart/form-data; charset=x; boundary="BOUNDARY"'
    return await forms.read(chunks(), content_type, keep=keep, largest=largest)


WHOLE = (
    b"a preamble to be ignored\r\n"
    + part(named("category"), b"dresses")
    + part(named("garmentDesc", "garmentDesc"), "limë".encode())
    + part(named("empty"), b"")
    + part(named("modelImg", 'a \\" b.png'), TRICKY)
    + part(named("garmentImg", "garmentImg"), b"data:image/png;base64," + base64.b64encode(PNG))
    + b"--BOUNDARY--\r\nan epilogue to be ignored"
)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1000, 2**16])
async def test_any_chunks_give_the_same_form(step: int) -> None:
    """Where the network cuts the body makes no difference."""
    form = await read(WHOLE, step=step)
    assert form.texts == {"category": "dresses", "garmentDesc": "limë", "empty": ""}
    model, garment = form.pictures["modelImg"], form.pictures["garmentImg"]
    assert (model.form, model.content, model.filename) == ("file", TRICKY, 'a " b.png')
    assert (model.size, model.sha256) == (len(TRICKY), hashlib.sha256(TRICKY).hexdigest())
    assert (model.content_type, model.mime, model.harmful) == ("image/png", "image/png", False)
    assert (garment.form, garment.content, garment.size) == ("data", PNG, len(PNG))
    assert garment.sha256 == hashlib.sha256(PNG).hexdigest()


@pytest.mark.parametrize("step", [1, 2**16])
async def test_pictures_are_not_held_unasked(step: int) -> None:
    """Without `keep` a picture leaves its size and digest behind, and no bytes."""
    pictures = (await read(WHOLE, keep=False, step=step)).pictures
    assert [picture.content for picture in pictures.values()] == [None, None]
    assert pictures["modelImg"].sha256 == hashlib.sha256(TRICKY).hexdigest()


@pytest.mark.parametrize("filename", [None, "modelImg"])
@pytest.mark.parametrize("url", ["http://a.example/x", "HTTPS://a.example/x?y=1"])
async def test_a_url_is_one_with_and_without_a_file_name(url: str, filename: str | None) -> None:
    """A part's first bytes say what it is, not its file name."""
    form = await read(part(named("modelImg", filename), url.encode()) + b"--BOUNDARY--")
    assert (form.pictures["modelImg"].form, form.pictures["modelImg"].url) == ("url", url)


@pytest.mark.parametrize("step", [1, 2**16])
async def test_the_mark_of_a_harmful_picture(step: int) -> None:
    """The mark counts at the end of a picture, and nowhere else."""
    inside, end = PNG + forms.HARMFUL_MARK + b".", PNG + forms.HARMFUL_MARK
    form = await read(
        part(named("modelImg", "a"), inside)
        + part(named("garmentImg", "a"), end)
        + b"--BOUNDARY--",
        step=step,
    )
    harmful = [picture.harmful for picture in form.pictures.values()]
    assert harmful == [False, True]


@pytest.mark.parametrize(
    ("body", "msg"),
    [
        (b"", "ends before"),
        (b"no boundary at all", "ends before"),
        (part(named("category"), b"dresses"), "ends before"),
        (part(named("category"), b"dresses") + b"--BOUNDARY", "ends before"),
        (part("Content-Type: text/plain", b"nameless") + b"--BOUNDARY--", "no name"),
        (b"--BOUNDARY\r\nX: " + b"x" * 20_000, "head is too long"),
        (part(named("category"), b"\xff") + b"--BOUNDARY--", "category is not UTF-8"),
        (part(named("category"), b"x" * 70_000), "category is larger"),
        (b"".join(part(named(f"f{n}"), b"x") for n in range(65)) + b"--BOUNDARY--", "more than 64"),
        (part(named("category"), b"x") * 2 + b"--BOUNDARY--", "category comes twice"),
        (part(named("modelImg"), PNG) * 2 + b"--BOUNDARY--", "modelImg comes twice"),
        (part(named("modelImg"), PNG + bytes(9999)) + b"--BOUNDARY--", "modelImg is larger"),
    ],
)
@pytest.mark.parametrize("step", [1000, 2**20])
async def test_broken_and_boundless_bodies_are_refused(body: bytes, msg: str, step: int) -> None:
    """Whatever is not a form, or is too much of one, is 10004, never another error."""
    with pytest.raises(envelopes.Refusal, match=msg) as refused:
        await read(body, step=step)
    assert refused.value.code == 10004


async def test_memory_stays_flat() -> None:
    """A picture that need not be kept passes through, whatever its size."""

    async def chunks() -> AsyncIterator[bytes]:
        yield f"--BOUNDARY\r\n{named('modelImg', 'a')}\r\n\r\n".encode()
        for _ in range(256):
            yield bytes(2**16)
        yield b"\r\n--BOUNDARY--"

    tracemalloc.start()
    content_type = "multipart/form-data; boundary=BOUNDARY"
    form = await forms.read(chunks(), content_type, keep=False, largest=2**30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert form.pictures["modelImg"].size == 2**24
    assert peak < 2**20


async def test_an_unknown_field_may_be_a_picture() -> None:
    """What is not documented yet is taken, a text as a text and a picture as a picture."""
    form = await read(part(named("style"), b"x") + part(named("pose"), TRICKY) + b"--BOUNDARY--")
    assert form.texts == {"style": "x"}
    assert (form.pictures["pose"].size, form.pictures["pose"].mime) == (len(TRICKY), "image/png")


async def test_as_many_parts_as_are_allowed() -> None:
    """64 parts are a form still."""
    body = b"".join(part(named(f"f{n}"), b"x") for n in range(64)) + b"--BOUNDARY--"
    assert len((await read(body)).texts) == 64


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "text/plain; boundary=BOUNDARY"]
)
async def test_another_content_type_is_refused(content_type: str) -> None:
    """Only multipart/form-data with a boundary is read."""

    async def chunks() -> AsyncIterator[bytes]:
        yield WHOLE

    with pytest.raises(envelopes.Refusal, match="multipart/form-data"):
        await forms.read(chunks(), content_type, keep=False, largest=1)
