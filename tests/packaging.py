"""Builds the package, installs it into clean environments, and uses it there; prints a table.

    python tests/packaging.py [PYTHON …]

Each PYTHON is an interpreter; without any it is the one that runs this, whose environment has to
have pip, mypy and basedpyright. The first one must be the oldest that is supported: it also tries
the lowest versions of all extras. What fails is shown, and is the exit code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
SMOKE = ROOT / "tests" / "smoke.py"
TYPED = ROOT / "tests" / "typed.py"
COST = (
    "import pytest, time; began = time.perf_counter()\n"
    "import changeclothes_async.sandbox.pytest_plugin\n"
    "print(f'plugin {(time.perf_counter() - began) * 1000:.1f} ms')"
)


class Failed(Exception):
    """A command did not do what it should."""


def run(*command: str | Path) -> str:
    """Run a command far from the project's own folder, and give what it said."""
    words = [str(word) for word in command]
    far = tempfile.gettempdir()
    done = subprocess.run(words, cwd=far, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"$ {' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


@dataclass
class Table:
    """Rows as they are made; each is printed at once."""

    failures: list[str] = field(default_factory=list)

    def row(self, python: str, what: str, work: Callable[[], str | None]) -> None:
        """Do some work, and print how it went."""
        began, said = time.monotonic(), "ok"
        try:
            said = work() or said
        except (Failed, AssertionError) as failure:
            said = "FAILED"
            self.failures.append(f"{python}, {what}:\n{failure}")
        print(f"{python:<8} {what:<22} {said:<24} {time.monotonic() - began:5.0f} s", flush=True)


def found(python: str) -> str:
    """Give an interpreter's whole path, also for a name on PATH."""
    return os.path.abspath(shutil.which(python) or python)  # noqa: PTH100 - keeps a venv's link


def build(folder: Path) -> tuple[Path, Path]:
    """Build an sdist, and from it the wheel, in an environment of its own."""
    python = environment(sys.executable, folder / "builder", "build")
    run(python, "-m", "build", "--outdir", folder / "dist", ROOT)
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return wheel, sdist


def whole(sdist: Path) -> str | None:
    """Find every file of the repository in the sdist, so that `make check` works there too."""
    if not (ROOT / ".git").exists():
        return "no repository"
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    known = run("git", "-C", ROOT, "ls-files").splitlines()
    missing = [name for name in known if name not in held and not name.startswith(".")]
    assert not missing, f"not in the sdist: {', '.join(missing)}"
    return None


def environment(python: str, folder: Path, *packages: str) -> Path:
    """Make a clean environment with packages in it, and give its interpreter."""
    run(python, "-m", "venv", "--without-pip", folder)
    made = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", made, "install", "--quiet", *packages)
    return made


def lowest(requirements: Iterable[str]) -> list[str]:
    """Turn lower bounds into the versions themselves."""
    found = (re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement) for requirement in requirements)
    return [f"{match[1]}=={match[2]}" for match in found if match]


def smoke(python: str, folder: Path, packages: list[str]) -> None:
    """Use the package in an environment that holds these packages; warnings are errors."""
    run(environment(python, folder, *packages), "-P", "-W", "error", SMOKE)


def plugin(base: str, folder: Path, wheel: Path) -> str:
    """Find the fixture in a test run, and tell what its module costs at import."""
    python = environment(base, folder, f"{wheel}", "pytest")
    assert "changeclothes_sandbox" in run(python, "-m", "pytest", "--fixtures")
    return run(python, "-c", COST).strip()


def types(python: Path, folder: Path) -> None:
    """Let two checkers read a user's file, with the package as it is installed."""
    folder.mkdir()
    user = shutil.copy(TYPED, folder)
    run(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, user)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    checker = Path(sys.executable).with_name("basedpyright")
    run(checker, "--project", folder, "--pythonpath", python, user)


Row = tuple[str, Callable[[], str | None]]


def rows(python: str, folder: Path, wheel: Path, sdist: Path | None) -> Iterator[Row]:
    """Give what is tried with an interpreter; with an sdist also that, and all lowest versions."""
    base = lowest(PROJECT["dependencies"])
    sets = {
        "no extras": [f"{wheel}"],
        **{f"[{extra}]": [f"{wheel}[{extra}]"] for extra in EXTRAS},
        "lowest": [f"{wheel}", *base],
    }
    if sdist:
        yield "the sdist's files", partial(whole, sdist)
        everything = lowest(each for extra in EXTRAS.values() for each in extra)
        sets["sdist"] = [f"{sdist}"]
        sets["lowest, all extras"] = [f"{wheel}[{','.join(EXTRAS)}]", *base, *everything]
    for number, (what, packages) in enumerate(sets.items()):
        yield what, partial(smoke, python, folder / str(number), packages)
    yield "pytest plugin", partial(plugin, python, folder / "pytest", wheel)
    yield "mypy, basedpyright", partial(types, folder / "0" / "bin" / "python", folder / "project")


def main(pythons: list[str]) -> int:
    """Fill the table; give the exit code."""
    table = Table()
    with tempfile.TemporaryDirectory(prefix="packaging-") as name:
        wheel, sdist = build(Path(name))
        for python in pythons:
            version = run(python, "-c", "import platform; print(platform.python_version())").strip()
            oldest = sdist if python == pythons[0] else None
            for what, work in rows(python, Path(name) / version, wheel, oldest):
                table.row(version, what, work)
    print(*table.failures, sep="\n\n")
    return bool(table.failures)


if __name__ == "__main__":
    sys.exit(main([found(python) for python in sys.argv[1:]] or [sys.executable]))
