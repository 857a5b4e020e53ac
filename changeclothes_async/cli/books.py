"""The command `ledger`: what was paid, what failed, what is unsure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from changeclothes_async.cli import printing, running, runs

if TYPE_CHECKING:
    from changeclothes_async.bulk.ledger.ledger import Attempt, Entry

_WORDS = {
    "saved": "paid, the picture in place",
    "paid": "paid, the picture still to fetch: run it again, that costs nothing",
    "claimed": "under way, or left behind by a run that died",
    "open": "not sent",
    "failed": "failed",
    "damaged": "paid, but the answer held no result",
    "unsure": "sent without an answer, perhaps paid",
}


@click.command(
    short_help="Show what was paid, what failed, what is unsure.",
    cls=running.Command,
    examples=(
        "changeclothes ledger lookbook/ledger.db",
        "changeclothes ledger lookbook --json",
    ),
)
@click.argument("file", type=runs.Place(exists=True))
@click.option(
    "--resend-unsure",
    is_flag=True,
    help="Give unsure ones free, so that the next run sends them; they may then be paid twice.",
)
@running.as_json
def ledger(file: str, resend_unsure: bool, as_json: bool) -> Any:
    """Show what FILE, a ledger.db or its folder, knows of every call.

    FILE may also be a run's `--out` such as s3://bucket/lookbook, whose ledger is on this machine.
    """
    from changeclothes_async.bulk import placing

    path = Path(file) if Path(file).is_file() else placing.site(file).ledger
    return _give_free(path) if resend_unsure else _show(path, as_json)


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
    facts = {"ledger": path, "counts": counts, "jobs": [_told(*each) for each in found]}
    printing.shown(_words(counts, [entry for entry, _ in found]), facts, as_json=as_json)


def _words(counts: dict[str, int], troubled: list[Entry]) -> Iterator[str]:
    for state, words in _WORDS.items():
        if counts[state]:
            yield f"{counts[state]:>9,}  {words}"
    if not any(counts.values()):
        yield "No call was made yet."
    for state in ("failed", "damaged", "unsure"):
        entries = [entry for entry in troubled if entry.state == state]
        if entries:
            yield ""
            yield click.style(state.capitalize(), fg="red")
            yield from (_line(entry) for entry in entries)
    if counts["unsure"]:
        yield ""
        yield "Look for the unsure ones in the account's history. If paying twice is fine, run the"
        yield "grid or batch again with --resend-unsure, or give them free here with the same word."


def _line(entry: Entry) -> str:
    attempts = "" if entry.attempts == 1 else f" ({entry.attempts} attempts)"
    message = entry.facts.message if entry.facts else ""
    when = _local(entry.settled_at or entry.claimed_at).strftime("%Y-%m-%d %H:%M:%S")
    return f"  {when}  {entry.name}  {message}{attempts}"


async def _give_free(path: Path) -> None:
    from changeclothes_async.bulk.ledger.ledger import Ledger
    from changeclothes_async.bulk.ledger.states import State

    book = await Ledger.open(path)
    try:
        found = [entry async for entry in book.scan(State.UNSURE)]
        for entry in found:
            await book.give_free(entry)
    finally:
        await book.close()
    printing.say(
        f"{len(found):,} given free: the next run sends them again, and may pay them twice."
        if found
        else "Nothing is unsure."
    )


def _told(entry: Entry, attempts: list[Attempt]) -> dict[str, Any]:
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
            }
            for attempt in attempts
        ],
    }


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()
