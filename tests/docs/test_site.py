"""The site as a whole: it builds without a warning, and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import chromium
from tests.docs.blocks import ROOT

_FETCHING = re.compile(
    r"<(script|img|iframe)[^>]* src=\"?https?://"
    r"|<link[^>]* rel=\"?(stylesheet|preload|preconnect)[^>]* href=\"?https?://"
)
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers.python")


pytestmark = pytest.mark.skipif(
    not all(find_spec(name.split(".")[0]) for name in NEEDED),
    reason="the site's generator is in the dependency group `docs`",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; a dead link is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_fetches_nothing(site: Path) -> None:
    """A page loads no script, style or font from elsewhere."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if _FETCHING.search(page.read_text("utf-8"))] == []


@pytest.mark.skipif(chromium.PATH is None, reason="there is no chromium on PATH")
async def test_the_first_page_is_seen_whole(site: Path) -> None:
    """On a laptop's screen no line of its code is cut off."""
    async with chromium.page() as page:
        await page.open((site / "index.html").as_uri(), 1360, 900)
        cut = "[...document.querySelectorAll('pre code')].map((c) => c.scrollWidth - c.clientWidth)"
        assert set(await page.value(cut)) == {0}
