"""The commands of many calls: `grid` and `batch`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import INTERRUPTED, parameters, printing, running, sheets, summaries

if TYPE_CHECKING:
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.progress.events import Event
    from changeclothes_async.bulk.progress.tally import Snapshot
    from changeclothes_async.bulk.work.works import Work
    from changeclothes_async.client import PlanOptions
    from changeclothes_async.protocol.fields import CategoryName


def _where(_: click.Context, __: click.Parameter, value: str | None) -> str | int | None:
    """Tell a number of processes from an address."""
    if value is None or value == "local" or "://" in value:
        return value
    if value.isdecimal() and int(value):
        return int(value)
    raise click.BadParameter(f"{value!r} is not an address such as tcp://host:8786.")


_options = parameters.combined(
    click.option(
        "--out",
        type=parameters.Place(file_okay=False),
        required=True,
        help="Folder for the pictures, the gallery and the ledger, or a place such as "
        "s3://bucket/lookbook.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Show what would be sent and what is already paid; send nothing.",
    ),
    click.option(
        "--max-calls", type=parameters.Whole(min=0), metavar="N", help="Send at most N calls."
    ),
    click.option(
        "--max-concurrency",
        type=parameters.Whole(min=1),
        metavar="N",
        default=8,
        show_default=True,
        help="Calls in flight at once.",
    ),
    click.option(
        "--max-per-minute",
        type=parameters.Number(min=0, min_open=True),
        metavar="N",
        help="Calls started per minute.  [default: no limit]",
    ),
    click.option(
        "--cluster",
        callback=_where,
        metavar="WHERE",
        help="Let a dask cluster make the calls: a scheduler's address, a number of processes on "
        "this machine, or 'local' for one per core.",
    ),
    click.option("--retry-failed", is_flag=True, help="Send failed cells again."),
    click.option(
        "--resend-unsure",
        is_flag=True,
        help="Send unsure calls (perhaps paid, no answer) and damaged ones (paid, no usable "
        "answer) again; they may then be paid twice.",
    ),
    click.option("--no-gallery", is_flag=True, help="Write no index.html."),
    click.option(
        "--contact-sheet",
        type=parameters.File(),
        metavar="FILE",
        help="Draw all of it as one picture too: .png, .jpg or .webp.",
    ),
    parameters.prepare,
    parameters.patience,
    parameters.as_json,
)


@click.command(
    short_help="Dress every model in every garment.",
    cls=running.Command,
    examples=(
        "changeclothes grid --models photos/models --garments photos/garments --out lookbook",
        "changeclothes grid --models 'photos/*.jpg' --garments tee.png --category upper_body \\",
        "    --out tees --dry-run",
        "changeclothes grid --models photos/models --prompt 'a red dress' --seed 1 --seed 2 \\",
        "    --out reds",
    ),
    unquoted="Quote the pattern: --models 'photos/models/*.png'.",
)
@click.option(
    "--models",
    type=parameters.PICTURE,
    required=True,
    multiple=True,
    metavar="PICTURES",
    help="A folder, a quoted glob, a file or a URL; may be given more than once.",
)
@click.option(
    "--garments",
    type=parameters.PICTURE,
    multiple=True,
    metavar="PICTURES",
    help="The same for the garments; a folder named after a category sets it.",
)
@click.option(
    "--category",
    type=click.Choice(parameters.CATEGORIES),
    help="Which part of the body all garments cover.",
)
@click.option(
    "--prompt",
    "prompts",
    multiple=True,
    metavar="TEXT",
    help="A prompt instead of garments; may be given more than once.",
)
@click.option(
    "--seed",
    "seeds",
    metavar="N",
    type=int,
    multiple=True,
    help="A seed for the prompts; may be given more than once.",
)
@_options
def grid(
    models: tuple[str, ...],
    garments: tuple[str, ...],
    category: CategoryName | None,
    prompts: tuple[str, ...],
    seeds: tuple[int, ...],
    **options: Any,
) -> Any:
    """Dress every model in every garment, or change every model by every prompt.

    Run the same command again, and only what is missing is sent; what was paid is never paid again.
    Ctrl-C lets the calls in flight finish; a second Ctrl-C stops now.
    """
    from changeclothes_async.bulk.work.grid import Grid

    work = Grid(
        _one_or_many(models),
        _one_or_many(garments),
        category,
        prompts=prompts or None,
        seeds=seeds or None,
    )
    return _go(work, **options)


@click.command(
    short_help="Run the jobs in a .csv or .jsonl file.",
    cls=running.Command,
    examples=(
        "changeclothes batch jobs.csv --out looks",
        "changeclothes batch jobs.jsonl --out looks --max-calls 100",
        "",
        "A jobs.csv:   name,model,garment,category",
        "              anna-red,photos/anna.jpg,garments/red.jpg,dresses",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@_options
def batch(file: Path, **options: Any) -> Any:
    """Run the jobs in FILE, a .csv or .jsonl file with one job per line.

    Its columns are model, garment, category and garment_desc, or model, prompt, seed and so on,
    and optionally a name. Run the same command again, and only what is missing is sent.
    """
    from changeclothes_async.bulk.work import batches

    return _go(batches.batch(file), **options)


async def _go(
    work: Work,
    *,
    out: str,
    dry_run: bool,
    max_calls: int | None,
    max_concurrency: int,
    max_per_minute: float | None,
    retry_failed: bool,
    resend_unsure: bool,
    no_gallery: bool,
    contact_sheet: Path | None,
    cluster: str | int | None,
    prepare: int | None,
    timeout: float,
    retries: int,
    as_json: bool,
) -> int:
    from changeclothes_async.client import AsyncChangeClothes

    if contact_sheet and not dry_run:
        sheets.check(contact_sheet, work, out)
    async with AsyncChangeClothes(
        api_key="nothing-is-sent" if dry_run else None,
        max_concurrency=max_concurrency,
        max_per_minute=max_per_minute,
        timeout=timeout,
        retries=retries,
        prepare=prepare or False,
    ) as client:
        wishes: PlanOptions = {"retry_failed": retry_failed, "resend_unsure": resend_unsure}
        if dry_run:
            plan = await client.plan_grid(work, out=out, **wishes)
            printing.shown(summaries.plan(plan), dataclasses.asdict(plan), as_json=as_json)
            return 0
        bar = Counting()
        with printing.attended():
            lookbook = await client.run_grid(
                work,
                out=out,
                progress=bar,
                max_calls=max_calls,
                gallery=not no_gallery,
                cluster=cluster,
                on_event=bar.hear,
                **wishes,
            )
    drawn: summaries.Drawn = {
        "gallery": None if no_gallery else lookbook.out / "index.html",
        "contact_sheet": contact_sheet and sheets.draw(lookbook, contact_sheet),
    }
    summary = summaries.Summary(lookbook, bar.spent, drawn)
    printing.shown(summary.words(), summary.facts() if as_json else {}, as_json=as_json)
    return _exit_code(lookbook)


class Counting:
    """The bar that suits this place, which also counts the calls and what they cost."""

    def __init__(self) -> None:
        from changeclothes_async.bulk.progress import bars

        self._bar = bars.bar_for(True)
        self.spent = summaries.Spent()

    def hear(self, event: Event) -> None:
        """Take note of what an attempt cost."""
        if event.kind == "answered":
            self.spent.paid += event.error is None or event.error.money == "spent"
            self.spent.perhaps += event.error is not None and event.error.money == "maybe spent"

    def update(self, snapshot: Snapshot) -> None:
        """Show how it is going."""
        if self._bar:
            self._bar.update(snapshot)

    def close(self, snapshot: Snapshot) -> None:
        """Show how it ended."""
        self.spent.calls = snapshot.calls
        if self._bar:
            self._bar.close(snapshot)


def _exit_code(lookbook: Lookbook) -> int:
    if isinstance(lookbook.stopped, errors.Interrupted):
        return INTERRUPTED
    if lookbook.stopped:
        return running.exit_code(lookbook.stopped)
    return 0 if lookbook.ok else 1


def _one_or_many(given: tuple[str, ...]) -> Any:
    return given[0] if len(given) == 1 else list(given) or None
