"""Each module of the matrix has its own CASES, and runs the shared rules over them."""

from __future__ import annotations

import pytest

from tests.bulk.conftest import out, quick, service  # noqa: F401 - fixtures


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of a `case` over its module's CASES, but for calls that are shown elsewhere."""
    if "case" in metafunc.fixturenames:
        is_call = metafunc.definition.name == "test_on_a_call"
        cases = [case for case in metafunc.module.CASES if not (is_call and case.shown)]
        metafunc.parametrize("case", cases, ids=str)
