"""Names of cells and their files: readable, stable, safe on every file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from changeclothes_async.bulk import names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("red-tie-tee", "red-tie-tee"),
        ("Anna B.", "Anna-B"),
        ("a__b", "a_b"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\windows", "C-windows"),
        ("a\r\nb\0c", "a-b-c"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("con", "con-"),
        ("NUL", "NUL-"),
        ("lpt1", "lpt1-"),
        ("COM²", "COM²-"),
        ("console", "console"),
        ("Masks", "Masks-"),
        ("红色连衣裙", "红色连衣裙"),
        ("cafe\u0301", "café"),
        ("\udcff", "unnamed"),
    ],
)
def test_a_name_is_readable_and_safe(text: str, name: str) -> None:
    """Letters of any script stay; what leads elsewhere, or is something already, does not."""
    assert names.plain(text) == name


@given(some.text())
def test_any_text_becomes_a_safe_name(text: str) -> None:
    """No separator, dot, control or device; short in bytes; and the same when made again."""
    name = names.plain(text)
    assert name
    assert not set(name) & set('/\\:*?"<>|.\0\n\r ')
    assert "__" not in name
    assert not name.startswith(("-", "_"))
    assert len(name.encode()) <= 81
    assert names.plain(name) == name


@given(some.lists(some.tuples(some.text(alphabet="aAäÄßsS-_ "), some.text(max_size=2))))
def test_distinct_names_differ_where_case_does_not_count(named: list[tuple[str, str]]) -> None:
    """No two share a file on any file system, whatever they are called."""
    found = names.distinct(named)
    assert len(found) == len(named)
    assert len({name.casefold() for name in found}) == len(named)
    assert found == names.distinct(named)


def test_the_first_of_a_name_keeps_it() -> None:
    """A later one gets a mark of its source, which stays the same from run to run."""
    first, second = names.distinct([("Tee", "a/Tee.jpg"), ("tee", "b/tee.jpg")])
    assert first == "Tee"
    assert second.startswith("tee-")
    assert names.distinct([("TEE", "x"), ("tee", "b/tee.jpg")])[1] == second


def test_a_cell_is_named_by_both() -> None:
    """Two underscores join, and are nowhere else; a batch has one name."""
    assert names.cell("woman-01", "tee") == "woman-01__tee"
    assert names.cell("0001", "") == "0001"
