"""How a command runs: on an event loop, its errors in words, its result as an exit code."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import INTERRUPTED, parameters, printing

UNSURE = 4
_EXITS: tuple[tuple[type[errors.ChangeClothesError], int], ...] = (
    (errors.InvalidInput, 2),
    (errors.MissingExtra, 2),
    (errors.AccountError, 3),
    (errors.Unsure, UNSURE),
    (errors.ChangeClothesError, 1),
)


class Command(click.Command):
    """A command whose function may be async and returns its exit code, None for 0.

    `examples` are lines that its help ends with; `unquoted` says what to do about words too many.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str], unquoted: str = "", **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples
        self.unquoted = unquoted

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the command's name."""
        try:
            return super().parse_args(ctx, list(parameters.with_edge(args)))
        except click.UsageError as error:
            if self.unquoted and "unexpected extra argument" in error.message:
                raise click.UsageError(f"{error.message}. {self.unquoted}", ctx) from None
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the examples."""
        lines(formatter, "Examples", self.examples)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the function; a ChangeClothesError ends it in one or two sentences."""
        try:
            code = _finished(super().invoke(ctx))
        except errors.ChangeClothesError as error:
            printing.failure(error, as_json=ctx.params.get("as_json", False))
            code = exit_code(error)
        except KeyboardInterrupt:
            printing.say("Stopped.")
            code = INTERRUPTED
        ctx.exit(code or 0)


def exit_code(error: errors.ChangeClothesError) -> int:
    """Return the exit code that an error ends a command with."""
    from changeclothes_async.bulk.calls import outcomes

    if outcomes.is_unwritten(error):
        return UNSURE
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def lines(formatter: click.HelpFormatter, title: str, many: Sequence[str]) -> None:
    """Write a section of help whose lines stay as they are."""
    with formatter.section(title):
        formatter.write("".join(f"  {line}\n" for line in many))


def _finished(result: Any) -> Any:
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    try:
        return asyncio.run(result)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
