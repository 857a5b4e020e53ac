"""`try-on` and `prompt`: one call, its picture, its words and its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from changeclothes_async.protocol import images
from changeclothes_async.sandbox import Fault, Sandbox
from changeclothes_async.transport import reading
from tests.cli.conftest import Shell, Started

TRY_ON = ("try-on", "models/ana.png", "garments/dresses/gown.png", "--category", "dresses")
COMMAND = (sys.executable, "-m", "changeclothes_async")


def faulty(sandbox: Sandbox, *faults: str) -> Sandbox:
    """Make a sandbox like another, where each call in turn meets a fault."""
    return Sandbox(
        draw=False, api_key=sandbox.api_key, faults=[Fault.parse(text) for text in faults]
    )


def test_a_try_on_is_saved_where_it_was_asked_for(
    shell: Shell, folder: Path, sandbox: Sandbox
) -> None:
    """Its path is all there is on stdout, and the call holds what was said."""
    done = shell(*TRY_ON, "--desc", "a gown", "-o", "looks/ana.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "looks/ana.png\n", "")
    assert (folder / "looks/ana.png").read_bytes().startswith(b"\x89PNG")
    assert sandbox.calls[0].fields == {"category": "dresses", "garmentDesc": "a gown"}


def test_without_output_nothing_that_is_there_is_replaced(shell: Shell, folder: Path) -> None:
    """A paid picture never takes another one's place by default."""
    assert shell(*TRY_ON).stdout == "look.png\n"
    assert shell(*TRY_ON).stdout == "look-2.png\n"
    assert shell(*TRY_ON).stdout == "look-3.png\n"


def test_a_try_on_for_scripts(shell: Shell) -> None:
    """--json prints one object that holds all that came back."""
    told = json.loads(shell(*TRY_ON, "--json").stdout)
    assert set(told) == {
        "result_img_url", "mask_img_url", "cache_hit", "seed", "path", "attempts"
    }  # fmt: skip
    assert told["path"] == "look.png"
    assert told["cache_hit"] is False
    assert told["attempts"] == 1


def test_a_prompt_with_everything(shell: Shell, sandbox: Sandbox) -> None:
    """Each option reaches the service under its own name, and what was not given is not sent."""
    done = shell(
        "prompt", "models/ana.png", "a blue shirt", "--seed", 7, "--guidance-scale", 30,
        "--steps", 9, "--json",
    )  # fmt: skip
    assert json.loads(done.stdout)["seed"] == 7
    assert sandbox.calls[0].fields == {
        "prompt": "a blue shirt",
        "seed": "7",
        "guidance_scale": "30",
        "num_inference_steps": "9",
    }
    shell("prompt", "models/ana.png", "a blue shirt", "--randomize-seed")
    assert sandbox.calls[1].fields == {"prompt": "a blue shirt", "randomize_seed": "true"}


def test_without_a_key_the_next_step_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    """No traceback, but where keys come from and what works without one; 2 is wrong use."""
    monkeypatch.delenv("CHANGECLOTHES_API_KEY")
    done = shell(*TRY_ON)
    assert done.exit_code == 2
    assert "CHANGECLOTHES_API_KEY" in done.stderr
    assert "changeclothes demo" in done.stderr
    assert "Traceback" not in done.output
    assert sandbox.calls == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("try-on", "gone.png", "models/ana.png", "--category", "dresses"), "does not exist"),
        (("try-on",), "Missing argument 'MODEL'"),
        (("try-on", "models/ana.png", "models/ana.png"), "--category"),
        (("try-on", "models/ana.png", "models/ana.png", "--category", "hats"), "dresses"),
        (("prompt", "models/ana.png", "x", "--seed", "-1"), "--seed -1 is not accepted"),
        (("prompt", "models/ana.png", " "), "'TEXT': it is empty. Describe"),
        ((*TRY_ON, "--desc", " "), "--desc ' ' is not accepted. Write at least one character"),
        ((*TRY_ON, "-o", "models"), "is a directory"),
        ((*TRY_ON, "-o", "models/ana.png/look.webp"), "cannot be written (Not a directory)"),
        ((*TRY_ON, "-o", "/proc/nowhere/look.webp"), "cannot be written"),
        ((*TRY_ON, "-o", "x" * 300 + ".webp"), "cannot be written (File name too long)"),
        ((*TRY_ON, "-o", "/dev/null"), "is not a file"),
        ((*TRY_ON, "-o", "s3://shelf/look.webp"), "s3://shelf/look.webp is an address, not"),
        ((*TRY_ON, "--ledger", "s3://shelf/looks.db"), "is an address, not a path"),
        ((*TRY_ON, "-o", "-"), "not written to stdout"),
        ((*TRY_ON, "-o", "models/ana.png"), "is one of the photographs"),
        ((*TRY_ON, "--prepare", "7"), "--prepare"),
        ((*TRY_ON, "--timeout", "abc"), "'abc' is not a valid number."),
        ((*TRY_ON, "--retries", "1.5"), "'1.5' is not a valid whole number."),
        (("prompt", "models/ana.png", "a", "shirt"), "argument (shirt). Put the text in quotes."),
        (("prompt", "a shirt", "models/ana.png"), "The model's picture comes first, then the text"),
    ],
)
def test_bad_input_is_refused_before_it_costs(
    shell: Shell, sandbox: Sandbox, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, a sentence that names what is wrong, and nothing sent."""
    done = shell(*words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert sandbox.calls == []


def test_an_error_of_the_account_is_exit_code_3(shell: Shell, sandbox: Sandbox) -> None:
    """A script can tell that no other call would succeed either."""
    sandbox.credits = 0
    done = shell(*TRY_ON)
    assert done.exit_code == 3
    assert "pricing page" in done.stderr


def test_an_error_for_scripts(shell: Shell, sandbox: Sandbox) -> None:
    """With --json an error is one object too, and says what it cost."""
    sandbox.credits = 0
    told = json.loads(shell(*TRY_ON, "--json").stdout)
    assert told["error"] == "InsufficientCredits"
    assert told["code"] == 10003
    assert told["money"] == "not spent"


def test_a_refused_job_is_exit_code_1(shell: Shell) -> None:
    """The call failed, and others may do."""
    done = shell("prompt", "models/ana.png", "nude")
    assert done.exit_code == 1
    assert "Use another picture or prompt" in done.stderr


def test_a_lost_answer_is_exit_code_4_and_is_sent_once(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be paid for is told apart from what failed, and never sent again by itself."""
    with faulty(sandbox, "cut:after_request") as cutting:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", cutting.url)
        done = shell(*TRY_ON)
        assert done.exit_code == 4
        assert "account's history" in done.stderr
        assert len(cutting.calls) == cutting.charges == 1


def test_retries_are_the_option_s(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--retries 0 makes one attempt."""
    with faulty(sandbox, "20001", "20001") as failing:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", failing.url)
        assert shell(*TRY_ON, "--retries", "0").exit_code == 1
        assert len(failing.calls) == 1


def test_a_name_that_is_given_in_full_is_taken(shell: Shell, folder: Path) -> None:
    """What is there is replaced, as other tools do with -o."""
    (folder / "look.png").write_bytes(b"an older one")
    assert shell(*TRY_ON, "-o", "look.png").stdout == "look.png\n"
    assert (folder / "look.png").read_bytes() != b"an older one"


def test_a_name_without_a_suffix_is_one_that_is_free(shell: Shell) -> None:
    """As the default is."""
    assert shell(*TRY_ON, "-o", "ana").stdout == "ana.png\n"
    assert shell(*TRY_ON, "-o", "ana").stdout == "ana-2.png\n"
    assert shell(*TRY_ON, "-o", "ana[1]").stdout == "ana[1].png\n"
    assert shell(*TRY_ON, "-o", "ana[1]").stdout == "ana[1]-2.png\n"


def test_a_suffix_that_is_not_the_content_s_is_told(shell: Shell, folder: Path) -> None:
    """The service's format is kept, and said in one line where the name says another."""
    done = shell(*TRY_ON, "-o", "look.webp")
    assert (done.exit_code, done.stdout) == (0, "look.webp\n")
    assert done.stderr == "look.webp holds a PNG, as the service made it.\n"
    assert (folder / "look.webp").read_bytes().startswith(b"\x89PNG")
    assert shell(*TRY_ON, "-o", "look.PNG").stderr == ""


def test_the_same_line_twice_is_paid_once_through_a_ledger(
    shell: Shell, sandbox: Sandbox, folder: Path
) -> None:
    """--ledger writes the call down before it is sent; the second line fetches the result again."""
    for said in ("", "Nothing was sent: the call is paid already, as book/looks.db says.\n"):
        done = shell(*TRY_ON, "--ledger", "book/looks.db")
        assert (done.exit_code, done.stderr) == (0, said)
    assert (folder / "look.png").read_bytes() == (folder / "look-2.png").read_bytes()
    assert len(sandbox.calls) == sandbox.charges == 1
    assert "1  paid" in shell("ledger", "book/looks.db").stdout
    for _ in range(2):
        assert shell("prompt", "models/ana.png", "red", "--ledger", "book/looks.db").exit_code == 0
    assert sandbox.charges == 2


@pytest.mark.parametrize(("fault", "code"), [("cut:after_request", 4), ("garbage", 1)])
def test_what_a_ledger_holds_says_how_it_is_sent_again(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str, code: int
) -> None:
    """The way around it is named, and goes around it."""
    with faulty(sandbox, fault) as cutting:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", cutting.url)
        for _ in range(2):
            done = shell(*TRY_ON, "--ledger", "looks.db")
            assert done.exit_code == code
            assert "If paying twice is fine, add --resend-unsure." in done.stderr
        assert len(cutting.calls) == 1
        assert shell(*TRY_ON, "--ledger", "looks.db", "--resend-unsure").exit_code == 0


def test_a_damaged_answer_is_shown(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is paid, and a person may find the result in it; no variable of Python's is spoken of."""
    with faulty(sandbox, "garbage") as garbling:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", garbling.url)
        done = shell(*TRY_ON)
    assert done.exit_code == 1
    assert "It was: " in done.stderr
    assert "error.raw" not in done.stderr


@pytest.mark.parametrize(
    ("given", "edge"), [(("--prepare", "64"), 64), (("--prepare",), 2048), ((), 3000)]
)
def test_pictures_are_prepared_where_it_is_asked_for(
    shell: Shell, sandbox: Sandbox, folder: Path, given: tuple[str, ...], edge: int
) -> None:
    """With a number, or without one even before the next picture's name."""
    image = pytest.importorskip("PIL.Image", reason="preparing needs Pillow")
    image.effect_noise((3000, 20), 80).save("wide.png")
    assert shell("try-on", *given, "wide.png", "wide.png", "--category", "dresses").exit_code == 0
    assert shell("prompt", "wide.png", "red", *given).exit_code == 0
    reader = reading.Reader(edge)
    wanted = asyncio.run(reader.ready(images.File("wide.png"))).size
    assert [call.pictures["modelImg"].size for call in sandbox.calls] == [wanted, wanted]


def test_a_paid_picture_that_cannot_be_saved_is_named(
    started: Started, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk refuses after all, the line that fetches what was paid for is told."""
    with faulty(sandbox, "slow:2") as slow:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", slow.url)
        process = started(*TRY_ON, "-o", "looks/a look.png")
        arrived(slow)
        (folder / "looks").rmdir()
        (folder / "looks").touch()
        out, err = process.communicate(timeout=60)
        fetched = f"curl -o 'a look.png' {slow.url}"
    assert (process.returncode, out) == (1, "")
    assert "could not be written" in err
    assert f"It is paid for; this fetches it for nothing: {fetched}" in err
    assert err.count("http") == 1


@pytest.mark.usefixtures("started")
def test_a_closed_stderr_keeps_nobody_from_a_picture(folder: Path) -> None:
    """`2>&-`: the words go nowhere, and the call is made."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, *TRY_ON],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "look.png\n")
    assert (folder / "look.png").exists()


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["words", "json"])
def test_a_result_that_cannot_be_printed_is_said(folder: Path, as_json: tuple[str, ...]) -> None:
    """A full disk behind stdout is one line on stderr that tells the result, and exit code 1."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *TRY_ON, *as_json],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert (folder / "look.png").exists()
    assert done.stderr.startswith("Error: The result cannot be written to stdout (No space left")
    assert "look.png" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are all Unicode")
@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "ascii"])
def test_a_name_of_no_letters_is_printed_all_the_same(folder: Path, encoding: str) -> None:
    """A paid picture may have an old encoding's name; JSON is JSON whatever stdout takes."""
    name = os.fsdecode(b"caf\xe9.png")
    for as_json in ([], ["--json"]):
        done = subprocess.run(
            [*COMMAND, *TRY_ON, "-o", name, *as_json],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert (folder / name).exists()
        if as_json:
            assert json.loads(done.stdout)["path"] == name
        else:
            shown = b"caf\xe9" if "escape" in encoding else b"caf\\udce9"
            assert done.stdout.splitlines()[0] == shown + b".png"


@pytest.mark.usefixtures("started")
def test_words_that_cannot_be_said_stop_nothing() -> None:
    """A full disk behind stderr takes the note on the suffix, and the path is printed."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *TRY_ON, "-o", "look.jpg"],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "look.jpg\n")


def test_ctrl_c_waits_for_a_call_that_may_be_paid(
    started: Started, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture is saved all the same, and the process ends by the signal, as shells expect."""
    with faulty(sandbox, "slow:2") as slow:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", slow.url)
        process = started(*TRY_ON)
        arrived(slow)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert out == "look.png\n"
    assert err == "The call may be paid for already: waiting for it. Ctrl-C again stops now.\n"
    assert process.returncode == -signal.SIGINT
    assert (folder / "look.png").exists()


def test_a_second_ctrl_c_stops_now(
    started: Started, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to wait for an answer that does not come."""
    with faulty(sandbox, "stall:after_request") as stalling:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", stalling.url)
        process = started(*TRY_ON)
        arrived(stalling)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "waiting for it" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert out == ""
    assert err == (
        "Stopped after the call was sent whole: it may be paid for. "
        "Look at the account's history before you send it again.\n"
    )


def test_a_ctrl_c_before_the_call_is_taken_costs_nothing(
    started: Started, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not sent after that; and that is said, so that nobody looks for it in the account."""
    monkeypatch.setenv("CHANGECLOTHES_LOG", "debug")
    with faulty(sandbox, "503:60") as busy:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", busy.url)
        process = started(*TRY_ON)
        assert process.stderr is not None
        while "attempt 1 ended" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert err.endswith("Stopped before the service took the call: it costs nothing.\n")
    assert process.returncode == -signal.SIGINT
    assert len(busy.calls) == 1


def test_a_call_that_fails_after_ctrl_c_is_not_sent_again(
    started: Started, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the wire is waited for, and it alone: a further attempt may be paid too."""
    with Sandbox(draw=False, api_key=sandbox.api_key, faults=["20001"], latency=2) as failing:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", failing.url)
        process = started(*TRY_ON)
        arrived(failing)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "waiting for it" in err
    assert "20001 TRY_ON_EXCEPTION" in err
    assert len(failing.calls) == 1
    assert process.returncode == -signal.SIGINT  # or a shell's loop goes on to the next call


def test_words_and_logs_go_above_the_spinner(
    folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal none is glued to what turns there."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", sandbox.api_key)
    monkeypatch.setenv("CHANGECLOTHES_LOG", "info")
    monkeypatch.setenv("TERM", "xterm")
    with faulty(sandbox, "slow:2") as slow:
        monkeypatch.setenv("CHANGECLOTHES_BASE_URL", slow.url)
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "changeclothes_async", *TRY_ON]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            arrived(slow)
            process.send_signal(signal.SIGINT)
            shown = b"".join(iter(partial(_read, ours), b"")).decode()
        os.close(ours)
    for said in ("The call may be paid for already", "INFO changeclothes_async: try_on-1: paid"):
        line = re.split("\r|\n", shown.partition(said)[0])[-1]
        assert "Dressing" not in line
        assert said in shown


def test_a_dumb_terminal_is_told_plain_lines(
    folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No spinner, no colour: an editor's shell would show the codes."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", sandbox.api_key)
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", sandbox.url)
    monkeypatch.setenv("TERM", "dumb")
    sandbox.credits = 0
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *TRY_ON], stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(partial(_read, ours), b"")).decode()
    os.close(ours)
    assert process.returncode == 3
    assert shown.startswith("Error: ")
    assert "\x1b" not in shown


def _read(terminal: int) -> bytes:
    """Read what is shown; a terminal that nobody writes to any more is an error on Linux."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def arrived(sandbox: Sandbox) -> None:
    """Wait until a call has reached the sandbox whole."""
    while not (sandbox.calls and sandbox.calls[0].complete):
        time.sleep(0.01)
