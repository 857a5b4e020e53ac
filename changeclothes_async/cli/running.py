"""How a command runs: on an event loop, its errors in words, its result as an exit code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from changeclothes_async import errors
from changeclothes_async.cli import INTERRUPTED, printing

F = TypeVar("F", bound=Callable[..., Any])

CATEGORIES = ("upper_body", "lower_body", "dresses")
EDGE = 2048
# A picture may be a URL too and is checked later; as a path its name is completed by the shell.
PICTURE = click.Path(readable=False)

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
            return super().parse_args(ctx, list(_with_edge(args)))
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
    """Give the exit code that an error ends a command with."""
    from changeclothes_async.bulk.calls import outcomes

    if outcomes.is_unwritten(error):
        return UNSURE
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def lines(formatter: click.HelpFormatter, title: str, many: Sequence[str]) -> None:
    """Write a section of help whose lines stay as they are."""
    with formatter.section(title):
        formatter.write("".join(f"  {line}\n" for line in many))


def options(*many: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several, in the order in which help shall show them."""

    def decorate(function: F) -> F:
        for option in reversed(many):
            function = option(function)
        return function

    return decorate


class Number(click.FloatRange):
    """A number in a range, called so in errors."""

    name = "number"


class Whole(click.IntRange):
    """A whole number in a range, called so in errors."""

    name = "whole number"


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
prepare = click.option(
    "--prepare",
    type=Whole(64, 65_535),
    metavar="[PIXELS]",
    help=f"Send pictures upright and with no edge over PIXELS; {EDGE} where no number follows.",
)
patience = options(
    click.option(
        "--timeout",
        type=Number(min=0, min_open=True),
        default=300,
        show_default=True,
        metavar="SECONDS",
        help="How long one attempt may take.",
    ),
    click.option(
        "--retries",
        type=Whole(min=0),
        metavar="N",
        default=2,
        show_default=True,
        help="Further attempts, where one more is safe.",
    ),
)


def _with_edge(words: Sequence[str]) -> Iterator[str]:
    """Give --prepare its number where none follows; click would take the next picture for it."""
    for word, after in zip(words, [*words, ""][1:], strict=True):
        yield f"{word}={EDGE}" if word == "--prepare" and not after.isdecimal() else word


def _finished(result: Any) -> Any:
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    try:
        return asyncio.run(result)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
