"""What anyone may do with the package as it is installed: run by `tests/packaging.py`.

Needs the standard library and the package alone. What is not installed must say how to install it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path

import changeclothes_async as package
from changeclothes_async import sandbox as sandboxes
from changeclothes_async.telemetry import Telemetry

PICTURES = all(find_spec(name) for name in ("PIL", "numpy", "cv2"))
WITHOUT_EXTRAS = (
    "cli",
    "client",
    "bulk.run.making",
    "bulk.lookbook.lookbook",
    "results",
    "telemetry",
)
DATA = (
    "py.typed",
    "bulk/lookbook/gallery.html",
    "bulk/lookbook/gallery.css",
    "bulk/lookbook/gallery.js",
    "sandbox/page.html",
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415478da63f8cfc00000030101009d3b5cd80000000049454e44ae426082"
)


def check_imports() -> None:
    """Every public name is there, and what needs an extra can be imported without it."""
    for home in (package, sandboxes):
        for name in home.__all__:
            getattr(home, name)
    for name in WITHOUT_EXTRAS:
        import_module(f"changeclothes_async.{name}")


def check_data() -> None:
    """What is no Python is installed too."""
    for name in DATA:
        assert resources.files(package).joinpath(name).is_file(), name


@asynccontextmanager
async def _client():
    async with (
        sandboxes.Sandbox(draw=False) as sandbox,
        package.AsyncChangeClothes(sandbox.api_key, sandbox.url) as client,
    ):
        yield client


async def check_calls(out: Path) -> None:
    """One call and a grid, on a sandbox that draws nothing."""
    async with _client() as client:
        look = await client.try_on(PNG, PNG, "dresses", "a dress")
        assert await look.bytes()
        await _or_says("pictures", find_spec("PIL"), look.pil)
        grid = package.Grid([PNG], [PNG], category="dresses")
        lookbook = await client.run_grid(grid, out)
        assert lookbook.ok
        assert (out / "index.html").stat().st_size > 1000

        async def sheet() -> None:
            lookbook.contact_sheet(out / "sheet.png")

        await _or_says("pictures", find_spec("PIL"), sheet)


async def check_extras() -> None:
    """An extra works, or names the command that installs it."""

    async def prepare() -> None:
        package.AsyncChangeClothes("a-key", prepare=True)

    async def draw() -> None:
        async with sandboxes.Sandbox():
            pass

    async def tell() -> None:
        Telemetry()

    await _or_says("pictures", PICTURES, draw)
    await _or_says("pictures", find_spec("PIL"), prepare)
    await _or_says("otel", find_spec("opentelemetry"), tell)


async def _or_says(extra: str, installed: object, use: Callable[[], Awaitable[object]]) -> None:
    if installed:
        await use()
        return
    try:
        await use()
    except Exception as error:
        said = str(error)
    else:
        said = "nothing: it works"
    assert f"pip install 'changeclothes-async[{extra}]'" in said, said


def check_command() -> None:
    """The command and `python -m` are the same; without click they say what to install."""
    script = Path(sys.executable).with_name("changeclothes")
    for command in ([script], [sys.executable, "-m", "changeclothes_async"]):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
        if find_spec("click") and find_spec("rich"):
            assert done.returncode == 0, done.stderr
            assert "try-on" in done.stdout
        else:
            assert done.returncode == 2, done
            assert "pip install 'changeclothes-async[cli]'" in done.stderr


if __name__ == "__main__":
    check_imports()
    check_data()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check_calls(Path(folder) / "out"))
    asyncio.run(check_extras())
    check_command()
