"""The command line: parse, call, print; all that it does can be done from Python too.

Here belong options, words and exit codes. Nothing is decided here about calls or money, and
nothing heavy is imported before a command needs it, so that `--help` comes at once.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec

INTERRUPTED = 130


def main() -> None:
    """Run the command that `sys.argv` names; its exit codes stand in `changeclothes --help`."""
    if not (find_spec("click") and find_spec("rich")):
        sys.stderr.write("The command line needs: pip install 'changeclothes-async[cli]'\n")
        sys.exit(2)
    from changeclothes_async.cli import commands

    _reopen()
    try:
        commands.changeclothes(prog_name="changeclothes")
    except SystemExit as end:
        if end.code == INTERRUPTED and os.name == "posix":
            # A shell goes on with its loop, and with paying, unless the signal itself ends this.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        raise


def _reopen() -> None:
    """Open the null device in place of a stream that is closed, as by `2>&-`, and None to Python.

    The next file opened would else take its number, and a ledger be overwritten with messages.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Open as long as the process is, as the stream would have been.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
