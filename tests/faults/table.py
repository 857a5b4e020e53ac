"""The fault matrix as a page: `python -m tests.faults.table` writes docs/faults.md anew.

What stands there from "## Fuzz and soak" on is written by hand, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.faults import (
    guards,
    test_disk_and_process,
    test_envelope,
    test_http,
    test_images,
    test_network,
    test_results,
    test_tls,
    test_user,
)
from tests.faults.cases import Case, Row

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BY_HAND = "## Fuzz and soak"

HEAD = """\
# Faults

Made from the tests by `python -m tests.faults.table`; each row names the test that shows it.
*May have cost* is the error's `money`.
*Whole requests* counts those that the server had complete, which is the most that it can charge; \
the servers of the tests count them on their own side.
*In a grid* is the state in which a run leaves the cell, and what the next run does with it.
"""

GUARDED = """\
What [SECURITY.md](../SECURITY.md) promises; each guard was taken away once to see its test fail.
"""

SECTIONS: list[tuple[str, Sequence[Case | Row]]] = [
    ("Network", test_network.ROWS),
    ("TLS", test_tls.ROWS),
    ("HTTP", test_http.ROWS),
    ("Envelope", test_envelope.ROWS),
    ("Images in", test_images.ROWS),
    ("Results", test_results.ROWS),
    ("Disk and process", test_disk_and_process.ROWS),
    ("User", test_user.ROWS),
    ("Cluster", test_user.CLUSTER),
]

NEXT = {
    "open": "open; sent by the next run",
    "failed": "failed; sent again when asked",
    "unsure": "unsure; held",
    "damaged": "damaged; held",
    "paid": "paid; its picture is fetched",
}


def page(by_hand: str) -> str:
    """Make the whole page."""
    tables = [f"## {name}\n\n{_table(rows)}" for name, rows in SECTIONS]
    return "\n".join([HEAD, *tables, _guards(), by_hand])


def by_hand() -> str:
    """Give the part of the page that is written by hand."""
    text = PAGE.read_text() if PAGE.exists() else ""
    return BY_HAND + text.partition(BY_HAND)[2]


def tests() -> list[str]:
    """Name every test that the table points to."""
    rows = [row for _, rows in SECTIONS for row in rows]
    return [*filter(None, map(_test, rows)), *guards.GUARDS.values()]


def _guards() -> str:
    lines = [f"| {guard} | `{test}` |" for guard, test in guards.GUARDS.items()]
    return "\n".join(["## Guards", "", GUARDED, "| Guard | Test |", "|---|---|", *lines]) + "\n"


def _table(rows: Sequence[Case | Row]) -> str:
    head = "| Fault | What the caller sees | May have cost | Whole requests | In a grid | Test |"
    lines = [head, "|---|---|---|---|---|---|", *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(row: Case | Row) -> str:
    test = f"`{_test(row)}`" if _test(row) else ""
    if isinstance(row, Row):
        cells = [row.fault, row.seen, row.money, row.charges, "", test]
    else:
        seen = row.seen.__name__ if row.seen else "a result"
        cells = [row.fault, seen, row.money, str(row.charges), NEXT[row.cell], test]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _test(row: Case | Row) -> str:
    if isinstance(row, Row):
        return row.test
    if row.shown:
        return row.shown
    (module,) = [name for name, rows in SECTIONS if row in rows]
    return f"tests/faults/test_{module.lower()}.py::test_on_a_call[{row.fault}]"


if __name__ == "__main__":
    PAGE.write_text(page(by_hand()))
