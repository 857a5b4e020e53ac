"""The pictures: dots for clients compared, lines for a number that grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

OURS, GUIDE, TEXT = "#0f766e", "#dfe4e8", "#1f2933"
THEIRS = ("#7b8794", "#b45309", "#6d4bb0", "#2563a8", "#9b2c5a")
# What was too little to measure is drawn at the edge, since a logarithmic axis has no zero.
_LEAST = 0.1


@dataclass(frozen=True)
class Panel:
    """One column: for each row that was measured its value, and the value as people read it."""

    title: str
    unit: str
    values: Mapping[str, float]
    labels: Mapping[str, str]


def dots(title: str, rows: Mapping[str, str], panels: Sequence[Panel], target: Path) -> None:
    """Draw a panel a column and a dot a row, on logarithmic axes, labelled."""
    size = (3.6 + 2.3 * len(panels), 1.1 + 0.32 * len(rows))
    figure, grid = plt.subplots(
        1, len(panels), figsize=size, sharey=True, layout="constrained", squeeze=False
    )
    for axis, panel in zip(grid[0], panels, strict=True):
        _dot_panel(axis, panel, list(rows))
    grid[0][0].set_yticks(range(len(rows)), [name.replace("`", "") for name in rows.values()])
    for label, row in zip(grid[0][0].get_yticklabels(), rows, strict=True):
        label.set_color(_colour(row, TEXT))
    grid[0][0].invert_yaxis()
    _finish(figure, f"{title} (logarithmic; less is better)", target)


def _dot_panel(axis: Any, panel: Panel, rows: Sequence[str]) -> None:
    known = {row: max(value, _LEAST) for row, value in panel.values.items()}
    left, right = min(known.values()) / 1.6, max(known.values())
    axis.set_xscale("log")
    axis.set_xlim(left, right * (right / left) ** 0.9)  # the rest is for the labels
    for place, row in enumerate(rows):
        if row in known:
            colour = _colour(row, THEIRS[0])
            axis.plot([left, known[row]], [place, place], color=GUIDE, linewidth=2, zorder=1)
            axis.plot(known[row], place, "o", color=colour, zorder=2)
            axis.annotate(
                panel.labels[row], (known[row], place), xytext=(7, 0), textcoords="offset points",
                va="center", fontsize=7.5, color=_colour(row, TEXT),
            )  # fmt: skip
    axis.set_title(panel.title, fontsize=9, color=TEXT)
    axis.tick_params(left=False, bottom=False, labelbottom=False, which="both")
    axis.spines[:].set_visible(False)


def lines(title: str, rows: Mapping[str, str], panels: Sequence[Panel], target: Path) -> None:
    """Draw a line a row over the columns, whose titles are numbers, on logarithmic axes."""
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    places = [int(panel.title.replace(",", "")) for panel in panels]
    others = cycle(THEIRS)
    for row, name in rows.items():
        heights = [panel.values.get(row, nan) for panel in panels]
        colour = _colour(row, "") or next(others)
        axis.plot(places, heights, marker="o", label=name.replace("`", ""), color=colour)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(places, [panel.title for panel in panels])
    axis.minorticks_off()
    axis.set_ylabel(panels[0].unit)
    axis.grid(axis="y", color=GUIDE)
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    _finish(figure, title, target)


def _colour(row: str, other: str) -> str:
    return OURS if row.startswith(("ours", "changeclothes")) else other


def _finish(figure: Any, title: str, target: Path) -> None:
    figure.suptitle(title, fontsize=10, color=TEXT)
    figure.savefig(target, dpi=140)
    plt.close(figure)
