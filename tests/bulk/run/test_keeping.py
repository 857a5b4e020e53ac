"""A paid picture in its place: never lost to another job's, and found again by what it shows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from changeclothes_async import AsyncChangeClothes, Grid, TryOn
from changeclothes_async.bulk.run import keeping
from changeclothes_async.transport import places
from tests import samples
from tests.bulk import service as services
from tests.bulk.service import G0, GONE, PICS, Service

Quick = Callable[..., AsyncChangeClothes]


def job(number: int) -> TryOn:
    return TryOn(model=f"{PICS}m{number}.jpg", garment=G0, category="dresses")


def shown(out: Path) -> dict[str, bytes]:
    """What each picture shows, by its name; masks too."""
    pictures = {path.relative_to(out): path.read_bytes() for path in out.rglob("*.png")}
    return {str(name.with_suffix("")): data[len(samples.PNG) :] for name, data in pictures.items()}


def once_only(service: Service) -> None:
    """Let each address work a single time."""
    seen: set[str] = set()

    def picture(path: str) -> bytes:
        if path in seen:
            return GONE
        seen.add(path)
        return services.picture(path)

    service.picture = picture


async def test_jobs_that_move_keep_their_pictures(
    service: Service, quick: Quick, out: Path
) -> None:
    """With one put in front all names move on by one, and no address gives its picture again."""
    service.masks = True
    once_only(service)
    await quick().run_batch([job(1), job(2)], out)
    lookbook = await quick().run_batch([job(3), job(1), job(2)], out)
    assert lookbook.ok
    assert len(service.charges) == 3
    for number, n in enumerate((3, 1, 2), 1):
        assert shown(out)[f"000{number}"] == f"/m{n}__g0.png".encode()
        assert shown(out)[f"masks/000{number}"] == f"/m{n}__g0-mask.png".encode()


async def test_the_picture_of_another_job_is_set_aside(
    service: Service, quick: Quick, out: Path
) -> None:
    """A changed photograph has a picture of its own; the old one stays, and comes back for free."""
    once_only(service)

    async def run(photograph: str) -> bytes:
        assert (await quick().run_grid(Grid({"anna": photograph}, {"g": G0}, "dresses"), out)).ok
        return shown(out)["anna__g"]

    first = await run(f"{PICS}m1.jpg")
    second = await run(f"{PICS}m2.jpg")
    assert {first, second} == set(shown(out).values())
    assert await run(f"{PICS}m1.jpg") == first
    assert {first, second} == set(shown(out).values())
    assert len(service.charges) == 2


@pytest.mark.parametrize("change", [b"retouched", b"/retouched!"], ids=["seen", "unseen"])
async def test_a_copy_that_was_changed_is_not_taken(
    service: Service, quick: Quick, out: Path, change: bytes
) -> None:
    """What a person made of a picture, also under its old size and time, is kept, and nobody's."""
    await quick().run_batch([job(1)], out)
    before = (out / "0001.png").stat()
    (out / "0001.png").write_bytes(samples.PNG + change)
    os.utime(out / "0001.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    await quick().run_batch([job(2), job(1)], out)
    assert (shown(out)["0001"], shown(out)["0002"]) == (b"/m2__g0.png", b"/m1__g0.png")
    assert change in shown(out).values()
    assert len(service.charges) == 2


async def test_a_jobs_own_picture_is_not_set_aside(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that comes twice, as from a worker that was given up, is one picture."""
    keep = keeping.Keeper.keep

    async def twice(*what: Any) -> None:
        await keep(*what)
        await keep(*what)

    service.masks = True
    await quick().run_batch([job(1)], out)
    monkeypatch.setattr(keeping.Keeper, "keep", twice)
    await quick().run_batch([job(2)], out)
    pictures = [f"/m{n}__g0{mask}.png".encode() for n in (1, 2) for mask in ("", "-mask")]
    assert sorted(shown(out).values()) == sorted(pictures)


async def test_a_picture_that_cannot_be_copied_is_fetched(
    service: Service, quick: Quick, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or a store that refuses to be read stops nothing: there is the address too."""
    await quick().run_batch([job(1)], out)

    async def pieces(_: Path) -> AsyncIterator[bytes]:
        raise RuntimeError("access denied")
        yield b""

    monkeypatch.setattr(places, "pieces", pieces)
    lookbook = await quick().run_batch([job(2), job(1)], out)
    assert lookbook.ok
    assert sorted(shown(out).values()) == [b"/m1__g0.png", b"/m1__g0.png", b"/m2__g0.png"]
