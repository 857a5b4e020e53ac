"""The generated parts of the pages are those that the code would give now."""

from __future__ import annotations

import pytest

from docs.scripts import pages

GENERATED = {path.name: (path, wanted) for path, wanted in pages.generated()}


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_up_to_date(name: str) -> None:
    """Fix it with `python -m docs.scripts.pages`."""
    path, wanted = GENERATED[name]
    assert path.read_text("utf-8") == wanted


def test_all_parts_have_their_place() -> None:
    """What can be generated stands in some page."""
    text = "".join(wanted for _, wanted in GENERATED.values())
    assert [name for name in pages.PARTS if f"<!-- generated: {name} -->" not in text] == []
