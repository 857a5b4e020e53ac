"""The command `serve`: the sandbox, for whatever speaks the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import parameters, printing, running

if TYPE_CHECKING:
    from changeclothes_async.sandbox import Sandbox


def _latency(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    del ctx, param
    least, _, most = value.partition("-")
    try:
        return float(least), float(most or least)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a time. Write 2, or 0.5-2 for a range."
        ) from None


@click.command(
    short_help="Serve the sandbox: the same API on this machine.",
    cls=running.Command,
    examples=(
        "changeclothes serve --port 8787",
        "changeclothes serve --latency 0.5-2 --fault 20001@0.1 --fault cut:after_request@0.02",
        "",
        "Faults: 20001, 20001:503 (at an HTTP status), 503:2 (retry after 2 s),",
        "html:502, garbage, cut:MOMENT, stall:MOMENT, slow:SECONDS, and @RATE from 0",
        "to 1 for a share of the calls; MOMENT is before_read, in_upload,",
        "after_request or in_answer.",
    ),
)
@click.option(
    "--port",
    type=parameters.Whole(0, 65535),
    metavar="N",
    default=8787,
    show_default=True,
    help="0 picks a free port.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--credits",
    type=parameters.Whole(min=0),
    metavar="N",
    default=1000,
    show_default=True,
    help="Credits to spend; each call costs one.",
)
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC", help="A fault to simulate; see below."
)
@click.option(
    "--latency",
    callback=_latency,
    metavar="SECONDS",
    default="0",
    help="How long a call takes, such as 2 or 0.5-2.",
)
@click.option(
    "--no-draw",
    is_flag=True,
    help="Answer with tiny pictures instead of drawn ones, for load tests.",
)
@click.option("--api-key", help="The key it accepts; random unless given.")
def serve(faults: tuple[str, ...], no_draw: bool, **options: Any) -> Any:
    """Serve the sandbox: the same API on this machine, with no account and no network.

    It prints its address and key, and runs until Ctrl-C.
    """
    from changeclothes_async.sandbox import RandomFaults, Sandbox

    try:
        sandbox = Sandbox(
            faults=RandomFaults.parse(faults) if faults else (), draw=not no_draw, **options
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return _served(sandbox, options["port"])


async def _served(sandbox: Sandbox, port: int) -> None:
    import asyncio

    try:
        await sandbox.start()
    except ImportError as error:
        raise errors.missing_extra(
            f"The sandbox draws its pictures and lacks {error.name or error}", "cli"
        ) from None
    except OSError as error:
        raise errors.InvalidInput(
            f"Port {port} is not available ({error.strerror}).",
            next_step="Give another with --port; 0 picks a free one.",
        ) from None
    printing.result(*_welcome(sandbox))
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        printing.say(f"\nCalls: {len(sandbox.calls):,}. Credits taken: {sandbox.charges:,}.")
    finally:
        await sandbox.stop()


def _welcome(sandbox: Sandbox) -> list[str]:
    return [
        f"The sandbox is at {sandbox.url}: open it in a browser, or point a client at it with",
        "",
        f"export CHANGECLOTHES_BASE_URL={sandbox.url}",
        f"export CHANGECLOTHES_API_KEY={sandbox.api_key}",
        "",
        f"It has {sandbox.credits:,} credits. Ctrl-C ends it.",
    ]
