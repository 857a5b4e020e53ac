"""Drawn results: which pictures the work gets, and what becomes of its results."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from changeclothes_async.sandbox import Picture, Sandbox, studio, tiny
from changeclothes_async.sandbox.checks import ChangeByPrompt

examples = pytest.importorskip(
    "changeclothes_async.sandbox.drawing.examples", reason="needs the extra `pictures`"
)

Image = pytest.importorskip("PIL.Image", reason="needs the extra `pictures`")

Post = Callable[..., Awaitable[Any]]

TRY_ON = "/api/openapi/change-clothes-ai"
PROMPT = "/api/openapi/change-clothes-by-prompt"


@pytest.fixture
def own(session: aiohttp.ClientSession, post: Post) -> Callable[..., Awaitable[bytes]]:
    """Give a function that makes a call and returns its result's bytes."""

    async def result(sandbox: Sandbox, path: str, fields: dict[str, Any]) -> bytes:
        envelope = (await post(sandbox, path, fields)).envelope
        async with session.get(envelope["data"]["resultImgUrl"]) as response:
            assert response.content_type == "image/webp"
            return await response.read()

    return result


async def test_a_picture_is_the_same_in_every_form(own: Any) -> None:
    """Uploaded, or by its address in this sandbox: the result is the same."""
    model, garment = examples.MODELS[0], examples.GARMENTS["dresses"][0]
    async with Sandbox() as sandbox:
        by_url = {
            "modelImg": f"{sandbox.url}/pictures/models/{model}",
            "garmentImg": f"{sandbox.url}/pictures/garments/dresses/{garment}",
            "category": "dresses",
        }
        by_file = by_url | {
            "modelImg": examples.model(model),
            "garmentImg": examples.garment("dresses", garment),
        }
        results = [await own(sandbox, TRY_ON, fields) for fields in (by_url, by_file)]
        assert results[0] == results[1]
        # The record outlives the work by far, so it must not hold the pictures.
        assert sandbox.calls[1].pictures["modelImg"].content is None


async def test_a_result_is_a_model_too(post: Post, own: Any) -> None:
    """A result's address may be the next call's model."""
    async with Sandbox() as sandbox:
        words = {"modelImg": "https://a.example/1.jpg", "prompt": "a red shirt", "seed": "1"}
        data = (await post(sandbox, PROMPT, words)).envelope["data"]
        again = await own(sandbox, PROMPT, words | {"modelImg": data["resultImgUrl"]})
        assert again != await own(sandbox, PROMPT, words)


async def test_a_foreign_url_stands_for_a_drawn_picture(own: Any) -> None:
    """Nothing is fetched; the same address is the same picture, in every sandbox."""
    words = {"modelImg": "https://no-such-host.invalid/1.jpg", "prompt": "a shirt", "seed": "1"}
    results = []
    for _ in range(2):
        async with Sandbox() as sandbox:
            results.append(await own(sandbox, PROMPT, words))
    assert results[0] == results[1]


async def test_foreign_urls_stand_for_many_pictures() -> None:
    """Different addresses are different models, as far as there are models."""
    held = studio.Studio(lambda _: False)
    found = {
        held._content("modelImg", Picture("url", 1, "", url=f"https://a.example/{n}"))
        for n in range(100)
    }
    held.close()
    assert found == {examples.model(name) for name in examples.MODELS}


def bilevel(width: int, height: int) -> bytes:
    """Write an empty picture of so many pixels in a few kilobytes."""
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("name", ["modelImg", "garmentImg"])
@pytest.mark.parametrize("broken", ["truncated", "missing", "too large"])
async def test_what_cannot_be_read_is_named_and_not_charged(
    post: Post, name: str, broken: str
) -> None:
    """What breaks off, is too large or is an address without a picture is 10004."""
    async with Sandbox() as sandbox:
        whole = examples.model(examples.MODELS[0])
        wrong = {
            "truncated": whole[:200],
            "missing": f"{sandbox.url}/pictures/models/nobody",
            "too large": bilevel(7000, 6000),
        }
        fields = {"modelImg": whole, "garmentImg": whole, "category": "dresses"}
        envelope = (await post(sandbox, TRY_ON, fields | {name: wrong[broken]})).envelope
    assert envelope["code"] == 10004
    assert envelope["msg"].startswith(f"{name}: ")
    assert (sandbox.charges, sandbox.calls[0].charged, sandbox.credits) == (0, 0, 100)


async def test_drawn_pictures_are_served(session: aiohttp.ClientSession) -> None:
    """Every picture that the page offers is there, and nothing beside them."""
    async with Sandbox() as sandbox:
        drawn = {f"models/{name}": examples.model(name) for name in examples.MODELS}
        for category, names in examples.GARMENTS.items():
            drawn |= {f"garments/{category}/{n}": examples.garment(category, n) for n in names}
        for path, picture in drawn.items():
            async with session.get(f"{sandbox.url}/pictures/{path}") as response:
                assert await response.read() == picture
                assert response.content_type.startswith("image/")
        async with session.get(f"{sandbox.url}/pictures/models/..%2f..%2fserver.py") as response:
            assert response.status == 404


async def test_results_are_bounded() -> None:
    """The newest results stay; the oldest go when there are too many bytes of them."""
    held = studio.Studio(lambda _: False)
    for number in range(70):
        held._keep(f"/results/{number}.webp", bytes(2**20))
    assert await held.find("/results/5.webp") is None
    assert await held.find("/results/6.webp") == bytes(2**20)
    held.close()


class BrokenStudio(tiny.TinyStudio):
    """A studio whose work fails as no studio's should."""

    async def change_by_prompt(self, job: ChangeByPrompt, seed: int) -> str:  # noqa: ARG002 - as every studio has it
        raise ZeroDivisionError(f"{seed} folds")


@pytest.mark.parametrize(("charge_failures", "charged"), [(False, 0), (True, 1)])
async def test_work_that_breaks_is_an_answer(
    post: Post, caplog: pytest.LogCaptureFixture, charge_failures: bool, charged: int
) -> None:
    """An exception nobody foresaw is code 500 with a `msg`, logged, charged as failures are."""
    async with Sandbox(draw=False, charge_failures=charge_failures) as sandbox:
        sandbox._studio = BrokenStudio()
        words = {"modelImg": "https://a.example/1.jpg", "prompt": "a shirt", "seed": "7"}
        status, envelope = await post(sandbox, PROMPT, words)
    assert (status, envelope["code"]) == (200, 500)
    assert "sandbox" in envelope["msg"]
    assert (sandbox.charges, sandbox.calls[0].charged) == (charged, charged)
    assert "7 folds" in caplog.text
