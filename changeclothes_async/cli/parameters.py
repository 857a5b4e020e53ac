"""Options, and types of arguments, that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

CATEGORIES = ("upper_body", "lower_body", "dresses")
EDGE = 2048
# A picture may be a URL too and is checked later; as a path its name is completed by the shell.
PICTURE = click.Path(readable=False)


def combined(*many: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several, in the order in which the help shows them."""

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


class Place(click.Path):
    """A path, or an address such as s3://bucket/lookbook, which is looked at later."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a path."""
        return value if "://" in value else super().convert(value, param, ctx)


class File(click.Path):
    """A file to write on this machine: an address would become a folder of that name."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a path."""
        if "://" in str(value):
            self.fail(f"{value} is an address, not a path. Give a local path.", param, ctx)
        return super().convert(value, param, ctx)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
prepare = click.option(
    "--prepare",
    type=Whole(64, 65_535),
    metavar="[PIXELS]",
    help=f"Send pictures upright, with no edge over PIXELS ({EDGE} if no number is given).",
)
patience = combined(
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
        help="Further attempts, made only after failures that may be retried.",
    ),
)


def with_edge(words: Sequence[str]) -> Iterator[str]:
    """Give --prepare its number where none follows; click would take the next picture for it."""
    for word, after in zip(words, [*words, ""][1:], strict=True):
        yield f"{word}={EDGE}" if word == "--prepare" and not after.isdecimal() else word
