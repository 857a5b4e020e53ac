"""The pytest fixture `changeclothes_sandbox`, which comes with the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from changeclothes_async.sandbox.server import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "changeclothes(**options): options of the test's `changeclothes_sandbox`, "
        "as of changeclothes_async.sandbox.Sandbox; results are tiny unless draw=True",
    )


@pytest.fixture
def changeclothes_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Run a sandbox of the test's own: `url`, `api_key`, `calls`, `charges`.

    It serves from a thread, so any test may use it: sync, pytest-asyncio, anyio.
    Options come with `@pytest.mark.changeclothes(credits=3, faults=["20001"])`.
    """
    # This module loads in everybody's test runs, and so without the server.
    from changeclothes_async.sandbox.server import Sandbox

    marker = request.node.get_closest_marker("changeclothes")
    options = {"draw": False, **(marker.kwargs if marker else {})}
    with Sandbox(**options) as sandbox:
        yield sandbox
