"""The commands of one call: `try-on` and `prompt`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import INTERRUPTED, parameters, printing, running, targets

if TYPE_CHECKING:
    from changeclothes_async.client import AsyncChangeClothes
    from changeclothes_async.protocol.fields import CategoryName
    from changeclothes_async.results import Look

_options = parameters.combined(
    click.option(
        "-o",
        "--output",
        type=parameters.File(),
        help="File to write; it is overwritten if it exists. Without a suffix, one is added and "
        "no file is overwritten.  [default: look]",
    ),
    click.option(
        "--ledger",
        type=parameters.File(),
        metavar="FILE",
        help="Record the call in FILE before it is sent; the same command run again then does not "
        "pay again.",
    ),
    click.option(
        "--resend-unsure",
        is_flag=True,
        help="Send the call even if the ledger has it as perhaps paid, or as paid without a usable "
        "answer; it may then be paid twice.",
    ),
    parameters.prepare,
    parameters.patience,
    parameters.as_json,
)


def _text(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("it is empty. Describe the clothes.")
    return value


@click.command(
    "try-on",
    short_help="Dress a model in a garment.",
    cls=running.Command,
    examples=(
        "changeclothes try-on model.jpg dress.jpg --category dresses -o look.webp",
        "changeclothes try-on model.jpg https://shop.example/tee.jpg --category upper_body --json",
        "changeclothes try-on model.jpg dress.jpg --category dresses --ledger looks.db",
    ),
)
@click.argument("model", type=parameters.PICTURE)
@click.argument("garment", type=parameters.PICTURE)
@click.option(
    "--category",
    type=click.Choice(parameters.CATEGORIES),
    required=True,
    help="Which part of the body the garment covers.",
)
@click.option(
    "--desc", "garment_desc", metavar="TEXT", help="An English description of the garment."
)
@_options
def try_on(
    model: str, garment: str, category: CategoryName, garment_desc: str | None, **options: Any
) -> Any:
    """Dress MODEL in GARMENT: two pictures, each a file or a URL.

    Prints where the result was saved. Costs one call.
    """
    return _call(
        f"Dressing {_short(model)} in {_short(garment)}",
        (model, garment),
        lambda client: client.try_on(model, garment, category, garment_desc),
        **options,
    )


@click.command(
    short_help="Change a model's clothes by a text prompt.",
    cls=running.Command,
    examples=('changeclothes prompt model.jpg "a blue striped shirt" --seed 7 -o look.webp',),
    unquoted="Put the text in quotes.",
)
@click.argument("model", type=parameters.PICTURE)
@click.argument("prompt", metavar="TEXT", callback=_text)
@click.option(
    "--seed", type=int, metavar="N", help="0 to 2147483647; the same seed gives the same picture."
)
@click.option("--randomize-seed", is_flag=True, default=None, help="Let the service pick a seed.")
@click.option(
    "--guidance-scale", type=float, metavar="N", help="1 to 100: how closely to follow the words."
)
@click.option(
    "--steps", "num_inference_steps", type=int, metavar="N", help="1 to 50: inference steps."
)
@_options
def prompt(
    model: str,
    prompt: str,
    seed: int | None,
    randomize_seed: bool | None,
    guidance_scale: float | None,
    num_inference_steps: int | None,
    **options: Any,
) -> Any:
    """Change the clothes of MODEL, a file or a URL, as TEXT describes in English.

    Prints where the result was saved. Costs one call.
    """
    is_file = os.path.isfile  # Path's fails for a text too long to be a name
    if is_file(prompt) and not is_file(model) and ":" not in model:
        raise click.UsageError("The model's picture comes first, then the text.")
    return _call(
        f"Changing the clothes of {_short(model)}",
        (model,),
        lambda client: client.change_by_prompt(
            model,
            prompt,
            seed=seed,
            randomize_seed=randomize_seed,
            guidance_scale=guidance_scale,
            num_inference_steps=num_inference_steps,
        ),
        **options,
    )


async def _call(
    words: str,
    photographs: Iterable[str],
    call: Callable[[AsyncChangeClothes], Awaitable[Look]],
    *,
    output: Path | None,
    timeout: float,
    retries: int,
    ledger: Path | None,
    resend_unsure: bool,
    prepare: int | None,
    as_json: bool,
) -> int:
    import asyncio

    from changeclothes_async.bulk.run import interrupts
    from changeclothes_async.cli import stopping
    from changeclothes_async.client import AsyncChangeClothes

    target = targets.checked(output, photographs)
    stop = stopping.Stop()
    client = AsyncChangeClothes(
        timeout=timeout,
        retries=retries,
        ledger=ledger,
        prepare=prepare or False,
        on_event=stop.hear,
    )
    try:
        with printing.attended():
            async with client:
                first = partial(stop.first, client.aclose)
                with printing.waiting(words), interrupts.handled(first, stop.second):
                    look = await call(client.with_options(resend_unsure=resend_unsure))
                    stop.arrived()
                    path = await _saved(look, target)
                known = not client.stats.sent
    except asyncio.CancelledError:
        printing.say(stop.last_words)
        return INTERRUPTED
    except errors.ChangeClothesError as error:
        if not stop.asked:
            raise
        printing.failure(error, as_json=as_json)
        return INTERRUPTED  # a shell's loop would take an error's code for leave to go on, and pay
    if known:
        printing.say(f"Nothing was sent: the call is paid already, as {ledger} says.")
    if odd := targets.note(path):
        printing.say(odd)
    printing.shown([str(path)], _as_data(look, path), as_json=as_json)
    return INTERRUPTED if stop.asked else 0


async def _saved(look: Look, path: Path) -> Path:
    try:
        return await look.save(path)
    except BaseException as error:  # an interruption too must not lose what was paid for
        fetch = f"curl -o {shlex.quote(path.name)} {shlex.quote(look.result_img_url)}"
        if isinstance(error, errors.ChangeClothesError):
            error.next_step = f"It is paid for; this fetches it for nothing: {fetch}"
        else:
            printing.say(f"The picture is paid for; this fetches it for nothing: {fetch}")
        raise


def _as_data(look: Look, path: Path) -> dict[str, Any]:
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
