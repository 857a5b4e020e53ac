"""A paid result in the user's hands: its facts, its pictures, its way through a pickle."""

from __future__ import annotations

import asyncio
import copy
import io
import pickle
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from changeclothes_async import Failure, Success, TryOn, errors
from tests import peers
from tests.samples import EPS, JPEG, LOOK, PNG, WEBP

pytestmark = pytest.mark.swift


def picture(data):
    """Answer with a picture."""
    return peers.answering(peers.http(200, data, kind="image/webp"))


@pytest.fixture
async def shown(client):
    """Make a look whose result and mask are given pictures; further calls change the result."""
    async with AsyncExitStack() as stack:

        async def make(data=WEBP, mask=PNG):
            result = await stack.enter_async_context(peers.serve(picture(data)))
            shadow = await stack.enter_async_context(peers.serve(picture(mask)))
            answer = peers.made(
                f"{result.url}/1.webp", maskImgUrl=f"{shadow.url}/m.webp", cacheHit=True, new=7
            )
            service = await stack.enter_async_context(peers.serve(peers.answering(answer)))
            return await client(service).try_on(**LOOK)

        yield make


async def test_a_look_has_the_answers_facts(shown):
    """URLs, cacheHit, seed, attempts, and the answer as received."""
    look = await shown()
    assert look.result_img_url == look.url
    assert look.mask_img_url == look.mask.url
    assert (look.cache_hit, look.seed, look.attempts) == (True, None, 1)
    assert look.raw.status == 200
    assert look.raw.headers["content-type"] == "application/json"
    assert look.raw.envelope["data"]["new"] == 7


async def test_a_prompts_look_has_its_seed_and_no_mask(client):
    """API 2 answers with a seed; what is not there is None."""
    async with peers.serve(peers.answering(peers.made(seed=7))) as peer:
        look = await client(peer).change_by_prompt(PNG, "a blue striped shirt", seed=7)
    assert (look.seed, look.mask, look.mask_img_url, look.cache_hit) == (7, None, None, None)


async def test_pictures_are_saved_and_fetched(shown, tmp_path):
    """save, bytes and mask.save give the pictures, the suffix from their first bytes."""
    look = await shown()
    path = await look.save(tmp_path / "out" / "look")
    assert (path.name, path.read_bytes()) == ("look.webp", WEBP)
    assert await look.bytes() == WEBP
    assert (await look.mask.save(tmp_path / "mask")).read_bytes() == PNG


async def test_a_picture_is_had_by_its_address_alone(client, tmp_path):
    """As an error or the log names it: with no call, and equal to a look's own."""
    async with peers.serve(picture(WEBP)) as store:
        one = client(store)
        shown = one.picture(f"{store.url}/1.webp")
        assert (await shown.save(tmp_path / "look")).read_bytes() == WEBP
        assert await shown.bytes() == WEBP
    assert store.heard.startswith(b"GET /1.webp")
    assert peers.KEY.encode() not in store.heard
    assert shown == one.with_options(timeout=1).picture(shown.url)


async def test_an_address_that_a_look_would_not_fetch_is_no_picture(client, tmp_path):
    """It is checked as a look's is, and what is no text at once."""
    one = client("https://api.example")
    for url in ("http://127.0.0.1/1.webp", "https://169.254.169.254/1", "file:///etc/passwd", ""):
        with pytest.raises(errors.DownloadFailed):
            await one.picture(url).save(tmp_path / "look")
    with pytest.raises(errors.InvalidInput, match="url is of type int"):
        one.picture(5)


async def test_what_was_fetched_is_not_fetched_again(client, tmp_path):
    """One download serves bytes, pil, save and a notebook; the mask's is its own, and one too."""
    async with (
        peers.serve(picture(PNG)) as store,
        peers.serve(picture(WEBP)) as shadow,
        peers.serve(
            peers.answering(peers.made(f"{store.url}/1.png", maskImgUrl=f"{shadow.url}/m.webp"))
        ) as peer,
    ):
        look = await client(peer).try_on(**LOOK)
        assert (await look.pil()).size == (1, 1)
        assert await look.bytes() == await look.bytes() == PNG
        path = await look.save(tmp_path / "look")
        assert await look.mask.bytes() == await look.mask.bytes() == WEBP
        await look.mask.save(tmp_path / "mask")
        assert (store.heard.count(b"GET "), shadow.heard.count(b"GET ")) == (1, 1)
    assert (path.name, path.read_bytes()) == ("look.png", PNG)
    assert (tmp_path / "mask.webp").read_bytes() == WEBP


async def test_saving_keeps_nothing_in_memory(shown, tmp_path):
    """A picture that is only saved is streamed: it is fetched as often as it is asked for."""
    look = await shown()
    before = len(pickle.dumps(look))
    await look.save(tmp_path / "look")
    assert len(pickle.dumps(look)) == before


async def test_a_path_is_a_path(shown):
    """Anything else is refused in words, and not fetched."""
    with pytest.raises(errors.InvalidInput, match="path is of type int"):
        await (await shown()).save(5)


@pytest.mark.parametrize(
    "address",
    [
        "s3://shelf/look.webp",
        "file:///shelf/look.webp",
        Path("s3://shelf/look.webp"),
        "simplecache::s3://shelf/look.webp",
    ],
)
async def test_an_address_is_no_path(shown, tmp_path, monkeypatch, address):
    """It would become a folder of that name without a word."""
    monkeypatch.chdir(tmp_path)
    look = await shown()
    for one in (look, look.mask):
        with pytest.raises(errors.InvalidInput, match=f"{address} is an address, not a path"):
            await one.save(address)
    assert not list(tmp_path.iterdir())


async def test_a_home_is_found_where_a_look_is_saved(shown, tmp_path, monkeypatch):
    """As in every other path; nobody's stays a name, and what no system takes is told."""
    look = await shown()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert await look.save("~/a.webp") == tmp_path / "home" / "a.webp"
    assert await look.save(Path("~") / "b.webp") == tmp_path / "home" / "b.webp"
    assert await look.save("~nobody-here.webp") == Path("~nobody-here.webp")
    for broken in ("~\0/a", "~\ud800/a"):
        with pytest.raises(errors.SaveFailed):
            await look.save(broken)
    assert not (tmp_path / "~").exists()


async def test_a_result_is_a_pil_image(shown):
    """pil() gives the picture, loaded."""
    image = await (await shown(PNG)).pil()
    assert (image.size, image.format) == ((1, 1), "PNG")


@pytest.mark.parametrize("cut", [20, 400, 1000])
async def test_a_broken_result_is_no_pil_image(shown, cut):
    """A picture that is not whole is a DownloadFailed; the call was paid."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    look = await shown(file.getvalue()[:cut])
    with pytest.raises(errors.DownloadFailed) as caught:
        await look.pil()
    assert caught.value.money == "spent"
    assert caught.value.url == look.url


async def test_what_is_no_picture_is_not_kept(client, tmp_path):
    """After a download that was not whole it is fetched anew, and only the whole one is saved."""
    broken, whole = peers.http(200, PNG[:40], kind="image/png"), peers.http(200, PNG)
    async with peers.serve(peers.answering(broken, broken, whole)) as store:
        shown = client(store).picture(f"{store.url}/1.png")
        for _ in range(2):
            with pytest.raises(errors.DownloadFailed):
                await shown.pil()
        assert (await shown.save(tmp_path / "look")).read_bytes() == PNG
        assert (await shown.pil()).size == (1, 1)
        assert store.heard.count(b"GET ") == 4


async def test_a_picture_is_decoded_in_a_thread(shown, monkeypatch):
    """A large one takes half a second, and all that while the loop has others to serve."""
    threads, opened = [], Image.open
    monkeypatch.setattr(
        Image, "open", lambda file: threads.append(threading.current_thread()) or opened(file)
    )
    await (await shown(PNG)).pil()
    assert threads[0] is not threading.current_thread()


async def test_a_bomb_is_no_pil_image(shown):
    """A few bytes that unpack to gigabytes are refused."""
    head = bytearray(PNG)
    head[16:24] = b"\0\1\0\0\0\1\0\0"  # 65,536 by 65,536
    with pytest.raises(errors.DownloadFailed):
        await (await shown(bytes(head))).pil()


async def test_a_program_that_comes_as_a_result_is_not_run(shown, monkeypatch):
    """Pillow would hand PostScript, which a service may send, to an interpreter."""
    ran = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: ran.append(1))
    with pytest.raises(errors.DownloadFailed, match="not of a known format"):
        await (await shown(EPS)).pil()
    assert not ran


async def test_a_result_outlives_its_client(client, tmp_path):
    """A look whose client is closed is saved over connections of its own."""
    async with peers.serve(picture(WEBP)) as store:
        async with peers.serve(peers.answering(peers.made(f"{store.url}/1.webp"))) as peer:
            one = client(peer)
            look = await one.try_on(**LOOK)
            await one.aclose()
        assert (await look.save(tmp_path / "look.webp")).read_bytes() == WEBP


def halting(data):
    """Send half of a picture, then nothing more."""

    async def script(line):
        await line.request()
        await line.send(peers.http(200, data, kind="image/webp")[: -len(data) // 2])
        await line.hold()

    return script


@pytest.mark.swift
async def test_a_stalled_download_is_made_again(client, tmp_path):
    """It is no fault of the disk: the GET alone is repeated, and the picture gets there whole."""
    stalled, whole = halting(WEBP), picture(WEBP)
    async with (
        peers.serve(stalled, whole) as store,
        peers.serve(peers.answering(peers.made(f"{store.url}/1.webp"))) as peer,
    ):
        look = await client(peer).try_on(**LOOK)
        assert (await look.save(tmp_path / "look.webp")).read_bytes() == WEBP
        assert (len(peer.charges), len(store.charges)) == (1, 2)


async def test_closing_waits_for_a_download(client, tmp_path):
    """A client that is closed while a result is being saved lets it arrive first."""
    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(line):
        await line.request()
        begun.set()
        await gate.wait()
        await line.send(peers.http(200, WEBP, kind="image/webp"))

    async with (
        peers.serve(slow, peers.answering(peers.http(200, WEBP, kind="image/webp"))) as store,
        peers.serve(peers.answering(peers.made(f"{store.url}/1.webp"))) as peer,
    ):
        one = client(peer)
        look = await one.try_on(**LOOK)
        saving = asyncio.create_task(look.save(tmp_path / "look.webp"))
        await begun.wait()
        await look.save(tmp_path / "another.webp")  # and not only for the first that ends
        closing = [asyncio.create_task(one.aclose()) for _ in range(3)]  # by several at once
        for _ in range(20):
            await asyncio.sleep(0)
        gate.set()
        assert await asyncio.gather(*closing) == [None] * 3
        assert saving.done()
        assert (await saving).read_bytes() == WEBP


async def test_a_look_pickles(shown):
    """All facts survive, and the key is not among them."""
    look = await shown()
    data = pickle.dumps(look)
    other = pickle.loads(data)  # noqa: S301 - its own
    assert other == look
    assert (other.raw.envelope, other.mask) == (look.raw.envelope, look.mask)
    assert peers.KEY.encode() not in data
    assert await other.bytes() == WEBP


async def test_looks_and_outcomes_are_kept_in_sets(shown):
    """Equal ones are one there; an answer's headers take no part in its hash."""
    look = await shown()
    copies = [copy.copy(look), copy.deepcopy(look)]
    assert {look, *copies} == {look}
    assert {look.mask, look.raw} == {copies[0].mask, copies[1].raw}
    job, error = TryOn(**LOOK), errors.Unsure("no answer")
    outcomes = {Success(0, job, look), Success(0, job, copies[0]), Failure(1, job, error)}
    assert {outcome.ok for outcome in outcomes} == {True, False}
    assert len(outcomes) == 2


async def test_a_look_is_shown_by_its_address_until_it_is_fetched(shown):
    """A notebook shows the address first, also where nothing answers there, and then the bytes."""
    look = await shown(JPEG)
    page = look._repr_mimebundle_()["text/html"]
    assert f'src="{look.url}" alt="{look.url}"' in page
    await look.bytes()
    bundle = look._repr_mimebundle_()
    assert bundle["image/jpeg"] == JPEG
    assert "data:image/jpeg;base64," in bundle["text/html"]
    assert "text/plain" in bundle


async def test_an_address_is_no_html(client):
    """An address with quotes and brackets does not leave its attribute."""
    async with peers.serve(peers.answering(peers.made('https://x.example/"><script>'))) as peer:
        look = await client(peer).try_on(**LOOK)
    assert "<script>" not in look._repr_mimebundle_()["text/html"]


async def test_an_expired_result_says_that_it_was_paid(client, tmp_path):
    """A 403 of the store is final: one GET, nothing on the disk, the call not repeated."""
    async with (
        peers.serve(peers.answering(peers.http(403))) as store,
        peers.serve(peers.answering(peers.made(f"{store.url}/1.webp"))) as peer,
    ):
        look = await client(peer).try_on(**LOOK)
        with pytest.raises(errors.DownloadFailed) as caught:
            await look.save(tmp_path / "look.webp")
    assert (len(peer.charges), len(store.charges), list(tmp_path.iterdir())) == (1, 1, [])
    assert caught.value.money == "spent"
