"""`python -m changeclothes_async` is the command `changeclothes`."""

from __future__ import annotations

from changeclothes_async.cli import main

main()
