"""The job's states and the ways between them as an SVG picture, drawn from the one table.

Drawn are the events of a call that goes its way: a claim from any state, and the ends of an
attempt from *claimed*. Where a late answer may also lead stands in the table beside the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from changeclothes_async.bulk.ledger import states
from changeclothes_async.bulk.ledger.states import JobEvent, State

# A column and a row each; "claimed" is as high as all rows, so that every way is a straight one.
_PLACES = {
    State.OPEN: (0, 1.5),
    State.CLAIMED: (1, 1.5),
    State.PAID: (2, 0),
    State.SAVED: (3, 0),
    State.FAILED: (2, 1),
    State.UNSURE: (2, 2),
    State.DAMAGED: (2, 3),
}
_COLOURS = {
    State.OPEN: "#6b7280",
    State.CLAIMED: "#2f7fbf",
    State.PAID: "#2f7fbf",
    State.SAVED: "#2b8a57",
    State.FAILED: "#c0455a",
    State.UNSURE: "#b07d12",
    State.DAMAGED: "#b07d12",
}
_COLUMN, _ROW = 250, 90
_WIDTH, _HEIGHT = 110, 46
_APART = 8
"""How far a way lies beside the middle, on its own left, so that two ways do not meet."""
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-60 -40 870 350" role="img" \
aria-label="States of a job" font-family="system-ui, sans-serif" font-size="14">
<defs><marker id="tip" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0 10 5 0 10z" fill="#808080"/></marker></defs>
"""
_ARROW = """\
<path d="M{start:.0f} {y:.0f}H{end:.0f}" stroke="#808080" stroke-width="1.5" \
marker-end="url(#tip)"/>
<text x="{middle:.0f}" y="{below:.0f}" fill="#808080" text-anchor="middle">{words}</text>
"""
_BOX = """\
<rect x="{left:.0f}" y="{top:.0f}" width="{width}" height="{height}" rx="8" fill="{colour}"/>
<text x="{x:.0f}" y="{below:.0f}" fill="#fff" font-weight="600" text-anchor="middle">{state}</text>
"""


def svg() -> str:
    """Draw it, in tones that carry on a white page and on a black one."""
    return _HEAD + "".join(_arrows()) + "".join(map(_box, State)) + "</svg>\n"


def _arrows() -> Iterator[str]:
    ways: dict[tuple[State, State], list[str]] = {}
    for (state, event), reached in states.TRANSITIONS.items():
        late = event in states.OUTCOMES and state is not State.CLAIMED
        if reached is not state and not late and (state, event) != (State.OPEN, JobEvent.RESEND):
            ways.setdefault((state, reached), []).append(event.value.replace("_", " "))
    return (_arrow(a, b, " / ".join(events)) for (a, b), events in ways.items())


def _arrow(a: State, b: State, words: str) -> str:
    (from_, _), (to, _) = _PLACES[a], _PLACES[b]
    way = 1 if to > from_ else -1
    y = _PLACES[b if a is State.CLAIMED else a][1] * _ROW - way * _APART
    start, end = (from_ * _COLUMN + way * _WIDTH / 2), (to * _COLUMN - way * _WIDTH / 2)
    return _ARROW.format(
        start=start, end=end, y=y, middle=(start + end) / 2, below=y + 5 - way * 12, words=words
    )


def _box(state: State) -> str:
    column, row = _PLACES[state]
    x, y = column * _COLUMN, row * _ROW
    height = _HEIGHT if state is not State.CLAIMED else _HEIGHT + 3 * _ROW
    return _BOX.format(
        x=x,
        left=x - _WIDTH / 2,
        top=y - height / 2,
        below=y + 5,
        width=_WIDTH,
        height=height,
        colour=_COLOURS[state],
        state=state.value,
    )
