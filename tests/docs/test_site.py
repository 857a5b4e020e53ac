"""The site as a whole: it builds without a warning, and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

_FETCHING = re.compile(
    r"<(script|img|iframe)[^>]* src=\"?https?://"
    r"|<link[^>]* rel=\"?(stylesheet|preload|preconnect)[^>]* href=\"?https?://"
)
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers.python")


@pytest.mark.skipif(
    not all(find_spec(name.split(".")[0]) for name in NEEDED),
    reason="the site's generator is in the dependency group `docs`",
)
def test_the_site_builds_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    """A dead link is an error, and a page loads no script, style or font from elsewhere."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if _FETCHING.search(page.read_text("utf-8"))] == []
