"""A body is a recipe: exact, repeatable, and read back by two parsers that are not ours."""

from __future__ import annotations

import io

import multipart as defnull
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import multipart as kludex

from changeclothes_async.protocol import formats, images, multipart, requests
from tests.samples import JPEG, PNG

PICTURES = st.binary(max_size=300).map(
    lambda data: multipart.Part(images.Bytes(PNG + data), formats.of(PNG[: formats.HEAD]))
)
LINKS = st.just(images.Link("https://shop.example/ä?b=%0d%0a"))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,20}", fullmatch=True)
TEXTS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=5)


def walked(body):
    """Give the bytes that a walk over the recipe gives."""
    return b"".join([*body.frames, body.tail])


def boundary_of(body):
    return body.content_type.removeprefix("multipart/form-data; boundary=")


def by_multipart(body):
    """Read with the `multipart` package: name -> (file name, type, bytes)."""
    parser = defnull.MultipartParser(
        io.BytesIO(walked(body)), boundary_of(body), len(walked(body)), strict=True
    )
    return {
        part.name: (part.filename, part.content_type if part.filename else None, part.raw)
        for part in parser
    }


def by_python_multipart(body):
    """Read with the `python-multipart` package: name -> (file name, type, bytes)."""
    found = {}

    def field(part):
        found[part.field_name.decode()] = (None, None, part.value or b"")

    def file(part):
        part.file_object.seek(0)
        name = part.file_name.decode()
        found[part.field_name.decode()] = (name, part.content_type, part.file_object.read())

    parser = kludex.FormParser(
        "multipart/form-data", field, file, boundary=boundary_of(body).encode()
    )
    parser.write(walked(body))
    parser.finalize()
    return found


READERS = [by_multipart, by_python_multipart]


def types(found):
    """Let a type be text, whichever way a parser gives it."""
    return {
        name: (file, kind.decode() if isinstance(kind, bytes) else kind, data)
        for name, (file, kind, data) in found.items()
    }


@pytest.mark.parametrize("read", READERS)
@given(texts=TEXTS, model=PICTURES | LINKS, garment=PICTURES | LINKS)
def test_a_body_is_read_back_field_for_field(read, texts, model, garment):
    """Any texts and pictures come back byte for byte, under their names, nothing beside them."""
    pictures = {"modelImg": model, "garmentImg": garment}
    body = multipart.body(texts.items(), pictures.items())
    wanted = {name: (None, None, value.encode()) for name, value in texts.items()}
    for name, picture in pictures.items():
        if isinstance(picture, images.Link):
            wanted[name] = (None, None, picture.url.encode())
        else:
            wanted[name] = (f"{name}.png", "image/png", picture.content.data)
    assert types(read(body)) == wanted


@given(texts=TEXTS, model=PICTURES | LINKS)
def test_a_body_has_its_exact_length_and_walks_twice(texts, model):
    """`length` is that of the bytes, and a second walk gives the same ones."""
    body = multipart.body(texts.items(), [("modelImg", model)])
    assert walked(body) == walked(body)
    assert len(walked(body)) == body.length


@given(texts=TEXTS, pictures=st.lists(PICTURES | LINKS, max_size=3))
def test_the_closing_boundary_stands_apart(texts, pictures):
    """Without the tail no parser has a whole body; the tail alone ends it."""
    body = multipart.body(texts.items(), [(f"p{n}", one) for n, one in enumerate(pictures)])
    closing = f"--{boundary_of(body)}--\r\n".encode()
    assert body.tail.endswith(closing)
    assert closing not in b"".join(body.frames)


def test_each_body_has_a_boundary_of_its_own():
    """128 random bits: no picture holds them, and no two bodies share them."""
    boundaries = {boundary_of(multipart.body([], [])) for _ in range(100)}
    assert len(boundaries) == 100
    assert {len(boundary) for boundary in boundaries} == {32}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "value", ['"; filename="x"', "\r\n--boundary--\r\n", "Content-Type: x\r\n\r\n", "\0", ""]
)
def test_nothing_is_injected_by_a_text(read, value):
    """A text that looks like framing is a text."""
    job = requests.TryOn(
        model="m.jpg", garment="g.jpg", category="dresses", extra_fields={"note": value}
    )
    body = multipart.body(job.texts(), [], boundary="boundary-of-32-letters-of-our-own")
    assert types(read(body)) == {
        "category": (None, None, b"dresses"),
        "note": (None, None, value.encode()),
    }


@pytest.mark.parametrize(("data", "name", "mime"), [(PNG, ".png", "png"), (JPEG, ".jpg", "jpeg")])
def test_file_names_and_types_are_ours(data, name, mime):
    """The file name is the field's with the format's suffix, the type the format's."""
    picture = multipart.Part(images.Bytes(data), formats.of(data[: formats.HEAD]))
    body = multipart.body([], [("modelImg", picture)])
    assert by_multipart(body) == {"modelImg": (f"modelImg{name}", f"image/{mime}", data)}


def test_pictures_stay_out_of_repr():
    """Neither a picture nor a body shows its bytes."""
    picture = multipart.Part(images.Bytes(PNG), formats.of(PNG[: formats.HEAD]))
    assert "IHDR" not in repr(picture) + repr(multipart.body([], [("modelImg", picture)]))
