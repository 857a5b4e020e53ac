"""A body on its way out: what is left behind when it is broken off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from changeclothes_async.protocol import images, multipart
from changeclothes_async.transport import reading, uploads
from tests.samples import png


class Breaking:
    """A writer that is cancelled at its second piece."""

    def __init__(self) -> None:
        self.pieces = 0

    async def write(self, _: object) -> None:
        self.pieces += 1
        if self.pieces == 2:
            raise asyncio.CancelledError


def is_open(path: Path) -> bool:
    """Tell whether this process holds a file open."""
    held = Path("/proc/self/fd")
    return any(each.exists() and each.resolve() == path for each in held.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc tells what is open")
async def test_a_file_is_closed_when_its_upload_is_broken_off(tmp_path: Path) -> None:
    """At once, and not when garbage is collected: its owner may want to move it."""
    path = tmp_path / "large.png"
    path.write_bytes(png(8 * 2**20))
    picture = await reading.Reader().ready(images.of(path))
    upload = uploads.Upload(multipart.body([], [("modelImg", picture)]))
    with pytest.raises(asyncio.CancelledError) as broken:  # which holds all frames it went through
        await upload.write_with_length(Breaking(), None)  # type: ignore[arg-type]
    assert not is_open(path)
    assert not upload.sent_whole
    del broken
