"""`grid` and `batch`: what is sent, what is summed up, and how a run goes on after its end."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from changeclothes_async.bulk.lookbook import thumbs
from changeclothes_async.sandbox import Sandbox
from tests.cli.conftest import Shell, Started

GRID = ("grid", "--models", "models", "--garments", "garments", "--out", "book")


def test_a_grid_is_made_and_made_again_for_nothing(
    shell: Shell, sandbox: Sandbox, folder: Path
) -> None:
    """Every garment on every model, once: the same line again sends nothing."""
    done = shell(*GRID)
    assert done.exit_code == 0
    assert done.stdout.startswith("4 saved; 4 calls sent in this run: 4 paid.\n")
    assert sorted(path.name for path in (folder / "book").glob("*.png")) == [
        "ana__gown.png", "ana__tee.png", "ben__gown.png", "ben__tee.png"
    ]  # fmt: skip
    assert str(folder / "book" / "index.html") in done.stdout
    assert (folder / "book" / "index.html").exists()
    assert shell(*GRID).stdout.startswith("4 saved; 0 calls sent in this run.\n")
    assert sandbox.charges == 4


def test_a_pattern_that_the_shell_took_is_to_be_quoted(shell: Shell, sandbox: Sandbox) -> None:
    """Its second match is a word too many."""
    done = shell("grid", "--models", "models/ana.png", "models/ben.png", "--out", "book")
    assert done.exit_code == 2
    assert "(models/ben.png). Quote the pattern: --models 'photos/models/*.png'." in done.stderr
    assert sandbox.calls == []


def test_progress_is_told_on_stderr_in_lines(shell: Shell) -> None:
    """A pipe gets plain lines, and stdout stays the result's."""
    done = shell(*GRID)
    assert done.stderr.splitlines()[-1].startswith("4/4 saved, 4 calls sent")
    assert "\x1b" not in done.output


def test_a_dry_run_sends_nothing_and_needs_no_key(
    shell: Shell, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run would cost can be asked before there is an account."""
    monkeypatch.delenv("CHANGECLOTHES_API_KEY")
    done = shell(*GRID, "--dry-run")
    assert done.exit_code == 0
    assert "4 cells" in done.stdout
    assert "4  to send" in done.stdout
    assert done.stdout.endswith("Nothing was sent.\n")
    assert json.loads(shell(*GRID, "--dry-run", "--json").stdout)["to_send"] == 4
    assert sandbox.calls == []
    assert not (folder / "book").exists()


def test_a_dry_run_with_nothing_to_send_says_that(shell: Shell) -> None:
    """And no row of zeroes."""
    shell(*GRID)
    assert shell(*GRID, "--dry-run").stdout == (
        "4 cells\n        4  saved already\nThere is nothing to send.\n"
    )


def test_a_damaged_answer_is_called_so_everywhere(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One word in the bar, the summary, the plan and JSON, and the option that sends it again."""
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["garbage"]) as garbling:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", garbling.url)
        done = shell(*GRID)
        assert ", 1 damaged, " in done.stderr.splitlines()[-1]
        assert done.stdout.startswith("3 saved, 1 damaged; 4 calls sent in this run: 4 paid.\n")
        assert "Damaged (paid, without a usable answer):" in done.stdout
        assert "--retry-failed" not in done.stdout
        assert "--resend-unsure sends them again" in done.stdout
        assert "1  damaged" in shell(*GRID, "--dry-run").stdout
        told = json.loads(shell(*GRID, "--json", "--retry-failed").stdout)
        assert (told["counts"]["damaged"], told["counts"]["failed"], told["failed"]) == (1, 0, [])
        assert [cell["state"] for cell in told["damaged"]] == ["damaged"]
        assert shell(*GRID, "--resend-unsure").exit_code == 0


def test_what_calls_cost_is_counted_apart(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent is not paid: a refused content costs nothing, a lost answer perhaps."""
    faults = ["10005", "cut:after_request"]
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=faults) as failing:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", failing.url)
        said = shell(*GRID, "--max-concurrency", 1).stdout
        assert ("; 4 calls sent in this run: 2 paid, 1 perhaps paid.\n") in said
        told = json.loads(shell(*GRID, "--json").stdout)
        assert (told["calls"], told["paid"], told["perhaps_paid"]) == (0, 0, 0)
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["10005"]) as failing:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", failing.url)
        said = shell("grid", "--models", "models/ana.png", "--prompt", "red", "--out", "red").stdout
        assert said.startswith("1 failed; 1 call sent in this run: none paid.\n")


def test_what_stopped_a_run_is_said_once(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the summary, with the next step; the library's warning is for programs without one."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", "wrong")
    out, err = started(*GRID).communicate(timeout=60)
    assert out.count("30001") == 1
    assert "30001" not in err


def test_folders_that_are_passed_over_are_named(started: Started, folder: Path) -> None:
    """On stderr, also where nothing is sent."""
    (folder / "garments/dresses").rename(folder / "garments/gowns")
    out, err = started(*GRID, "--dry-run").communicate(timeout=60)
    assert "2 cells" in out
    assert f"garments: passed over {folder}/garments/gowns;" in err


def test_pictures_of_a_run_are_prepared_where_it_is_asked_for(
    shell: Shell, sandbox: Sandbox, folder: Path
) -> None:
    """What is planned to be uploaded is the prepared size, and that is sent."""
    image = pytest.importorskip("PIL.Image", reason="preparing needs Pillow")
    image.effect_noise((1000, 20), 80).save("wide.png")
    line = ("grid", "--models", "wide.png", "--prompt", "red", "--out", "book")
    plain, small = (
        json.loads(shell(*line, "--dry-run", "--json", *more).stdout)["upload_bytes"]
        for more in ((), ("--prepare", "64"))
    )
    assert small < plain
    (folder / "jobs.csv").write_text("model,prompt\nwide.png,blue\n")
    assert shell("batch", "--prepare", "64", "jobs.csv", "--out", "looks").exit_code == 0
    assert sandbox.calls[0].pictures["modelImg"].size == small


def test_a_budget_ends_a_run_and_the_next_goes_on(shell: Shell, sandbox: Sandbox) -> None:
    """--max-calls is never exceeded; what is left is named, and 1 says that something is."""
    done = shell(*GRID, "--max-calls", 3)
    assert done.exit_code == 1
    assert "Remaining: 1. Run the same line again for as many calls more, or without" in done.stdout
    assert "Stopped: the budget of 3 calls is spent" in done.stdout
    assert sandbox.charges == 3
    none = json.loads(shell(*GRID, "--max-calls", 0, "--json").stdout)
    assert none["stopped"]["error"] == "BudgetSpent"
    assert shell(*GRID).exit_code == 0
    assert sandbox.charges == 4


def test_a_run_for_scripts(shell: Shell, folder: Path) -> None:
    """--json prints one object with counts, calls, what failed, and where all is."""
    told = json.loads(shell(*GRID, "--json", "--no-gallery").stdout)
    assert told["counts"]["saved"] == told["calls"] == 4
    assert told["failed"] == told["unsure"] == []
    assert told["stopped"] is told["gallery"] is None
    assert Path(told["out"]) == folder / "book"
    assert not (folder / "book" / "index.html").exists()


def test_a_contact_sheet_is_drawn_of_the_whole_run(shell: Shell, folder: Path) -> None:
    """Also of one that is finished, and where not all of it was made."""
    assert shell(*GRID, "--max-calls", "1").exit_code == 1
    done = shell(*GRID, "--max-calls", "0", "--contact-sheet", "sheets/book.webp")
    assert done.stdout.splitlines()[-1] == f"Sheet:    {folder / 'sheets/book.webp'}"
    told = json.loads(shell(*GRID, "--json", "--contact-sheet", "book.png").stdout)
    assert Path(told["contact_sheet"]) == folder / "book.png"
    for name in ("sheets/book.webp", "book.png"):
        assert thumbs.small(folder / name, 500, 500), "it is no picture"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("book.gif", "A contact sheet cannot be a .gif."),
        ("models/ana.png/book.png", "cannot be written"),
        ("garments/dresses/gown.png", "is one of the photographs"),
        ("book/ana__tee.png", "has the name of one of the results"),
        ("book/masks/ana__tee.webp", "has the name of one of the results"),
    ],
)
def test_a_contact_sheet_that_cannot_be_drawn_is_refused_first(
    shell: Shell, sandbox: Sandbox, name: str, said: str
) -> None:
    """Before anything is paid for."""
    done = shell(*GRID, "--contact-sheet", name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert sandbox.calls == []


def test_prompts_and_seeds_make_a_grid_too(shell: Shell, sandbox: Sandbox) -> None:
    """Two models, two prompts, two seeds: eight calls."""
    done = shell(
        "grid", "--models", "models", "--prompt", "a red dress", "--prompt", "a blue shirt",
        "--seed", 1, "--seed", 2, "--out", "book",
    )  # fmt: skip
    assert done.exit_code == 0
    assert {(call.fields["prompt"], call.fields["seed"]) for call in sandbox.calls} == {
        ("a red dress", "1"), ("a red dress", "2"), ("a blue shirt", "1"), ("a blue shirt", "2")
    }  # fmt: skip
    assert sandbox.charges == 8


def test_several_pictures_and_one_category(shell: Shell, sandbox: Sandbox, folder: Path) -> None:
    """--models may come more than once, and --category holds for all garments."""
    (folder / "garments/upper_body").rename(folder / "garments/tops")
    done = shell(
        "grid", "--models", "models/ana.png", "--models", "models/ben.png", "--garments",
        "garments/tops", "--category", "upper_body", "--out", "book",
    )  # fmt: skip
    assert done.exit_code == 0
    assert [call.fields["category"] for call in sandbox.calls] == ["upper_body"] * 2


def test_a_category_against_the_folders_is_noted_in_a_plan(
    shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """Tees in upper_body/ go out as dresses where the line says so, and that is said first."""
    done = shell(*GRID, "--category", "dresses", "--dry-run")
    assert done.exit_code == 0
    assert "tee in upper_body" in caplog.text


def test_what_failed_is_named_and_sent_again_only_when_asked(
    shell: Shell, sandbox: Sandbox, folder: Path
) -> None:
    """A failed cell stays failed until --retry-failed."""
    gown = folder / "garments/dresses/gown.png"
    gown.write_bytes(gown.read_bytes() + b"sandbox:harmful")
    done = shell(*GRID)
    assert done.exit_code == 1
    assert "Failed:\n  ana__gown  " in done.stdout
    assert len(sandbox.calls) == 4
    shell(*GRID)
    assert len(sandbox.calls) == 4
    shell(*GRID, "--retry-failed")
    assert len(sandbox.calls) == 6


def test_what_is_unsure_is_named_and_sent_again_only_when_asked(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost answer is not paid for again until --resend-unsure."""
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["cut:after_request"]) as cutting:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", cutting.url)
        done = shell(*GRID)
        assert done.exit_code == 1
        assert "1 unsure" in done.stdout
        assert "--resend-unsure" in done.stdout
        assert shell(*GRID).exit_code == 1
        assert cutting.charges == 4
        assert shell(*GRID, "--resend-unsure").exit_code == 0
        assert cutting.charges == 5


def test_an_error_of_the_account_stops_a_run(shell: Shell, sandbox: Sandbox) -> None:
    """Exit code 3 and the next step; after a top-up the rest runs."""
    sandbox.credits = 2
    done = shell(*GRID, "--max-concurrency", 1)
    assert done.exit_code == 3
    assert "pricing page" in done.stdout
    assert sandbox.charges == 2
    sandbox.credits = 10
    assert shell(*GRID).exit_code == 0
    assert sandbox.charges == 4


def test_no_garments_and_no_prompts_is_wrong_usage(shell: Shell, sandbox: Sandbox) -> None:
    """What cannot be a grid is said before anything is sent."""
    done = shell("grid", "--models", "models", "--out", "book")
    assert done.exit_code == 2
    assert "garments or prompts" in done.stderr
    assert sandbox.calls == []


def test_a_batch_of_a_table(shell: Shell, sandbox: Sandbox, folder: Path) -> None:
    """A row a job, named as the table says."""
    (folder / "jobs.csv").write_text(
        "name,model,garment,category\nana-in-red,models/ana.png,garments/dresses/gown.png,dresses\n"
    )
    assert shell("batch", "jobs.csv", "--out", "looks").exit_code == 0
    assert (folder / "looks/ana-in-red.png").exists()
    assert sandbox.charges == 1


def test_a_batch_with_a_bad_row_sends_nothing(shell: Shell, sandbox: Sandbox, folder: Path) -> None:
    """The row is named by its line."""
    (folder / "jobs.jsonl").write_text(
        '{"model": "models/ana.png", "prompt": "a red dress"}\n'
        '{"model": "gone.png", "prompt": "a red dress"}\n'
    )
    done = shell("batch", "jobs.jsonl", "--out", "looks")
    assert done.exit_code == 2
    assert "line 2" in done.stderr
    assert sandbox.calls == []


def test_ctrl_c_lets_what_is_paid_arrive(
    started: Started, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one Ctrl-C every charged call has its picture, and the next run makes the rest."""
    with Sandbox(draw=False, api_key=sandbox.api_key, latency=1.0) as slow:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", slow.url)
        process = started(*GRID, "--max-concurrency", "1")
        while not (slow.calls and slow.calls[0].complete):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        assert "Ctrl-C again stops now" in err
        assert "Stopped: interrupted" in out
        assert 1 <= slow.charges < 4
        assert len(list((folder / "book").glob("*.png"))) == slow.charges
