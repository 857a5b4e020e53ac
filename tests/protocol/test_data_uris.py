"""Pictures as Base64 texts: what was put in comes out, with a head and without."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from changeclothes_async.protocol import data_uris, formats, images


@given(st.binary(max_size=300))
def test_a_data_uri_gives_back_what_was_put_in(data):
    """Base64 of anything is read to the byte."""
    uri = "data:image/webp;base64," + base64.b64encode(data).decode()
    assert images.of(uri) == images.Bytes(data)


@given(st.binary(min_size=formats.HEAD + 2, max_size=300))
def test_bare_base64_gives_enough_to_tell_a_picture_by(data):
    """In one line, or in the many that e-mails have."""
    for text in (base64.b64encode(data), b"\n" + base64.encodebytes(data)):
        assert data_uris.bare(text.decode()) == data[: formats.HEAD + 2]


@given(st.text())
def test_any_text_holds_some_bytes_or_none(text):
    """No text, however strange, raises anything."""
    assert isinstance(data_uris.bare(text), bytes)
