"""A plain caller for the sandbox: aiohttp and its own form writer, none of the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import pytest

from changeclothes_async.sandbox import Sandbox


class Answer(NamedTuple):
    status: int
    envelope: dict[str, Any]


Post = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def post(session: aiohttp.ClientSession) -> Post:
    """Give a function that sends a form: bytes as files, texts as plain parts."""

    async def post(
        sandbox: Sandbox, path: str, fields: Mapping[str, Any], key: str | None = None
    ) -> Answer:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value, filename="a.png" if isinstance(value, bytes) else None)
        headers = {"Authorization": f"Bearer {key or sandbox.api_key}"} if key != "" else {}
        async with session.post(sandbox.url + path, data=form, headers=headers) as response:
            return Answer(response.status, await response.json())

    return post
