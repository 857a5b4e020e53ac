"""The commands of one call: `try-on` and `prompt`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async.cli import INTERRUPTED, printing, running

if TYPE_CHECKING:
    from changeclothes_async.client import AsyncChangeClothes
    from changeclothes_async.results import Look

output = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where the picture goes; without a suffix it gets the right one.  [default: look]",
)


@click.command(
    "try-on",
    short_help="Dress a model in a garment.",
    cls=running.Command,
    examples=(
        "changeclothes try-on model.jpg dress.jpg --category dresses -o look.webp",
        "changeclothes try-on model.jpg https://shop.example/tee.jpg --category upper_body --json",
    ),
)
@click.argument("model", type=running.PICTURE)
@click.argument("garment", type=running.PICTURE)
@click.option(
    "--category",
    type=click.Choice(running.CATEGORIES),
    required=True,
    help="Which part of the body the garment covers.",
)
@click.option("--desc", metavar="TEXT", help="The garment described, in English.")
@running.options(output, running.patience, running.as_json)
def try_on(model: str, garment: str, category: str, desc: str | None, **options: Any) -> Any:
    """Dress MODEL in GARMENT: two pictures, each a file or a URL.

    Prints where the result was saved. One call is paid for.
    """
    return _call(
        f"Dressing {_short(model)} in {_short(garment)}",
        lambda client: client.try_on(model, garment, category, desc),
        **options,
    )


@click.command(
    short_help="Change a model's clothes by a text.",
    cls=running.Command,
    examples=('changeclothes prompt model.jpg "a blue striped shirt" --seed 7 -o look.webp',),
)
@click.argument("model", type=running.PICTURE)
@click.argument("text")
@click.option(
    "--seed", type=int, metavar="N", help="0 to 2147483647; the same seed draws the same."
)
@click.option("--randomize-seed", is_flag=True, default=None, help="Let the service draw a seed.")
@click.option(
    "--guidance-scale", type=float, metavar="N", help="1 to 100: how closely to follow the words."
)
@click.option("--steps", type=int, metavar="N", help="1 to 50: inference steps.")
@running.options(output, running.patience, running.as_json)
def prompt(
    model: str,
    text: str,
    seed: int | None,
    randomize_seed: bool | None,
    guidance_scale: float | None,
    steps: int | None,
    **options: Any,
) -> Any:
    """Change the clothes of MODEL, a file or URL, as TEXT says in English.

    Prints where the result was saved. One call is paid for.
    """
    return _call(
        f"Changing the clothes of {_short(model)}",
        lambda client: client.change_by_prompt(
            model,
            text,
            seed=seed,
            randomize_seed=randomize_seed,
            guidance_scale=guidance_scale,
            num_inference_steps=steps,
        ),
        **options,
    )


async def _call(
    words: str,
    call: Callable[[AsyncChangeClothes], Awaitable[Look]],
    *,
    output: Path | None,
    timeout: float,
    retries: int,
    as_json: bool,
) -> int:
    import asyncio

    from changeclothes_async.bulk.run import interrupts
    from changeclothes_async.client import AsyncChangeClothes

    interrupted = False

    def first() -> None:
        nonlocal interrupted
        interrupted = True
        printing.say("The call may be paid for already: waiting for it. Ctrl-C again stops now.")

    def second() -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    async with AsyncChangeClothes(timeout=timeout, retries=retries) as client:
        with printing.waiting(words), interrupts.handled(first, second):
            look = await call(client)
            path = await _saved(look, output or printing.free(Path("look")))
    printing.shown([str(path)], _told(look, path), as_json=as_json)
    return INTERRUPTED if interrupted else 0


async def _saved(look: Look, path: Path) -> Path:
    try:
        return await look.save(path)
    except BaseException:  # an interruption too must not lose what was paid for
        printing.say(f"The picture is paid for, and lies at {look.result_img_url}")
        raise


def _told(look: Look, path: Path) -> dict[str, Any]:
    return {
        "result_img_url": look.result_img_url,
        "mask_img_url": look.mask_img_url,
        "cache_hit": look.cache_hit,
        "seed": look.seed,
        "path": path,
        "attempts": look.attempts,
    }


def _short(source: str) -> str:
    """Name a picture in a few letters; a data URI may be megabytes."""
    return source[:20] + "…" if source.startswith("data:") else source.rpartition("/")[2][-40:]
