"""What loads with the package: nothing heavy until it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

ENGINES = {"aiohttp", "anyio", "tenacity", "sqlite3"}
EXTRAS = {"PIL", "numpy", "cv2", "rich", "click", "distributed", "IPython"}
OURS = {"changeclothes_async.bulk.ledger.ledger", "changeclothes_async.sandbox.server"}

MAKING = "from changeclothes_async import AsyncChangeClothes; AsyncChangeClothes('key-of-tests')"
HELPING = (
    "import sys; sys.argv = ['changeclothes', '--help']\n"
    "from changeclothes_async.cli import main\n"
    "try: main()\n"
    "except SystemExit: pass"
)


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        (
            "import changeclothes_async",
            ENGINES | EXTRAS | OURS | {"pydantic", "asyncio", "importlib.metadata"},
        ),
        (MAKING, ENGINES | EXTRAS | OURS),
        (HELPING, (ENGINES | EXTRAS | OURS | {"pydantic"}) - {"click", "rich"}),
        ("import changeclothes_async.sandbox.pytest_plugin", ENGINES | EXTRAS | {"pydantic"}),
    ],
    ids=["import", "client", "help", "pytest"],
)
def test_nothing_heavy_loads_before_it_is_used(program: str, unwanted: set[str]) -> None:
    """Importing, making a client and asking for help are quick: engines load with their use."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print('loaded', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stdout.rpartition("loaded ")[2].split())
    assert not loaded & unwanted


def test_every_public_name_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that load when first used are found as all others, and no unknown one is."""
    import changeclothes_async

    for name in changeclothes_async.__all__:
        assert getattr(changeclothes_async, name)
    assert sorted(changeclothes_async.__all__) == changeclothes_async.__all__
    assert dir(changeclothes_async) == changeclothes_async.__all__
    assert changeclothes_async.__version__ == version("changeclothes-async")
    monkeypatch.delattr(changeclothes_async, "__version__")
    monkeypatch.setattr(changeclothes_async, "_NAME", "a-copy-that-nobody-installed")
    assert changeclothes_async.__version__ == "unknown"
    monkeypatch.delattr(changeclothes_async, "__version__")
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        changeclothes_async.Nothing  # noqa: B018 - the access is what is tested
