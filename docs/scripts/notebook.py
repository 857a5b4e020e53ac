"""The tutorial as a notebook, run from top to bottom: `python -m docs.scripts.notebook`.

The script keeps the outputs in the file, so that they are seen where nothing can be run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parent.parent / "tutorial.ipynb"


def executed(folder: Path) -> Any:
    """Run all cells with `folder` as the working folder; give the notebook with its outputs.

    Raises CellExecutionError where a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    return client.execute()


if __name__ == "__main__":
    made = executed(NOTEBOOK.parent)
    made.metadata.language_info = {"name": "python"}  # the minor version would change with each run
    nbformat.write(made, NOTEBOOK)
