"""`ledger`: what it shows of each call, and how unsure ones are released."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from changeclothes_async.sandbox import Sandbox
from tests.cli.conftest import Shell

GRID = ("grid", "--models", "models", "--garments", "garments", "--out", "book")


@pytest.fixture
def cutting(sandbox: Sandbox, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Make a book of four cells, of which the first call's answer was lost, and one refused."""
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["cut:after_request"]) as cutting:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", cutting.url)
        ben = Path("models/ben.png")
        ben.write_bytes(ben.read_bytes() + b"sandbox:harmful")
        assert shell(*GRID, "--max-concurrency", "1").exit_code == 1
        yield cutting


def test_a_ledger_says_what_was_paid_failed_and_is_unsure(shell: Shell, cutting: Sandbox) -> None:
    """Counts first, then each call that needs a look, by name, and what to do."""
    done = shell("ledger", "book/ledger.db")
    assert done.exit_code == 0
    assert "1  paid, the picture in place" in done.stdout
    assert "2  failed" in done.stdout
    assert "1  unsure: sent but not answered, perhaps paid" in done.stdout
    assert "ben__gown" in done.stdout
    assert "--resend-unsure" in done.stdout
    assert shell("ledger", "book").stdout == done.stdout


def test_the_reasons_stand_in_a_column(shell: Shell, cutting: Sandbox) -> None:
    """Names of three and of four letters, one below the other."""
    lines = shell("ledger", "book").stdout.split("\nFailed\n")[1].splitlines()[:2]
    assert [line.split()[2] for line in lines] == ["ben__gown", "ben__tee"]
    assert len({line.index("The service") for line in lines}) == 1


def test_a_ledger_for_scripts(shell: Shell, cutting: Sandbox) -> None:
    """--json prints one object with counts and every attempt at what did not work."""
    told = json.loads(shell("ledger", "book", "--json").stdout)
    assert told["counts"]["saved"] == told["counts"]["unsure"] == 1
    jobs = {job["state"]: job for job in told["jobs"]}
    assert jobs["failed"]["attempts"][0]["code"] == 10005
    assert jobs["unsure"]["attempts"][0]["money"] == "maybe spent"
    assert len(told["jobs"]) == 3


def test_unsure_ones_are_sent_again_once_they_are_released(shell: Shell, cutting: Sandbox) -> None:
    """A person says so once; the next run sends them, and the audit tells why."""
    charges = cutting.charges
    shell(*GRID)
    assert cutting.charges == charges
    assert "1 released" in shell("ledger", "book", "--resend-unsure").stderr
    shell(*GRID)
    assert cutting.charges == charges + 1
    assert "Nothing is unsure" in shell("ledger", "book", "--resend-unsure").stderr


def test_what_was_released_for_scripts(shell: Shell, cutting: Sandbox) -> None:
    """--json prints one object here too: which ones, by name and identity."""
    (unsure,) = (
        job
        for job in json.loads(shell("ledger", "book", "--json").stdout)["jobs"]
        if job["state"] == "unsure"
    )
    told, again = (
        json.loads(shell("ledger", "book", "--resend-unsure", "--json").stdout) for _ in range(2)
    )
    assert told["released"] == [{name: unsure[name] for name in ("name", "identity")}]
    assert again["released"] == []


def test_a_ledger_that_is_not_there(shell: Shell) -> None:
    """A wrong path is wrong usage; no ledger is made for looking at it."""
    assert shell("ledger", "book/ledger.db").exit_code == 2
    assert shell("ledger", "models").exit_code != 0
    assert not Path("models/ledger.db").exists()


def test_what_is_no_ledger_is_named(shell: Shell) -> None:
    """Another file is left alone and told in words, as wrong usage."""
    Path("empty").touch()
    for file in ("models/ana.png", "empty"):
        done = shell("ledger", file)
        assert done.exit_code == 2
        assert f"{file} is not a ledger" in done.stderr
        assert "knows what was paid" not in done.stderr


def test_a_damaged_answer_can_be_looked_into(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is paid: its own word, what sends it again, and in JSON what came."""
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["garbage"]) as garbling:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", garbling.url)
        shell(*GRID)
    said = shell("ledger", "book").stdout
    assert "1  damaged: paid, without a usable answer" in said
    assert "Damaged ones: --json" in said
    (job,) = json.loads(shell("ledger", "book", "--json").stdout)["jobs"]
    assert job["attempts"][0]["answer"]
