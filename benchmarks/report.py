"""Measurements as a Markdown table and a picture, and what of them goes into the documentation."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from benchmarks import harness, plots
from benchmarks.harness import ROOT, Samples

RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
_LIBRARIES = ("aiohttp", "httpx", "openai", "fashn", "requests")


@dataclass(frozen=True)
class Column:
    """One measure of one set of samples; ratios are to `reference`, where there is one."""

    title: str
    samples: Samples
    measure: str
    unit: str
    reference: str | None = None

    def value(self, row: str) -> float:
        """Take the median."""
        return harness.middle(self.samples, row, self.measure)

    def cell(self, row: str) -> str:
        """Write the median and its ratio for people."""
        if row not in self.samples:
            return "-"
        value = self.value(row)
        if self.reference is None:
            return shown(value, self.unit)
        ratio = harness.ratio(self.samples, row, self.measure, self.reference)
        return f"{shown(value, self.unit)} ({ratio:.2f}x)"


@dataclass(frozen=True)
class Table:
    """One answer: a row a client, a column a measurement."""

    name: str
    title: str
    rows: Mapping[str, str]
    columns: tuple[Column, ...]
    plot: Literal["dots", "lines"] = "dots"

    def markdown(self) -> str:
        """Write title and table; a reference's own ratio is 1.00x."""
        lines = [
            f"### {self.title}",
            "",
            "| | " + " | ".join(it.title for it in self.columns) + " |",
        ]
        lines.append("|---|" + "---:|" * len(self.columns))
        for row, title in self.rows.items():
            cells = " | ".join(column.cell(row) for column in self.columns)
            lines.append(f"| {title} | {cells} |")
        return "\n".join(lines) + "\n"


def shown(value: float, unit: str) -> str:
    """Write three digits at most, and milliseconds where microseconds grow long."""
    if unit == "µs" and value >= 9_950:
        value, unit = value / 1000, "ms"
    return f"{value:,.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"


def write(table: Table) -> None:
    """Write the table and its picture into the folder of results."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{table.name}.md").write_text(table.markdown())
    draw = plots.dots if table.plot == "dots" else plots.lines
    panels = [_panel(column) for column in table.columns]
    draw(table.title, table.rows, panels, RESULTS / f"{table.name}.png")


def _panel(column: Column) -> plots.Panel:
    values = {row: column.value(row) for row in column.samples}
    labels = {row: column.cell(row) for row in column.samples}
    return plots.Panel(column.title, column.unit, values, labels)


def publish() -> None:
    """Put all the tables there are and the picture of uploads into the documentation."""
    DOCS.mkdir(exist_ok=True)
    tables = [path.read_text() for path in sorted(RESULTS.glob("*.md"))]
    (DOCS / "benchmarks-tables.md").write_text("\n".join([machine(), *tables]))
    shutil.copy(RESULTS / "upload.png", DOCS / "benchmarks.png")


def machine() -> str:
    """Say where it was measured, and with what."""
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"{where}; {', '.join(f'{name} {version(name)}' for name in _LIBRARIES)}.\n"
