"""Working folders, as the pages speak of them and as anyone begins, and an account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from changeclothes_async.sandbox import Sandbox

FILES = {
    "model.jpg": ("ana",),
    "photos/models/ana.png": ("ana",),
    "photos/models/kofi.png": ("kofi",),
    "photos/garments/dresses/summer-flowers.png": ("dresses", "summer-flowers"),
    "photos/garments/upper_body/striped-tee.png": ("upper_body", "striped-tee"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working folder with drawn photographs."""
    drawing = pytest.importorskip(
        "changeclothes_async.sandbox.drawing.examples", reason="needs `pictures`"
    )
    for name, drawn in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawing.model(*drawn) if len(drawn) == 1 else drawing.garment(*drawn))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working folder with nothing in it, where a page draws its own photographs."""
    pytest.importorskip("changeclothes_async.sandbox.drawing.examples", reason="needs `pictures`")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a sandbox in a thread, named by the environment variables."""
    with Sandbox(draw=False, credits=10_000) as sandbox:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", sandbox.url)
        monkeypatch.setenv("CHANGECLOTHES_API_KEY", sandbox.api_key)
        yield sandbox
