"""The sandbox as its users hold it: account, order of checks, charges, address, life."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from changeclothes_async.sandbox import Sandbox, tiny

Post = Callable[..., Awaitable[Any]]

TRY_ON = "/api/openapi/change-clothes-ai"
PROMPT = "/api/openapi/change-clothes-by-prompt"
LOOKS = {"modelImg": tiny.png(1), "garmentImg": "https://shop.example/a.jpg", "category": "dresses"}


async def test_try_on_answers_as_the_page_says(post: Post, session: aiohttp.ClientSession) -> None:
    """A try-on gives `resultImgUrl`, `maskImgUrl`, `cacheHit`; the pictures need no key."""
    async with Sandbox(draw=False) as sandbox:
        status, envelope = await post(sandbox, TRY_ON, LOOKS)
        assert (status, envelope["code"]) == (200, 200)
        assert set(envelope["data"]) == {"resultImgUrl", "maskImgUrl", "cacheHit"}
        assert envelope["data"]["cacheHit"] is False
        pictures = [
            await (await session.get(envelope["data"][name])).read()
            for name in ("resultImgUrl", "maskImgUrl")
        ]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]


async def test_prompt_answers_the_seed_used(post: Post) -> None:
    """A seed given comes back; `randomize_seed` overrides it, and no two draws are the same."""
    words = {"modelImg": tiny.png(1), "prompt": "a blue shirt", "seed": "7"}
    async with Sandbox(draw=False) as sandbox:
        given = (await post(sandbox, PROMPT, words)).envelope["data"]
        drawn = [
            (await post(sandbox, PROMPT, words | {"randomize_seed": "true"})).envelope["data"]
            for _ in range(2)
        ]
    assert set(given) == {"resultImgUrl", "seed"}
    assert given["seed"] == 7
    assert len({7, *(data["seed"] for data in drawn)}) == 3


async def test_presets_hit_the_cache(post: Post) -> None:
    """`cacheHit` is true for the page's preset model with its preset garment only."""
    examples = "https://persistent.changeclothesai.online/change-clothes-ai/assets/examples"
    presets = {
        "modelImg": f"{examples}/person-tab/women/003.jpg",
        "garmentImg": f"{examples}/garment-tab/dresses/04-01.jpg",
        "category": "dresses",
    }
    async with Sandbox(draw=False) as sandbox:
        both = await post(sandbox, TRY_ON, presets)
        one = await post(sandbox, TRY_ON, presets | {"garmentImg": "https://shop.example/a.jpg"})
    assert both.envelope["data"]["cacheHit"] is True
    assert one.envelope["data"]["cacheHit"] is False


async def test_calls_are_recorded(post: Post) -> None:
    """A record holds the texts, and of each picture its form, size and digest."""
    async with Sandbox(draw=False) as sandbox:
        await post(sandbox, TRY_ON, LOOKS | {"garmentDesc": "limë", "new_field": "1"})
    (call,) = sandbox.calls
    assert call.fields == {"category": "dresses", "garmentDesc": "limë", "new_field": "1"}
    model, garment = call.pictures["modelImg"], call.pictures["garmentImg"]
    assert (model.form, model.size, model.mime) == ("file", len(tiny.png(1)), "image/png")
    assert model.sha256 == hashlib.sha256(tiny.png(1)).hexdigest()
    assert (model.content_type, model.filename) == ("application/octet-stream", "a.png")
    assert (garment.form, garment.url) == ("url", "https://shop.example/a.jpg")
    assert (call.number, call.endpoint, call.complete, call.charged) == (1, TRY_ON, True, 1)
    assert (call.http_status, call.code, call.fault) == (200, 200, None)


@pytest.mark.parametrize(
    ("options", "key", "change", "code"),
    [
        ({"credits": 0}, "", {"category": "hats"}, 10001),
        ({"credits": 0}, "wrong", {"category": "hats"}, 30001),
        ({"credits": 1, "cost": 2}, None, {"category": "hats"}, 10003),
        ({"credits": 5, "trial": 0}, None, {"category": "hats"}, 10006),
        ({}, None, {"category": "hats"}, 10004),
        ({}, None, {"garmentDesc": "a Nude dress"}, 10005),
        ({}, None, {"modelImg": tiny.png(1) + b"sandbox:harmful"}, 10005),
    ],
)
async def test_refusals_in_order(
    post: Post, options: dict[str, Any], key: str | None, change: dict[str, Any], code: int
) -> None:
    """Key before credits before parameters; a refused call costs nothing and is recorded."""
    async with Sandbox(draw=False, **options) as sandbox:
        status, envelope = await post(sandbox, TRY_ON, LOOKS | change, key)
    assert (status, envelope["code"]) == (200, code)
    assert "data" not in envelope
    assert sandbox.charges == 0
    assert [(call.code, call.charged) for call in sandbox.calls] == [(code, 0)]


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        (TRY_ON, {"category": None}, "category"),
        (TRY_ON, {"category": "hats"}, "category"),
        (TRY_ON, {"modelImg": None}, "modelImg"),
        (TRY_ON, {"garmentImg": "ftp://shop.example/a.jpg"}, "garmentImg"),
        (TRY_ON, {"garmentImg": "http://[::1"}, "garmentImg"),
        (TRY_ON, {"garmentImg": "http://shop.example:99999/"}, "garmentImg"),
        (TRY_ON, {"garmentImg": "https:///a.jpg"}, "garmentImg"),
        (TRY_ON, {"garmentImg": b""}, "garmentImg"),
        (TRY_ON, {"garmentImg": b"<html>"}, "garmentImg"),
        (TRY_ON, {"modelImg": "data:image/png,abc"}, "modelImg"),
        (TRY_ON, {"modelImg": "data:image/png;base64,*iVBORw0KGgo="}, "modelImg"),
        (TRY_ON, {"modelImg": "data:image/png;base64,AAAA"}, "modelImg"),
        (PROMPT, {"prompt": " "}, "prompt"),
        (PROMPT, {"seed": "-1"}, "seed"),
        (PROMPT, {"seed": "2147483648"}, "seed"),
        (PROMPT, {"seed": "1.5"}, "seed"),
        (PROMPT, {"randomize_seed": "yes"}, "randomize_seed"),
        (PROMPT, {"guidance_scale": "0"}, "guidance_scale"),
        (PROMPT, {"guidance_scale": "nan"}, "guidance_scale"),
        (PROMPT, {"num_inference_steps": "51"}, "num_inference_steps"),
        (PROMPT, {"num_inference_steps": ""}, "num_inference_steps"),
    ],
)
async def test_a_wrong_parameter_is_named(
    post: Post, path: str, change: dict[str, Any], named: str
) -> None:
    """10004 says which field is meant, and nothing is charged."""
    fields = LOOKS | {"prompt": "a blue shirt"} | change
    fields = {name: value for name, value in fields.items() if value is not None}
    async with Sandbox(draw=False) as sandbox:
        status, envelope = await post(sandbox, path, fields)
    assert (status, envelope["code"], sandbox.charges) == (200, 10004, 0)
    assert named in envelope["msg"]


@pytest.mark.parametrize(
    "given",
    [
        {"seed": "0", "guidance_scale": "1", "num_inference_steps": "1"},
        {"seed": "2147483647", "guidance_scale": "99.5", "num_inference_steps": "50"},
        {"guidance_scale": "3.80640017568"},
        {"randomize_seed": "false"},
    ],
)
async def test_the_ends_of_the_ranges_are_valid(post: Post, given: dict[str, str]) -> None:
    """The ranges of the page include their ends."""
    async with Sandbox(draw=False) as sandbox:
        words = {"modelImg": tiny.png(1), "prompt": "a blue shirt", **given}
        assert (await post(sandbox, PROMPT, words)).envelope["code"] == 200


async def test_credits_run_out_and_are_topped_up(post: Post) -> None:
    """Each call takes its cost; 10003 when it cannot; setting `credits` is a top-up."""
    async with Sandbox(draw=False, credits=5, cost=2) as sandbox:
        codes = [(await post(sandbox, TRY_ON, LOOKS)).envelope["code"] for _ in range(3)]
        assert (codes, sandbox.credits, sandbox.charges) == ([200, 200, 10003], 1, 4)
        sandbox.credits = 2
        assert (await post(sandbox, TRY_ON, LOOKS)).envelope["code"] == 200
    assert [call.charged for call in sandbox.calls] == [2, 2, 0, 2]


async def test_two_calls_cannot_spend_the_same_credit(post: Post) -> None:
    """Of many calls at once with one credit left, one is worked."""
    async with Sandbox(draw=False, credits=1, latency=(0.0, 0.01)) as sandbox:
        answers = await asyncio.gather(*[post(sandbox, TRY_ON, LOOKS) for _ in range(20)])
    assert sorted(answer.envelope["code"] for answer in answers) == [200] + [10003] * 19
    assert sandbox.charges == 1


async def test_trial_uses_come_instead_of_credits(post: Post) -> None:
    """A trial account spends uses, not credits, and gets 10006 when they are gone."""
    async with Sandbox(draw=False, credits=5, trial=1, cost=2) as sandbox:
        codes = [(await post(sandbox, TRY_ON, LOOKS)).envelope["code"] for _ in range(2)]
    assert (codes, sandbox.credits, sandbox.charges) == ([200, 10006], 5, 1)


async def test_reset_begins_anew(post: Post) -> None:
    """After `reset` the records are empty, the credits and the script of faults as at the start."""
    async with Sandbox(draw=False, credits=2, faults=["20001"]) as sandbox:
        codes = [(await post(sandbox, TRY_ON, LOOKS)).envelope["code"] for _ in range(2)]
        sandbox.reset()
        assert (sandbox.calls, sandbox.charges, sandbox.credits) == ([], 0, 2)
        codes += [(await post(sandbox, TRY_ON, LOOKS)).envelope["code"]]
    assert codes == [20001, 200, 20001]


async def test_the_key_comes_before_the_form(session: aiohttp.ClientSession) -> None:
    """A body that cannot be read does not hide a wrong key."""
    async with Sandbox(draw=False) as sandbox:
        for key, code in (("wrong", 30001), (sandbox.api_key, 10004)):
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            async with session.post(sandbox.url + TRY_ON, data=b"{}", headers=headers) as response:
                assert (await response.json())["code"] == code


async def test_failures_may_be_http_errors(post: Post) -> None:
    """With `http_errors` the same envelope comes at an HTTP status that fits."""
    async with Sandbox(draw=False, http_errors=True, credits=0) as sandbox:
        answers = [
            await post(sandbox, TRY_ON, LOOKS, "wrong"),
            await post(sandbox, TRY_ON, LOOKS),
        ]
    assert [(answer.status, answer.envelope["code"]) for answer in answers] == [
        (401, 30001),
        (402, 10003),
    ]


async def test_a_picture_over_the_limit_is_413(post: Post) -> None:
    """A file, and a data URI, that decodes to more than `max_picture` is refused by name."""
    uri = "data:image/png;base64,"
    async with Sandbox(draw=False, max_picture=1000) as sandbox:
        for large in (tiny.png(1) + bytes(1000), f"{uri}{'AAAA' * 340}", f"{uri}{'AAAA' * 400}"):
            status, envelope = await post(sandbox, TRY_ON, LOOKS | {"modelImg": large})
            assert (status, envelope["code"]) == (413, 10004)
            assert "modelImg" in envelope["msg"]
    assert sandbox.charges == 0


@pytest.mark.parametrize("latency", [-1, float("nan"), (2, 1), (-1, 1)])
def test_a_latency_is_a_time(latency: float | tuple[float, float]) -> None:
    """Anything else would be noticed by no test, or break each call."""
    with pytest.raises(ValueError, match="is not a time"):
        Sandbox(latency=latency)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.com", ""])
def test_binds_loopback_only(host: str) -> None:
    """Another host is refused before anything is bound, in words."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        Sandbox(host=host)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", ""])
async def test_a_foreign_host_is_refused(session: aiohttp.ClientSession, host: str) -> None:
    """Whoever was led here under another name gets neither page nor key nor answer."""
    async with Sandbox(draw=False) as sandbox:
        port = sandbox.url.rpartition(":")[2]
        for path in ("/", TRY_ON):
            headers = {"Host": host.format(port=port)}
            async with session.get(sandbox.url + path, headers=headers) as response:
                assert response.status == 421
                assert sandbox.api_key not in await response.text()


async def test_localhost_is_a_name_of_its_own(session: aiohttp.ClientSession) -> None:
    """`localhost` with the port is no foreign host."""
    async with Sandbox(draw=False) as sandbox:
        headers = {"Host": sandbox.url.replace("http://127.0.0.1", "localhost")}
        async with session.get(sandbox.url, headers=headers) as response:
            assert response.status == 200


async def test_other_paths_and_methods(session: aiohttp.ClientSession) -> None:
    """Endpoints take POST, everything else GET; an unknown path is 404."""
    async with Sandbox(draw=False) as sandbox:
        for method, path, status in [
            ("GET", TRY_ON, 405),
            ("POST", "/", 405),
            ("GET", "/etc/passwd", 404),
            ("GET", "/results/x.png", 404),
            ("GET", "/results/99999999999999999999.png", 404),
            ("HEAD", "/results/1.png", 200),
        ]:
            async with session.request(method, sandbox.url + path) as response:
                assert (response.status, path) == (status, path)
    assert sandbox.calls == []


async def test_no_two_results_are_the_same(post: Post, session: aiohttp.ClientSession) -> None:
    """Every call has a result of its own, also in another sandbox."""
    paths, pictures = set(), set()
    for _ in range(2):
        async with Sandbox(draw=False) as sandbox:
            for _ in range(5):
                data = (await post(sandbox, TRY_ON, LOOKS)).envelope["data"]
                paths.add(data["resultImgUrl"].removeprefix(sandbox.url))
                async with session.get(data["resultImgUrl"]) as response:
                    pictures.add(await response.read())
    assert (len(paths), len(pictures)) == (10, 10)


async def test_stop_breaks_off_what_is_in_flight(post: Post) -> None:
    """`stop` returns although calls are in flight, and they see a broken connection."""
    sandbox = Sandbox(draw=False, latency=3600)
    await sandbox.start()
    call = asyncio.create_task(post(sandbox, TRY_ON, LOOKS))
    while not sandbox.charges:  # noqa: ASYNC110 - nothing signals it
        await asyncio.sleep(0)
    await sandbox.stop()
    with pytest.raises(aiohttp.ClientError):
        await call
    assert (sandbox.charges, sandbox.calls[0].code) == (1, None)
    await sandbox.stop()


async def test_a_caller_who_goes_away_in_the_upload(caplog: pytest.LogCaptureFixture) -> None:
    """Half a request costs nothing, is recorded as incomplete, and is no error of the server."""
    async with Sandbox(draw=False) as sandbox:
        host = sandbox.url.removeprefix("http://")
        _, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST {TRY_ON} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=B\r\n\r\n--B".encode())
        while not sandbox._tasks:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
        writer.close()
        while sandbox._tasks:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
    (call,) = sandbox.calls
    assert (call.complete, call.charged, call.http_status) == (False, 0, None)
    assert caplog.records == []


async def test_url_needs_a_running_sandbox() -> None:
    """Without `with` there is no address, and the error says what to do."""
    with pytest.raises(RuntimeError, match="async with"):
        _ = Sandbox().url


async def test_a_second_start_is_refused() -> None:
    """A sandbox serves once at a time."""
    async with Sandbox(draw=False) as sandbox:
        with pytest.raises(RuntimeError, match="running already"):
            await sandbox.start()


def test_runs_in_a_thread_of_its_own() -> None:
    """`with` serves callers that have no loop, and stops with the block."""
    with Sandbox(draw=False) as sandbox:
        url = sandbox.url
        with urllib.request.urlopen(url) as response:  # noqa: S310 - loopback
            assert response.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)  # noqa: S310 - loopback


def test_a_port_in_use_is_told_to_the_caller() -> None:
    """What fails in the thread is raised where the sandbox was asked for."""
    with Sandbox(draw=False) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address"), Sandbox(draw=False, port=port):
            pass


def test_repr_holds_no_key() -> None:
    """The key stays out of what is logged."""
    sandbox = Sandbox(api_key="sandbox-secret")
    assert "secret" not in repr(sandbox) + repr(vars(sandbox)["_endpoints"].account)


def test_drawing_needs_its_extra() -> None:
    """Where it is not installed an ImportError says what is missing, and both ways out."""
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from changeclothes_async.sandbox import Sandbox\n"
        "try:\n"
        "    with Sandbox(): pass\n"
        "except ImportError as error: print(error.name, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cv2 The sandbox cannot draw (")
    assert "pip install 'changeclothes-async[pictures]'" in done.stdout
    assert "Sandbox(draw=False)" in done.stdout
