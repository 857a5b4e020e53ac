"""Keeps log lines above what is being drawn at the foot of a terminal.

A handler keeps the stream that it was made with, and would write into what is drawn.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def above(stream: TextIO) -> Iterator[None]:
    """Let handlers of `stream` write to what has taken stderr's place, as rich's displays do."""
    lifted = [each for each in _handlers() if each.stream is stream is not sys.stderr]
    for handler in lifted:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in lifted:
            handler.setStream(stream)


def _handlers() -> Iterator[logging.StreamHandler[Any]]:
    """Find whatever logs to a stream, in any logger."""
    root = logging.getLogger()
    for logger in (root, *root.manager.loggerDict.values()):
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if isinstance(handler, logging.StreamHandler):
                yield handler
