"""The command `ledger`: what was paid, what failed, what is unsure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async import errors
from changeclothes_async.cli import parameters, printing, running, wording

if TYPE_CHECKING:
    from changeclothes_async.bulk.ledger.ledger import Attempt, Entry

_WORDS = {
    "saved": "paid, the picture in place",
    "paid": "paid, the result known: running it again fetches it and costs nothing",
    "claimed": "under way, or left behind by a run that died",
    "open": "not sent",
    "failed": "failed",
    "damaged": f"damaged: {wording.DAMAGED}",
    "unsure": f"unsure: {wording.UNSURE}",
}
_SQLITE = b"SQLite format 3\0"


@click.command(
    short_help="Show what was paid, what failed, what is unsure.",
    cls=running.Command,
    examples=(
        "changeclothes ledger lookbook/ledger.db",
        "changeclothes ledger lookbook --json",
    ),
)
@click.argument("file", type=parameters.Place(exists=True))
@click.option(
    "--resend-unsure",
    is_flag=True,
    help="Release unsure calls, so that the next run sends them; they may then be paid twice.",
)
@parameters.as_json
def ledger(file: str, resend_unsure: bool, as_json: bool) -> Any:
    """Count the calls in FILE, a ledger.db or its folder, and list those in trouble.

    FILE may also be a run's `--out` such as s3://bucket/lookbook, whose ledger is on this machine.
    """
    from changeclothes_async.bulk import placing

    path = Path(file) if Path(file).is_file() else placing.site(file).ledger
    _check(path)
    return (_release if resend_unsure else _show)(path, as_json)


def _check(path: Path) -> None:
    """Refuse what never was a ledger; one that is damaged begins as one all the same."""
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                return
    except OSError:
        return  # the ledger says it in its own words
    raise errors.InvalidInput(
        f"{path} is not a ledger: it does not begin like one.",
        next_step="Give a run's ledger.db, or its folder. If it was one, keep it: it knew what "
        "was paid.",
    )


async def _show(path: Path, as_json: bool) -> None:
    from changeclothes_async.bulk.ledger.ledger import Ledger
    from changeclothes_async.bulk.ledger.states import State

    book = await Ledger.open(path, read_only=True)
    try:
        counts = {state.value: count for state, count in (await book.counts()).items()}
        wanted = (State.FAILED, State.DAMAGED, State.UNSURE)
        found = [(entry, await book.attempts(entry.identity)) async for entry in book.scan(*wanted)]
    finally:
        await book.close()
    facts = {"ledger": path, "counts": counts, "jobs": [_as_data(*each) for each in found]}
    printing.shown(_words(counts, [entry for entry, _ in found]), facts, as_json=as_json)


def _words(counts: dict[str, int], troubled: list[Entry]) -> Iterator[str]:
    for state, words in _WORDS.items():
        if counts[state]:
            yield f"{counts[state]:>9,}  {words}"
    if not any(counts.values()):
        yield "No call has been made yet."
    for state in ("failed", "damaged", "unsure"):
        entries = [entry for entry in troubled if entry.state == state]
        if entries:
            yield ""
            yield printing.red(state.capitalize())
            width = printing.column(entry.name for entry in entries)
            yield from (_line(entry, width) for entry in entries)
    if counts["damaged"]:
        yield ""
        yield (
            "Damaged ones: --json shows what was answered. If paying twice is fine, "
            "--resend-unsure of the same command line sends them again."
        )
    if counts["unsure"]:
        yield ""
        yield (
            "Unsure ones: look for them in the account's history. If paying twice is fine, "
            "run the same command line again with --resend-unsure, or release them here with the "
            "same option."
        )


def _line(entry: Entry, width: int) -> str:
    attempts = "" if entry.attempts == 1 else f" ({entry.attempts} attempts)"
    message = entry.facts.message if entry.facts else ""
    when = _local(entry.settled_at or entry.claimed_at).strftime("%Y-%m-%d %H:%M:%S")
    return f"  {when}  {entry.name:<{width}}  {message}{attempts}"


async def _release(path: Path, as_json: bool) -> None:
    from changeclothes_async.bulk.ledger.ledger import Ledger
    from changeclothes_async.bulk.ledger.states import State

    book = await Ledger.open(path)
    try:
        found = [entry async for entry in book.scan(State.UNSURE)]
        for entry in found:
            await book.release(entry)
    finally:
        await book.close()
    printing.say(
        f"{len(found):,} released: the next run sends them again, and may pay for them twice."
        if found
        else "Nothing is unsure."
    )
    if as_json:
        released = [{"name": each.name, "identity": each.identity.hex()} for each in found]
        printing.shown((), {"ledger": path, "released": released}, as_json=True)


def _as_data(entry: Entry, attempts: list[Attempt]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "state": entry.state.value,
        "identity": entry.identity.hex(),
        "attempts": [
            {
                "attempt": attempt.attempt,
                "started_at": _local(attempt.started_at).isoformat(),
                "ended_at": _local(attempt.ended_at).isoformat(),
                "event": attempt.event.value,
                "http_status": attempt.facts.http_status,
                "code": attempt.facts.code,
                "error": attempt.facts.error,
                "message": attempt.facts.message,
                "money": attempt.facts.money,
                **_answer(attempt),
            }
            for attempt in attempts
        ],
    }


def _answer(attempt: Attempt) -> dict[str, str]:
    """Return the answer that was paid and is unusable: a person may find the result in it."""
    if attempt.facts.error != errors.Damaged.__name__:
        return {}
    return {"answer": attempt.facts.body.decode("utf-8", "replace")}


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()
