"""The words of a shell: options instead of arguments, and a next step that can be typed."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from changeclothes_async import errors
from changeclothes_async.cli import commands, printing, running, wording
from changeclothes_async.protocol import answers
from changeclothes_async.sandbox import Sandbox
from tests import peers
from tests.cli.conftest import Shell

PROMPT = ("prompt", "models/ana.png", "a red dress")
GRID = ("--models", "models", "--garments", "garments")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_a_sandbox_that_does_not_run_is_asked_for(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """At an address of this machine that is what a refused connection means."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", f"http://{host}:{peers.free_port()}")
    done = shell(*PROMPT, "--retries", 0)
    assert done.exit_code == 1
    assert f"Nothing answers at http://{host}:" in done.stderr
    assert "Is `changeclothes serve` running?" in done.stderr
    said = shell("grid", "--models", "models", "--prompt", "red", "--out", "book", "--retries", 0)
    assert "Is `changeclothes serve` running?" in said.stdout


def test_https_where_http_is_spoken_is_said(
    shell: Shell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, and not in OpenSSL's."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", sandbox.url.replace("http://", "https://"))
    done = shell(*PROMPT)
    assert done.exit_code == 1
    assert "does not speak https. Write http:// in CHANGECLOTHES_BASE_URL." in done.stderr
    assert "SSL" not in done.stderr


def test_a_certificate_that_is_not_trusted_is_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server answers, also on this machine, though aiohttp cannot connect to it."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", "https://127.0.0.1:8787")
    why = "ClientConnectorCertificateError: Cannot connect to host 127.0.0.1:8787 ssl:True"
    error = errors.NotSent(f"No secure connection ({why}).", final=True, next_step="Look at it.")
    assert wording.message(error).startswith("No secure connection")
    assert wording.next_step(error) == "Look at it."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--models", "nope", "--garments", "nope"),
            "/nope does not exist. Give a folder, a glob, a picture's path",
        ),
        (("--models", "models", "--garments", "no/*.png"), "--garments: nothing matches /"),
        (("--models", "models"), "Give --garments (pictures) or --prompt (text)."),
        (
            ("--models", "models", "--garments", "models"),
            "ana has no category, since its folder is not named after one. Give --category, or",
        ),
        (("--models", "models", "--prompt", " "), "--prompt: one of them is empty. Describe the"),
        (("--models", "models", "--prompt", "x", "--seed", "-1"), "--seed -1 is not accepted"),
    ],
)
def test_a_grid_speaks_of_its_options(shell: Shell, words: tuple[str, ...], said: str) -> None:
    """Whoever types options is told of options."""
    done = shell("grid", *words, "--out", "book")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "=…" not in done.stderr


def test_a_place_is_spoken_of_as_the_option_for_it(shell: Shell, folder: Path) -> None:
    """Also by the command that has no such option, and knows it by that name."""
    assert "lies in --out: " in shell("grid", *GRID, "--out", "models").stderr
    assert shell("grid", *GRID, "--out", "book").exit_code == 0
    (folder / "book/ledger.db").unlink()
    assert "or choose another --out; nothing" in shell("grid", *GRID, "--out", "book").stderr
    assert "a run makes it in its --out." in shell("ledger", "book").stderr


def test_a_shell_is_not_told_of_pictures_it_cannot_give(shell: Shell) -> None:
    """It has neither bytes nor open files."""
    said = shell("prompt", "ftp://shop.example/ana.png", "red").stderr
    assert "MODEL: The API takes no ftp:// addresses. Give a path, an http(s) URL or a data" in said
    assert "bytes" not in said


def test_without_a_key_no_argument_is_spoken_of(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell has no api_key."""
    monkeypatch.delenv("CHANGECLOTHES_API_KEY")
    assert "No API key: CHANGECLOTHES_API_KEY is not set. Keys are" in shell(*PROMPT).stderr


def test_a_wrong_origin_is_named_by_its_variable(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can only come from there."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", "http://shop.example")
    said = shell(*PROMPT).stderr
    assert "CHANGECLOTHES_BASE_URL with http:// would send the key" in said


def test_what_a_service_said_steers_no_terminal() -> None:
    """An answer that is no envelope is shown, and may hold what a terminal obeys."""
    raw = answers.Raw(200, {}, b"\x1b]0;title\x07\xc2\x9b2J \xff " + b"x" * 1000)
    said = wording.message(errors.Damaged("It is odd.", raw=raw))
    assert "?]0;title??2J" in said
    assert said.isprintable()


def test_a_result_may_go_to_what_has_no_encoding() -> None:
    """As where a program calls a command itself, and keeps what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        printing.shown(["café.png"], {}, as_json=False)
        printing.shown([], {"path": "café.png"}, as_json=True)
    assert out.getvalue() == 'café.png\n{\n  "path": "café.png"\n}\n'


def test_what_a_service_said_stays_as_it_is() -> None:
    """An address in an error is no argument of ours."""
    error = errors.NotSent("https://x.example/?api_key=… and /base_url=1", next_step="Go.")
    assert printing.sentence(error) == "https://x.example/?api_key=… and /base_url=1 Go."


@pytest.mark.parametrize(
    ("no_colour", "term", "red"), [("", "xterm", True), ("1", "xterm", False), ("", "dumb", False)]
)
def test_no_color_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, no_colour: str, term: str, red: bool
) -> None:
    """On a terminal too; and one that is dumb knows no colours."""
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", term)
    done = CliRunner().invoke(commands.changeclothes, ["ledger", __file__], color=True)
    assert ("\x1b[31mError:" in done.stderr) is red
    assert "is not a ledger" in done.stderr


def test_a_table_s_columns_stay_as_they_are(shell: Shell, folder: Path) -> None:
    """They are called so there."""
    table = "model,garment,category\nmodels/ana.png,models/ana.png,hats\n"
    (folder / "jobs.csv").write_text(table)
    said = shell("batch", "jobs.csv", "--out", "looks").stderr
    row = "line 2: category='hats' is not accepted. Use upper_body, lower_body, dresses."
    assert f"has 1 bad row:\n{row}\nFix it" in said
    assert "/nope.csv does not exist. Give a" in shell("batch", "nope.csv", "--out", "x").stderr


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("short", "short"),
        ("a" * 60 + " b", "a" * 60 + "\n  b"),
        ("  " + "a" * 60 + "  b", "  " + "a" * 60 + "\n    b"),
        ("\x1b[31mError:\x1b[0m " + "x" * 36, "\x1b[31mError:\x1b[0m\n  " + "x" * 36),
        ("\x1b[31mError:\x1b[0m " + "x" * 35, "\x1b[31mError:\x1b[0m " + "x" * 35),
        (
            "       12  saved already, and some more words that do not fit",
            "       12  saved already, and some more\n           words that do not fit",
        ),
        (
            "  cell  " + "word " * 8 + "end",
            "  cell  word word word word word word word\n    word end",
        ),
    ],
)
def test_a_line_breaks_between_words(line: str, broken: str) -> None:
    """Paths and addresses stay whole, and what follows is indented below what it belongs to."""
    assert printing.wrapped(line, 42) == broken


def test_every_error_has_a_next_step_for_the_shell() -> None:
    """None of them speaks of what only a program has."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.ChangeClothesError):
            step = wording.next_step(kind("x"))
            assert step
            for word in ("api_key=", "error.raw", "base_url", "ssl="):
                assert word not in step


@pytest.mark.parametrize(("money", "code"), [("not spent", 1), ("maybe spent", 4), ("spent", 4)])
def test_a_call_that_no_ledger_took_ends_as_an_unsure_one(money: errors.Money, code: int) -> None:
    """A shell that goes on by the exit code must not send it again."""
    assert running.exit_code(errors.LedgerError(money=money)) == code
