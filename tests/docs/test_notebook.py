"""The tutorial's notebook, run in a kernel from top to bottom."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

pytest.importorskip("nbformat", reason="running notebooks is in the dependency group `docs`")
pytest.importorskip("cv2", reason="the drawn pictures need the extra `pictures`")

SCRIPT = """
import sys
from pathlib import Path
from docs.scripts import notebook
import nbformat
nbformat.write(notebook.executed(Path(sys.argv[1])), Path(sys.argv[1]) / "made.ipynb")
"""


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not (find_spec("nbclient") and find_spec("ipykernel")),
    reason="running notebooks is in the dependency group `docs`",
)
def test_the_notebook_runs_and_shows_its_results_inline(tmp_path: Path) -> None:
    """Each cell works under top-level await; pictures, the bar and the grid are in the outputs."""
    import nbformat

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = nbformat.read(tmp_path / "made.ipynb", as_version=4)
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    pages = [
        output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})
    ]
    texts = "".join(output.text for output in outputs if output.output_type == "stream")
    assert sum("data:image/" in page for page in pages) == 3  # two looks, one grid
    assert sum("progressbar" in page for page in pages) == 2
    assert "4/4 saved" in pages[-1]
    assert "paid in this run: 0" in texts
    assert "InsufficientCredits | not spent" in texts


def test_the_notebook_is_kept_with_its_outputs() -> None:
    """Whoever only looks at the file sees results; see `docs.scripts.notebook`."""
    import nbformat

    kept = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
