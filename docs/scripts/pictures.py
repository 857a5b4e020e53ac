"""The documentation's pictures, taken of the program at work: `python -m docs.scripts.pictures`.

Needs chromium and tmux on PATH, the extra `cli`, and nbconvert. Names after the module take only
those pictures: sheet, gallery, terminal, web-app, notebook.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

from changeclothes_async.sandbox import RandomFaults, Sandbox
from changeclothes_async.sandbox.drawing import examples
from docs.scripts import notebook
from tests import chromium
from tests.docs import apps

IMAGES = Path(__file__).parent.parent / "images"
LARGEST_SHEET = 300_000

# Rich's own frame, without the fonts that it would fetch.
_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 12 {width} {height}">
<style>.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace }}
{styles}</style>
<defs>{lines}</defs>
<rect y="12" width="{width}" height="{height}" rx="10" fill="#1b1f27"/>
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


async def sheet(demo: Path) -> None:
    """Keep the demo's contact sheet, small enough for a page's first look."""
    image = Image.open(demo / "contact-sheet.png").convert("RGB")
    for quality in range(88, 40, -4):
        image.save(IMAGES / "contact-sheet.jpg", quality=quality, optimize=True, progressive=True)
        if (IMAGES / "contact-sheet.jpg").stat().st_size < LARGEST_SHEET:
            return


async def gallery(demo: Path) -> None:
    """Take the gallery on a desk, light and dark, on a phone, and with a cell in large."""
    address = (demo / "lookbook" / "index.html").as_uri()
    async with chromium.page() as page:
        await page.open(address, 1280, 900)
        for theme, name in (("dark", "gallery-dark"), ("light", "gallery")):
            scheme = {"name": "prefers-color-scheme", "value": theme}
            await page.send("Emulation.setEmulatedMedia", features=[scheme])
            await _shown(page)
            await _shoot(page, name)
        await page.click(".cell")
        await _shown(page)
        await _shoot(page, "gallery-large")
        await page.open(address, 390, 780)
        await _shown(page)
        await _shoot(page, "gallery-phone")


async def terminal(demo: Path) -> None:
    """Take a grid in a terminal in the middle of its run."""
    faults = RandomFaults({"10005": 0.08, "cut:after_request": 0.06}, seed=4)
    async with Sandbox(draw=False, credits=1000, latency=(0.5, 1.5), faults=faults) as sandbox:
        command = (
            f"clear; CHANGECLOTHES_BASE_URL={sandbox.url} CHANGECLOTHES_API_KEY={sandbox.api_key} "
            f"{sys.executable} -m changeclothes_async grid --models {demo}/pictures/models "
            f"--garments {demo}/pictures/garments --out {demo}/terminal --max-concurrency 4; read x"
        )
        tmux = ("tmux", "-L", "docs-pictures")
        await _run(*tmux, "new-session", "-d", "-x", "100", "-y", "24", "sh", "-c", command)
        while len(sandbox.calls) < 15:  # noqa: ASYNC110 - a list tells nobody that it has grown
            await asyncio.sleep(0.1)
        screen = await _run(*tmux, "capture-pane", "-e", "-p")
        await _run(*tmux, "kill-session")
    _draw(
        "$ changeclothes grid --models photos/models --garments photos/garments --out lookbook\n"
        + screen.rstrip()
    )


def _draw(screen: str) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(Text.from_ansi(screen))
    svg = console.export_svg(title="", code_format=_FRAME, unique_id="terminal")
    (IMAGES / "terminal.svg").write_text(svg, "utf-8")


async def web_app(demo: Path) -> None:
    """Take the example's page with a look on it."""
    options = {"GARMENTS": str(demo / "pictures" / "garments"), "LOOKS": str(demo / "looks")}
    async with (
        Sandbox() as sandbox,
        apps.running("aiohttp", sandbox, demo, **options) as address,
        chromium.page() as page,
    ):
        await page.open(address, 760, 1200)
        await page.until("document.querySelectorAll('#garments img').length === 5")
        photograph = demo / "me.png"
        photograph.write_bytes(examples.model("noor"))
        await apps.choose(page, "[name=photograph]", photograph)
        await page.click("[name=one]")
        await page.until("document.querySelector('#look').offsetWidth > 100")
        await _shown(page)
        await _shoot(page, "web-app")


async def executed_notebook(demo: Path) -> None:
    """Take the grid of the tutorial's notebook, as a static export shows it, light and dark."""
    for theme, name in (("light", "notebook"), ("dark", "notebook-dark")):
        convert = (sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(demo))
        options = ("--log-level=ERROR", f"--HTMLExporter.theme={theme}")
        await _run(*convert, *options, str(notebook.NOTEBOOK))
        async with chromium.page() as page:
            await page.open((demo / "tutorial.html").as_uri(), 900, 900)
            await page.value(
                "[...document.querySelectorAll('[role=progressbar]')][0]"
                ".closest('.jp-Cell').scrollIntoView()"
            )
            await _shown(page)
            await _shoot(page, name)


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}.")
    return said.decode()


async def _shown(page: chromium.Page) -> None:
    """Wait until all pictures in sight are there, and two frames for what moves."""
    await page.until(
        "[...document.images].every((image) => image.complete || image.loading === 'lazy')"
    )
    await asyncio.sleep(1)


async def _shoot(page: chromium.Page, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        await page.shoot(shot)
        Image.open(shot).convert("RGB").save(IMAGES / f"{name}.webp", quality=85, method=6)


TAKEN: dict[str, Callable[[Path], Awaitable[None]]] = {
    "sheet": sheet,
    "gallery": gallery,
    "terminal": terminal,
    "web-app": web_app,
    "notebook": executed_notebook,
}


async def take(names: list[str]) -> None:
    """Run the demo, and take the named pictures, or all."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        await _run(sys.executable, "-m", "changeclothes_async", "demo", "--out", str(demo))
        for name in names or TAKEN:
            await TAKEN[name](demo)


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1:]))
