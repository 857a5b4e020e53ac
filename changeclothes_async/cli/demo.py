"""The command `demo`: a grid on the sandbox, interrupted and resumed, that leaves pictures."""

from __future__ import annotations

import signal
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changeclothes_async import errors
from changeclothes_async.cli import printing, running, targets

if TYPE_CHECKING:
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.progress.events import Event
    from changeclothes_async.sandbox import Sandbox

MODELS = ("ana", "kofi", "mei", "noor")
GARMENTS = {
    "upper_body": ("striped-tee", "rose-blouse"),
    "lower_body": ("indigo-jeans",),
    "dresses": ("summer-flowers", "evening-shift"),
}
INTERRUPTED_AFTER = 6

_NEXT = """
Open   {page}   the gallery
       {sheet}   all of it in one picture

Next   the same with your own pictures and key:

           from changeclothes_async import AsyncChangeClothes, Grid

           async with AsyncChangeClothes() as client:
               grid = Grid(models="photos/models", garments="photos/garments")
               await client.run_grid(grid, out="lookbook", progress=True)

       or  changeclothes grid --models photos/models --garments photos/garments --out lookbook
"""


@click.command(
    short_help="Make a grid of drawn pictures without an account.",
    cls=running.Command,
    examples=(
        "changeclothes demo",
        "changeclothes demo --out /tmp/demo --open",
        "changeclothes demo --pictures photos    # photographs to try things with",
    ),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="The folder to make; if it exists, demo-2, demo-3 and so on.",
)
@click.option("--open", "open_", is_flag=True, help="Open the gallery in the browser at the end.")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Only draw the models and garments into FOLDER, keeping what is there; make no call.",
)
async def demo(out: Path, open_: bool, pictures: Path | None) -> int:
    """Dress drawn models in drawn garments, with no account, no key and no network.

    A grid runs against the sandbox, is interrupted and resumed, and leaves pictures, a contact
    sheet and a gallery.
    """
    from changeclothes_async.sandbox import Sandbox

    if pictures:
        with targets.writing(pictures, "Give another folder with --pictures."):
            _draw(pictures)
        printing.result(str(pictures / "models"), str(pictures / "garments"))
        return 0
    with targets.writing(out, "Give another folder with --out."):
        out = targets.free(out)
        _draw(out / "pictures")
    async with Sandbox() as sandbox:
        lookbook = await story(sandbox, out)
    with printing.waiting("Drawing the contact sheet"):
        sheet = lookbook.contact_sheet(out / "contact-sheet.png")
    page = out / "lookbook" / "index.html"
    width = len(str(page))
    printing.result(_NEXT.format(page=page, sheet=str(sheet).ljust(width)))
    if open_:
        webbrowser.open(page.resolve().as_uri())
    return 0 if lookbook.ok else 1


async def story(sandbox: Sandbox, out: Path) -> Lookbook:
    """Run a grid of the pictures in `out`, interrupt it, resume it, and tell what was paid."""
    from changeclothes_async.bulk.work.grid import Grid
    from changeclothes_async.client import AsyncChangeClothes

    grid = Grid(models=out / "pictures" / "models", garments=out / "pictures" / "garments")
    printing.lines(
        f"A server that speaks the API is up at {sandbox.url}, on this machine alone.",
        f"{len(grid.rows)} models and {len(grid.columns)} garments are drawn: {len(grid)} pictures "
        "to make, each a call that would cost.",
        "",
        f"1. The grid runs, and is interrupted as by Ctrl-C after {INTERRUPTED_AFTER} paid calls:",
    )
    async with AsyncChangeClothes(sandbox.api_key, sandbox.url, max_concurrency=4) as client:
        first = await client.run_grid(
            grid, out=out / "lookbook", progress=True, on_event=_interrupting(), gallery=False
        )
        paid = sandbox.charges
        printing.lines(
            f"   What was under way arrived: {len(first.saved)} pictures, {paid} calls paid.",
            "",
            "2. The same line again sends only what is missing:",
        )
        second = await client.run_grid(grid, out=out / "lookbook", progress=True)
    once = ": nothing was paid twice." if sandbox.charges == len(second.saved) else "."
    printing.lines(
        f"   {len(second.saved)} pictures. The server counted {paid} + {sandbox.charges - paid} = "
        f"{sandbox.charges} paid calls{once}"
    )
    return second


def _interrupting() -> Callable[[Event], None]:
    """Press Ctrl-C, so to speak, once a few calls are paid: a slow disk may save them later."""
    paid = 0

    def watch(event: Event) -> None:
        nonlocal paid
        paid += event.kind == "paid"
        if event.kind == "paid" and paid == INTERRUPTED_AFTER:
            signal.raise_signal(signal.SIGINT)

    return watch


def _draw(folder: Path) -> None:
    """Write the drawn pictures as anyone would keep photographs: a folder for each category."""
    try:
        from changeclothes_async.sandbox.drawing import examples
    except ImportError:
        raise errors.missing_extra("The demo draws its pictures", "cli") from None
    with printing.waiting("Drawing models and garments"):
        for name in MODELS:
            _write(folder / "models" / name, partial(examples.model, name))
        for category, names in GARMENTS.items():
            for name in names:
                path = folder / "garments" / category / name
                _write(path, partial(examples.garment, category, name))


def _write(path: Path, draw: Callable[[], bytes]) -> None:
    from changeclothes_async.transport import saving

    path = path.with_suffix(".png")
    if not path.exists():  # somebody's own photograph may be called so
        with saving.placed(path) as part:
            part.write_bytes(draw())
