"""The API without an account: a real HTTP server on loopback, with both endpoints of the API page.

Belongs here: the server, its faults, its pictures, its page, and the pytest fixture.
Must not: import anything else of the package; a server that shares code with the client it tests
would share its mistakes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changeclothes_async.sandbox.faults import Fault, RandomFaults
    from changeclothes_async.sandbox.records import Call, Picture
    from changeclothes_async.sandbox.server import Sandbox

__all__ = ["Call", "Fault", "Picture", "RandomFaults", "Sandbox"]

_HOMES = {
    "Call": "records",
    "Fault": "faults",
    "Picture": "records",
    "RandomFaults": "faults",
    "Sandbox": "server",
}


def __getattr__(name: str) -> Any:
    # On first use, because the pytest plugin beside this loads in every test run.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
