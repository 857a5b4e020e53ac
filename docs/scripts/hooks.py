"""What the site's generator does to a page before it is rendered."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leave the words of a link that leads out of `docs/`: such a file is no part of the site."""
    return markdown if "/" in page.file.src_uri else _OUTSIDE.sub(r"\1", markdown)
