"""The generated parts of the documentation, made from the code: `python -m docs.scripts.pages`.

A part stands in its page between `<!-- generated: NAME -->` and `<!-- end -->`; what is around it
is written by hand. The tests compare the pages with what this would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import states
from changeclothes_async.cli import commands
from changeclothes_async.protocol import answers, retries
from docs.scripts import diagram

DOCS = Path(__file__).parent.parent
_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WIDTH = 88


def generated() -> Iterator[tuple[Path, str]]:
    """Give every generated file and every page with generated parts, as they ought to be."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        if any(name in PARTS for _, name, _ in _PART.findall(text)):
            yield page, _PART.sub(_written, text)
    yield DOCS / "images" / "states.svg", diagram.svg()


def _written(part: re.Match[str]) -> str:
    begin, name, end = part.groups()
    return f"{begin}\n{PARTS[name]()}\n{end}" if name in PARTS else part.group()


def error_tree() -> str:
    """Draw which error is which kind of another."""
    return "```text\n" + "\n".join(_branch(errors.ChangeClothesError, 0)) + "\n```\n"


def _branch(kind: type[errors.ChangeClothesError], depth: int) -> Iterator[str]:
    codes = {found: code for code, found in errors.CODES.items()}
    yield "    " * depth + kind.__name__ + (f"  {codes[kind]}" if kind in codes else "")
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _branch(below, depth + 1)


def error_table() -> str:
    """Say of each error its code, whether it is tried again, what it cost, and what it means."""
    codes = {kind: str(code) for code, kind in errors.CODES.items()}
    return _table(
        ("error", "code", "tried again", "money", "meaning"),
        (
            (f"`{kind.__name__}`", codes.get(kind, ""), _again(kind()), kind.money, _meaning(kind))
            for kind in _kinds(errors.ChangeClothesError)
        ),
    )


def _kinds(kind: type[errors.ChangeClothesError]) -> Iterator[type[errors.ChangeClothesError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _kinds(below)


def _meaning(kind: type[errors.ChangeClothesError]) -> str:
    first = re.sub(r"\s+", " ", (kind.__doc__ or "").split("\n\n")[0])
    return re.sub(r"^\d+ ([A-Z_]+): (.)", lambda said: f"{said[1]}: {said[2]}", first)


def _again(error: errors.ChangeClothesError) -> str:
    return "yes" if retries.is_safe(retries.Policy(), error, 1) else "no"


def status_table() -> str:
    """Say what an answer without a readable envelope means, by its HTTP status."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for status in range(200, 600):
        error = answers.decode(answers.Raw(status, {}, b""))
        if isinstance(error, errors.ChangeClothesError):
            row = (f"`{type(error).__name__}`", _again(error), error.money)
            found.setdefault(row, []).append(status)
    return _table(
        ("HTTP status", "error", "tried again", "money"),
        ((_ranges(statuses), *row) for row, statuses in found.items()),
    )


def _ranges(numbers: list[int]) -> str:
    """Write numbers in order, neighbours as a range."""
    said: list[list[int]] = []
    for number in numbers:
        if said and said[-1][1] == number - 1:
            said[-1][1] = number
        else:
            said.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in said)


def transitions() -> str:
    """Lay the table of transitions out: states down, events across."""
    rows = (
        (f"**{state}**", *(states.TRANSITIONS.get((state, event), "") for event in states.JobEvent))
        for state in states.State
    )
    return _table(("", *(event.value for event in states.JobEvent)), rows)


def command_line() -> str:
    """Print the help of the command and of each of its commands."""
    group = commands.changeclothes
    return "\n".join(_help(name, group.commands.get(name, group)) for name in ("", *group.commands))


def _help(name: str, command: click.Command) -> str:
    whole = f"changeclothes {name}".strip()
    context = click.Context(
        command, info_name=whole, terminal_width=_WIDTH, help_option_names=["-h", "--help"]
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {whole}\n\n```text\n{text}\n```\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [tuple(head), *map(tuple, rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]]) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "command-line": command_line,
    "error-table": error_table,
    "error-tree": error_tree,
    "status-table": status_table,
    "transitions": transitions,
}
"""What writes each part; a part of another name is another script's."""


if __name__ == "__main__":
    for file, wanted in generated():
        file.write_text(wanted, "utf-8")
