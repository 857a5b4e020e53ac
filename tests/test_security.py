"""What must never leave: the key, photographs and texts; and what the package is built upon."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import tomllib
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import changeclothes_async
from changeclothes_async import AsyncChangeClothes, Event, Grid, SaveFailed, TryOn, errors
from changeclothes_async.cli import commands
from tests import leaks, peers, samples
from tests.bulk import service as services
from tests.bulk.conftest import out, quick, service  # noqa: F401 - fixtures
from tests.bulk.service import PICS, Service
from tests.peers import KEY

Client = Callable[..., AsyncChangeClothes]

PHOTO = samples.png(500).replace(b"xxxxxxxx", b"photo-canary", 1)
PROMPT = "a prompt-canary dress"
PACKAGE = Path(changeclothes_async.__file__).parent
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.fixture
def overheard(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that is logged at any level, by anybody, and every warning, as one text."""
    caplog.set_level(0)
    for name in ("changeclothes_async", "aiohttp", "aiohttp.client", "asyncio", "tenacity"):
        caplog.set_level(0, name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield lambda: caplog.text + "".join(str(warning.message) for warning in warned)


@pytest.fixture
async def talkative() -> None:
    """Let asyncio log each of its steps, as its debug mode does of slow ones."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0


def echoed(**data: Any) -> bytes:
    """A result that repeats the key wherever it can."""
    body = {"code": 200, "msg": KEY, "data": {**data, "key": KEY}, "you": {KEY: KEY}}
    return peers.http(200, json.dumps(body), headers={"X-Key": KEY, "Set-Cookie": f"k={KEY}"})


ECHOES = {
    "m0": lambda url: echoed(resultImgUrl=f"{url}/m0.png", maskImgUrl=f"{url}/m0-mask.png"),
    "m1": lambda url: peers.envelope(10004, msg=f"bad key {KEY}", x_key=KEY),
    "m2": lambda url: peers.http(200, f"{{{KEY}", headers={"X-Key": KEY}),
    "m3": lambda url: b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
    "m4": lambda url: peers.envelope(20001, msg=KEY),
    "m5": lambda url: echoed(resultImgUrl=f"{url}/gone-m5.png"),
    "m6": lambda url: peers.http(302, headers={"Location": f"https://x.example/{KEY}"}),
}


@pytest.fixture
async def echoing(service: Service) -> Service:  # noqa: F811 - the fixture
    """A service that repeats the key in results, refusals, failures and garbage."""

    async def reply(cell: str) -> bytes:
        return ECHOES.get(cell[:2], ECHOES["m0"])(service.url)

    service.reply = reply
    service.picture = lambda path: services.GONE if "gone" in path else services.picture(path)
    return service


@pytest.mark.usefixtures("talkative")
async def test_a_run_that_hears_the_key_everywhere_keeps_it_to_itself(
    echoing: Service,
    quick: Client,  # noqa: F811 - the fixture
    out: Path,  # noqa: F811
    overheard: Callable[[], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not in any file, value, error, traceback, event, log or output of a grid of all ends."""
    one, events = quick(), []
    grid = Grid(services.named("m", len(ECHOES)), services.named("g", 1), "dresses")
    lookbook = await one.run_grid(grid, out, progress=True, on_event=events.append)
    cells = list(lookbook)
    assert {cell.state.value for cell in cells} == {"saved", "failed", "damaged", "unsure", "paid"}
    values = [one, one.stats, grid, lookbook, await one.plan_grid(grid, out), *cells, *events]
    for value in values:
        assert not [text for text in leaks.shown(value) if KEY in text]
    for error in [cell.error for cell in cells if cell.error]:
        assert not [
            text for each in leaks.chained(error) for text in leaks.shown(each) if KEY in text
        ]
        assert not [text for text in leaks.told(error) if KEY in text]
    assert not [
        file for file in out.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()
    ]
    lookbook.contact_sheet(out / "sheet.png")
    output = capsys.readouterr()
    assert KEY not in overheard() + output.out + output.err + lookbook._repr_html_()


@pytest.mark.usefixtures("talkative")
async def test_calls_that_hear_the_key_everywhere_keep_it_to_themselves(
    echoing: Service,
    quick: Client,  # noqa: F811
    tmp_path: Path,
    overheard: Callable[[], str],
) -> None:
    """Not in looks, outcomes, errors, their tracebacks, nor what is saved of them."""
    one = quick(retries=1)
    jobs = [
        TryOn(model=f"{PICS}m{n}.jpg", garment=f"{PICS}g0.jpg", category="dresses")
        for n in range(7)
    ]
    outcomes = [outcome async for outcome in one.as_completed(jobs)]
    for outcome in outcomes:
        assert not [text for text in leaks.shown(outcome) if KEY in text]
        if outcome.error:
            assert not [text for text in leaks.told(outcome.error) if KEY in text]
        else:
            assert not [text for text in leaks.shown(outcome.result.raw) if KEY in text]
            with pytest.raises((SaveFailed, errors.DownloadFailed)) as caught:
                await outcome.result.save("/proc/look.png")
            assert not [text for text in leaks.told(caught.value) if KEY in text]
    assert {outcome.ok for outcome in outcomes} == {True, False}
    assert KEY not in overheard()


REFUSED: dict[str, dict[str, Any]] = {
    "a number": {"timeout": -1},
    "an origin": {"base_url": "http://api.example"},
    "the key as origin": {"base_url": KEY},
    "the key in the origin": {"base_url": f"https://{KEY}@api.example"},
    "the key in what is no origin": {"base_url": f"https://{KEY}@api.example/?a=b"},
    "a malformed key": {"api_key": f"{KEY} {KEY}"},
    "the key as bytes": {"api_key": KEY.encode()},
    "a proxy": {"proxy": f"socks5://me:{KEY}@proxy.example"},
    "a header": {"headers": {"X-Other": f"{KEY}\r\n"}},
    "headers": {"headers": KEY},
    "a session": {"session": KEY},
    "a listener": {"on_event": KEY},
    "a ledger": {"ledger": 5},
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED)
def test_a_constructor_that_refuses_tells_nothing_that_it_was_given(wrong: dict[str, Any]) -> None:
    """Neither key, proxy, headers nor origin stand in the words or in any frame's locals."""
    secrets = {"proxy": f"http://me:{KEY}@proxy.example", "headers": {"X-Team": KEY}}
    with pytest.raises(errors.InvalidInput) as caught:
        AsyncChangeClothes(**{"api_key": KEY, **secrets, **wrong})
    told = list(leaks.told(caught.value))
    assert told
    assert not [text for text in told if KEY in text]
    assert caught.value.__context__ is None


class Broken(dict[str, str]):
    """Headers that fail when they are read."""

    def items(self) -> Any:
        raise ZeroDivisionError


CRASHES: dict[str, Callable[[], object]] = {
    "a misspelt option": lambda: AsyncChangeClothes(KEY, max_concurency=3),
    "an option too many": lambda: AsyncChangeClothes(KEY, "https://api.example", 3),
    "headers that fail": lambda: AsyncChangeClothes(KEY, headers=Broken(a="b")),
    "the key to with_options": lambda: AsyncChangeClothes(KEY).with_options(api_key=KEY),
}


@pytest.mark.parametrize("made", CRASHES.values(), ids=CRASHES)
def test_a_constructor_that_fails_tells_nothing_that_it_was_given(
    made: Callable[[], object],
) -> None:
    """Python's own refusal of an option, and what a given object raises, pass its frames too."""
    with pytest.raises((TypeError, ZeroDivisionError)) as caught:
        made()
    assert not [text for text in leaks.told(caught.value) if KEY in text]


def test_a_malformed_key_of_the_environment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with it is said, and what it is stands in no frame's locals."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", f"{KEY} {KEY}")
    with pytest.raises(errors.InvalidInput, match="holds spaces") as caught:
        AsyncChangeClothes()
    assert not [text for text in leaks.told(caught.value) if KEY in text]


def test_other_options_that_are_refused_tell_nothing_of_the_client() -> None:
    """A copy of the settings passes through frames that are not ours."""
    one = AsyncChangeClothes(KEY, proxy=f"http://me:{KEY}@p.example", headers={"X-Team": KEY})
    with pytest.raises(errors.InvalidInput) as caught:
        one.with_options(timeout=-1)
    assert not [text for text in leaks.told(caught.value) if KEY in text]


def test_a_refusal_can_be_reported_with_its_locals() -> None:
    """What is half-built shows itself all the same: a report of 3.11 does not guard against it."""
    for make in (
        lambda: AsyncChangeClothes(KEY, timeout=-1),
        lambda: Grid("models", prompts=[]),
        lambda: TryOn(model=5, garment=5, category="dresses"),
    ):
        with pytest.raises(errors.InvalidInput) as caught:
            make()
        report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert type(caught.value).__name__ in "".join(report.format())


def boom(event: Event) -> None:
    raise ZeroDivisionError


@pytest.mark.usefixtures("talkative")
async def test_a_strangers_error_through_our_frames_tells_no_key(
    service: Service,  # noqa: F811
    quick: Client,  # noqa: F811
    out: Path,  # noqa: F811
) -> None:
    """A listener's crash, an iterator's crash, a cancellation: no local of ours holds the key."""

    def jobs() -> Iterator[TryOn]:
        yield TryOn(**samples.LOOK)
        raise ZeroDivisionError

    async def cancelled() -> None:
        call = asyncio.create_task(quick().try_on(**samples.LOOK))
        while not service.calls:  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
        call.cancel()
        await call

    async def cancelled_by_others() -> None:
        call = asyncio.create_task(quick().try_on(**samples.LOOK))
        known = len(service.calls)
        while len(service.calls) == known:  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {call}:
            if Path(task.get_coro().cr_code.co_filename).is_relative_to(PACKAGE):
                task.cancel()
        await call

    async def closed() -> None:
        one = quick()
        await one.aclose()
        await one.try_on(**samples.LOOK)

    for crash in (
        quick().run_grid(services.grid(1, 1), out, on_event=boom),
        quick().gather(jobs()),
        cancelled(),
        cancelled_by_others(),
        closed(),
    ):
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - each is another
            await crash
        assert not [text for text in leaks.told(caught.value) if KEY in text]


@pytest.mark.usefixtures("talkative")
async def test_photographs_and_texts_are_not_logged(
    client: Client, overheard: Callable[[], str], tmp_path: Path
) -> None:
    """Not at any level, however a call ends; and no repr brings the bytes."""
    ends = [peers.MADE, peers.envelope(20001), peers.http(500), b"MUMBLE\r\n\r\n", peers.http(200)]
    path = tmp_path / "photo.png"
    path.write_bytes(PHOTO)
    for end in ends:
        for photo in (PHOTO, path, io.BytesIO(PHOTO)):
            async with peers.serve(peers.answering_once(end)) as peer:
                one = client(peer, retries=0)
                job = await one.gather([TryOn(**{**samples.LOOK, "model": photo})])
                prompt = asyncio.create_task(one.change_by_prompt(photo, PROMPT))
                await asyncio.gather(prompt, return_exceptions=True)
                assert "photo-canary" not in repr(job) + repr(prompt)
    assert "photo-canary" not in overheard()
    assert "prompt-canary" not in overheard()


COMMANDS = {
    "try-on": ["try-on", PICS + "m0.jpg", PICS + "g0.jpg", "--category", "dresses", "-o", "look"],
    "a refusal": ["try-on", PICS + "m1.jpg", PICS + "g0.jpg", "--category", "dresses", "--json"],
    "damaged": ["try-on", PICS + "m2.jpg", PICS + "g0.jpg", "--category", "dresses"],
    "garbage": ["prompt", PICS + "m3.jpg", "a dress", "--json"],
    "a grid": [
        "grid",
        "--models",
        "models",
        "--garments",
        PICS + "g0.jpg",
        "--category",
        "dresses",
        "--out",
        "out",
    ],
    "a batch": ["batch", "jobs.csv", "--out", "out-of-batch", "--json"],
    "its ledger": ["ledger", "out-of-batch/ledger.db"],
    "its ledger for scripts": ["ledger", "out-of-batch/ledger.db", "--json"],
    "a wrong origin": ["try-on", "m.jpg", "g.jpg", "--category", "dresses"],
    "help": ["--help"],
}


async def test_the_command_line_says_no_key(
    echoing: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overheard: Callable[[], str],
) -> None:
    """Whatever a command comes to: not on the screen, not in the files it leaves."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "anna.png").write_bytes(samples.PNG)
    rows = "".join(f"{PICS}m{n}.jpg,{PICS}g0.jpg,dresses\n" for n in range(7))
    (tmp_path / "jobs.csv").write_text("model,garment,category\n" + rows)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", KEY)
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", echoing.url)
    codes = {}
    for name, words in COMMANDS.items():
        done = await asyncio.to_thread(CliRunner().invoke, commands.changeclothes, words)
        assert KEY not in done.output, name
        assert not done.exception or isinstance(done.exception, SystemExit), name
        codes[name] = done.exit_code
    assert (codes["try-on"], codes["a refusal"], codes["help"]) == (0, 1, 0)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert (tmp_path / "out-of-batch" / "ledger.db") in files
    assert not [file for file in files if KEY.encode() in file.read_bytes()]
    assert KEY not in overheard()


@pytest.mark.swift
async def test_results_are_fetched_without_the_key(client: Client) -> None:
    """Neither the store nor where it redirects to sees the key, nor a cookie of the service."""
    async with peers.serve(peers.answering(peers.http(200, samples.PNG, kind="image/png"))) as far:
        leading = peers.http(302, headers={"Location": f"{far.url}/2.png", "Set-Cookie": "a=b"})
        async with peers.serve(peers.answering(leading)) as store:
            made = peers.made(f"{store.url}/1.png", maskImgUrl=f"{far.url}/mask.png")
            answer = made.replace(b"\r\n", b"\r\nSet-Cookie: session=abc\r\n", 1)
            async with peers.serve(peers.answering(answer)) as peer:
                look = await client(peer, headers={"X-Team": "blue"}).try_on(**samples.LOOK)
                assert await look.bytes() == await look.mask.bytes() == samples.PNG
    for heard in (store.heard, far.heard):
        for word in (KEY.encode(), b"uthorization", b"ookie", b"X-Team"):
            assert word not in heard


@pytest.mark.swift
async def test_cookies_are_not_kept(client: Client) -> None:
    """A service cannot mark a client: what it sets is not sent back."""
    answer = peers.MADE.replace(b"\r\n", b"\r\nSet-Cookie: session=abc\r\n", 1)
    async with peers.serve(peers.answering(answer)) as peer:
        one = client(peer)
        await one.try_on(**samples.LOOK)
        await one.try_on(**samples.LOOK)
    assert len(peer.charges) == 2
    assert b"ookie" not in peer.heard


async def test_everything_of_a_run_is_its_owners(
    service: Service,  # noqa: F811
    quick: Client,  # noqa: F811
    out: Path,  # noqa: F811
) -> None:
    """The ledger with its log and lock is readable by nobody else, whatever the umask."""
    before = os.umask(0)
    try:
        seen: dict[str, int] = {}

        def watch(event: Event) -> None:
            seen.update({file.name: file.stat().st_mode & 0o777 for file in out.glob("ledger*")})

        await quick().run_grid(services.grid(1, 2), out, on_event=watch)
    finally:
        os.umask(before)
    assert set(seen) >= {"ledger.db", "ledger.db-wal", "ledger.db.lock"}
    assert set(seen.values()) == {0o600}


SWITCHES = re.compile(
    r"CERT_NONE|check_hostname|_create_unverified|verify=|ssl=False,|\bpickle\b|\beval\(|\bexec\(|shell=True|yaml\.load"
)


def test_no_line_of_the_package_is_careless() -> None:
    """Nothing switches verification off, runs a text, or unpickles what came from elsewhere."""
    careless = [
        f"{file.relative_to(PACKAGE)}: {line.strip()}"
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text().splitlines()
        if SWITCHES.search(line.partition("#")[0])
    ]
    assert [line for line in careless if '"' not in line] == []


def test_every_dependency_has_a_lower_bound() -> None:
    """Each is bounded below: aiohttp by its advisories, others by the first that works."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    wanted = {"aiohttp": (3, 14, 3), "anyio": (4, 10), "click": (8, 2)}
    found = {}
    extras = [need for many in project["optional-dependencies"].values() for need in many]
    for need in [*project["dependencies"], *extras]:
        name, bound, version = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(?:(>=)([\d.]+))?", need).groups()
        assert bound or name == project["name"], need
        found[name] = tuple(map(int, version.split("."))) if version else ()
    assert all(found[name] >= least for name, least in wanted.items())
