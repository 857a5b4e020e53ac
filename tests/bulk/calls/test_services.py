"""A ledger holds the calls of a service or of a sandbox, never of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeclothes_async import AsyncChangeClothes, LedgerError, TryOn
from changeclothes_async.bulk.calls import services
from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.sandbox import Sandbox
from tests.samples import png

HERE = ("http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:9")
ELSEWHERE = ("https://www.changeclothesai.online", "https://api.example:8443")


@pytest.mark.parametrize("kind", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
async def test_another_address_of_the_same_kind_is_the_same_service(tmp_path, kind):
    """A sandbox has another port each time, a service another name."""
    book = await Ledger.open(tmp_path / "ledger.db")
    for url in kind:
        await services.settle(book, url)
    await book.close()


@pytest.mark.parametrize(("first", "then"), [(HERE[0], ELSEWHERE[0]), (ELSEWHERE[0], HERE[0])])
async def test_the_other_kind_is_refused(tmp_path, first, then):
    """Both are named, and so is the way out."""
    book = await Ledger.open(tmp_path / "ledger.db")
    await services.settle(book, first)
    with pytest.raises(LedgerError, match="another one") as caught:
        await services.check(book, then)
    assert first in str(caught.value)
    assert then in str(caught.value)
    await book.close()


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
        assert sandbox.charges == 2
