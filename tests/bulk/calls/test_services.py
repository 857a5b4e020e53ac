"""A ledger holds the calls of a service or of a sandbox, never of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, LedgerError, TryOn
from changeclothes_async.bulk.calls import services
from changeclothes_async.bulk.ledger.ledger import Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent
from changeclothes_async.sandbox import Sandbox
from tests.samples import png

HERE = ("http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:9")
ELSEWHERE = ("https://www.changeclothesai.online", "https://api.example:8443")


@pytest.fixture
async def book(tmp_path):
    """Open a new ledger."""
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


async def used(book, event=JobEvent.PAY):
    """Have a job claimed and settled."""
    claim = await book.claim(b"j" * 32, endpoint="/e")
    await book.settle(claim, event, Facts())


@pytest.mark.parametrize("kind", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
async def test_another_address_of_the_same_kind_is_the_same_service(book, kind):
    """A sandbox has another port each time, a service another name."""
    await used(book)
    for url in kind:
        services.check(book.path, url)
        await services.note(book, url)


@pytest.mark.parametrize(("first", "then"), [(HERE[0], ELSEWHERE[0]), (ELSEWHERE[0], HERE[0])])
async def test_the_other_kind_is_refused(book, first, then):
    """Both are named, and so is the way out."""
    await services.note(book, first)
    await used(book)
    with pytest.raises(LedgerError, match="a ledger of its own") as caught:
        services.check(book.path, then)
    assert first in str(caught.value)
    assert then in str(caught.value)


async def test_a_ledger_without_calls_is_anybodys(book):
    """One of a sandbox that was down: nothing was sent, so nothing can be mixed up."""
    await services.note(book, HERE[0])
    await used(book, JobEvent.GIVE_BACK)
    services.check(book.path, ELSEWHERE[0])
    await services.note(book, ELSEWHERE[0])
    await used(book)
    with pytest.raises(LedgerError):
        services.check(book.path, HERE[0])


def test_where_there_is_no_ledger_nothing_is_refused(tmp_path):
    """It is not made either."""
    services.check(tmp_path / "ledger.db", HERE[0])
    assert not list(tmp_path.iterdir())


async def test_what_a_sandbox_drew_is_not_given_for_the_services(tmp_path: Path):
    """Neither to a call, nor to a plan, nor to a run; and nothing is sent."""
    job = TryOn(model=png(1), garment=png(2), category="dresses")
    single, out = tmp_path / "calls.db", tmp_path / "out"
    async with Sandbox(draw=False) as sandbox:
        async with AsyncChangeClothes(sandbox.api_key, sandbox.url, ledger=single) as client:
            await client.run(job)
            await client.run_batch([job], out)
        async with Sandbox(draw=False) as next_one:
            key, url = sandbox.api_key, next_one.url
            async with AsyncChangeClothes(key, url, ledger=single) as client:
                await client.run(job)
                assert (await client.run_batch([job], out)).ok
            assert next_one.charges == 0
        async with AsyncChangeClothes("a-key", "https://service.invalid", ledger=single) as client:
            for ask in (
                lambda: client.run(job),
                lambda: client.run(job),  # also once it is open
                lambda: client.plan_batch([job], out),
                lambda: client.run_batch([job], out),
            ):
                with pytest.raises(LedgerError, match="holds calls of http://127"):
                    await ask()
            async with AsyncChangeClothes(sandbox.api_key, sandbox.url, ledger=single) as own:
                await own.run(job)  # it is held by nobody
        assert sandbox.charges == 2
