"""What is logged: a line for each call, its attempts at DEBUG, and nothing that is secret."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys

import pytest

from changeclothes_async import client as clients
from changeclothes_async import errors
from tests import peers
from tests.samples import DATA_URI, LOOK

swift = pytest.mark.swift
LOGGER = "changeclothes_async"
FAILED = peers.envelope(20001, msg="said with ?secret=1")


def lines(caplog, level):
    return [record.getMessage() for record in caplog.records if record.levelno == level]


@swift
async def test_a_call_is_one_line_at_info(client, caplog):
    """The job, the outcome, its money, attempts and seconds: of what is paid and of what is not."""
    caplog.set_level(logging.INFO, LOGGER)
    async with peers.serve(peers.answering(FAILED, peers.MADE, peers.envelope(10005))) as peer:
        one = client(peer)
        await one.try_on(**LOOK)
        with pytest.raises(errors.HarmfulContent):
            await one.change_by_prompt(LOOK["model"], "red")
    paid, refused = lines(caplog, logging.INFO)
    assert re.fullmatch(r"try_on-1: paid, spent; attempts 2, \d+\.\d\d s", paid)
    words = (
        r"change_by_prompt-2: HarmfulContent \(HTTP 200, code 10005\), not spent; attempts 1, .*"
    )
    assert re.fullmatch(words, refused)


@swift
async def test_attempts_are_lines_at_debug(client, caplog):
    """Each one's number and bytes as it begins, its seconds and outcome as it ends."""
    caplog.set_level(logging.DEBUG, LOGGER)
    async with peers.serve(peers.answering(FAILED, peers.MADE)) as peer:
        await client(peer).try_on(**LOOK)
    first, failed, second, paid = lines(caplog, logging.DEBUG)
    assert re.fullmatch(r"try_on-1: attempt 1, \d+ bytes to send", first)
    ended = r"try_on-1: attempt 1 ended after .* s, TryOnException \(.*code 20001\), maybe spent"
    assert re.fullmatch(ended, failed)
    assert second.startswith("try_on-1: attempt 2, ")
    assert paid.endswith(" s, paid, spent")


@swift
async def test_nothing_secret_is_logged(client, caplog):
    """No key, photograph, data URI, address or word of the service, not even at DEBUG."""
    caplog.set_level(logging.DEBUG)
    url = "https://shop.example/dress.jpg?signature=abc"
    answers = peers.answering(FAILED, peers.made("https://results.example/1.webp?token=xyz"))
    async with peers.serve(answers) as peer:
        await client(peer).try_on(DATA_URI, url, "dresses")
    assert "try_on-1: paid" in caplog.text
    for secret in (peers.KEY, DATA_URI[30:60], "signature", "token", "secret", "example"):
        assert secret not in caplog.text


async def left(client, answer):
    """Make a call whose caller goes away before its answer comes."""
    begun, gate = asyncio.Event(), asyncio.Event()
    async with peers.serve(peers.waiting(gate, answer)) as peer:
        one = client(peer, on_event=lambda event: begun.set())
        call = asyncio.create_task(one.try_on(**LOOK))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call])
        gate.set()
        await one.aclose()


@swift
async def test_a_call_that_is_left_says_so(client, caplog):
    """Whoever reads the log sees that the request was not taken back."""
    caplog.set_level(logging.INFO, LOGGER)
    await left(client, peers.MADE)
    assert lines(caplog, logging.INFO)[0].startswith("try_on-1: left by its caller; ")
    (paid,) = lines(caplog, logging.WARNING)
    assert paid == f"try_on-1: paid after its caller had gone; result: {peers.RESULT}"


@swift
async def test_how_a_call_that_was_left_fails_is_said_in_words_of_ours(client, caplog):
    """By its name, and without the service's words, which may be the prompt."""
    await left(client, peers.envelope(10005, msg="the prompt"))
    (ended,) = lines(caplog, logging.WARNING)
    words = "HarmfulContent (HTTP 200, code 10005), not spent"
    assert ended == f"try_on-1: ended after its caller had gone: {words}"


@swift
async def test_what_the_ledger_knows_is_no_call(client, tmp_path, caplog):
    """A picture that was paid for before adds no line at INFO."""
    caplog.set_level(logging.INFO, LOGGER)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        one = client(peer, ledger=tmp_path / "ledger.db")
        await one.try_on(**LOOK)
        await one.try_on(**LOOK)
    assert len(lines(caplog, logging.INFO)) == 1


PROGRAM = """
import logging
{before}
from changeclothes_async import AsyncChangeClothes
AsyncChangeClothes("a-key"); AsyncChangeClothes("a-key")
logging.getLogger("changeclothes_async").{level}("said")
"""


@pytest.mark.parametrize(
    ("wish", "level", "before", "times"),
    [
        ("info", "info", "", 1),
        ("debug", "debug", "", 1),
        ("info", "debug", "", 0),
        ("", "info", "", 0),
        ("DEBUG", "debug", "logging.basicConfig()", 1),
    ],
)
def test_the_variable_switches_the_log_on(wish, level, before, times):
    """Lines go to stderr, once for any number of clients, and to a program's own handlers."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, level=level)],
        env={"CHANGECLOTHES_LOG": wish},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr.count("said") == times


def test_a_misspelt_level_is_refused(monkeypatch):
    """In words that say which there are."""
    monkeypatch.setenv("CHANGECLOTHES_LOG", "loud")
    with pytest.raises(errors.InvalidInput, match=r"CHANGECLOTHES_LOG='loud'.*debug or info"):
        clients.AsyncChangeClothes("a-key")
