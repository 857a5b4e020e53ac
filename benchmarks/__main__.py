"""Ask the questions named, or all: `python -m benchmarks upload ledger --rounds 5 --docs`."""

from __future__ import annotations

import argparse
import importlib

from benchmarks import report

QUESTIONS = ("upload", "one_call", "concurrency", "ledger", "grid", "cluster", "makespan",
             "loop_latency", "importing")  # fmt: skip


def _question(name: str) -> str:
    if name not in QUESTIONS:
        raise argparse.ArgumentTypeError(f"{name} is no question; there are {', '.join(QUESTIONS)}")
    return name


def main() -> None:
    """Measure, print, write; publish when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    # No `choices`: argparse before Python 3.12 takes the default of none for a wrong one.
    parser.add_argument("questions", nargs="*", type=_question, help=", ".join(QUESTIONS))
    parser.add_argument("--rounds", type=int, default=3, help="medians are over this many")
    parser.add_argument("--docs", action="store_true", help="put all results there are into docs/")
    asked = parser.parse_args()
    for question in asked.questions or QUESTIONS:
        for table in importlib.import_module(f"benchmarks.{question}").ask(asked.rounds):
            report.write(table)
            print(table.markdown(), flush=True)
    if asked.docs:
        report.publish()


if __name__ == "__main__":
    main()
