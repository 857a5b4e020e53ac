"""Grids whose pictures go elsewhere, as whole as in a folder, and paid for once."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("upath", reason="needs `remote`")

import fsspec

from changeclothes_async import (
    AsyncChangeClothes,
    Event,
    Grid,
    InvalidInput,
    LedgerError,
    SaveFailed,
    TryOn,
)
from changeclothes_async.bulk import placing
from changeclothes_async.bulk.ledger.ledger import Ledger
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.run import marks
from changeclothes_async.transport import remote
from tests import peers, samples, stores
from tests.bulk import service as services
from tests.bulk.service import G0, Service, grid
from tests.faults import proxy

Quick = Callable[..., AsyncChangeClothes]


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    """Run S3 on a port."""
    with stores.s3() as port:
        yield port


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    """Name a bucket that no other test has."""
    return f"shelf{abs(hash(request.node.name))}"


@pytest.fixture
def shelf(s3: int, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bucket, and give an address in it."""
    stores.point(monkeypatch, s3)
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/lookbook"


@pytest.fixture(params=["s3", "memory", "file"])
def address(request: pytest.FixtureRequest, bucket: str, tmp_path: Path) -> str:
    """Give the address of an empty place of each kind."""
    if request.param == "s3":
        return str(request.getfixturevalue("shelf"))
    above = tmp_path / "a b" if request.param == "file" else bucket
    return above.as_uri() if isinstance(above, Path) else f"memory://{above}"


def pictures(book: Any) -> set[str]:
    """Name the files that are at a lookbook's place, but for ledgers and marks."""
    files = (file for file in book.out.rglob("*") if file.is_file())
    names = {str(file).removeprefix(f"{book.out}/") for file in files}
    return {name for name in names if not name.startswith("ledger")}


async def test_a_grid_is_made_at_any_place(service: Service, quick: Quick, address: str) -> None:
    """Pictures, masks and the gallery are there, and each cell knows its own."""
    service.masks = True
    book = await quick().run_grid(grid(1, 2), address)
    assert book.ok
    assert pictures(book) == {
        *("m0__g0.png", "m0__g1.png", "index.html"),
        *("masks/m0__g0.png", "masks/m0__g1.png"),
    }
    cell = book["m0", "g1"]
    assert cell.path
    assert cell.mask
    assert cell.path.name == "m0__g1.png"
    assert cell.path.read_bytes() == samples.PNG + b"/m0__g1.png"
    assert cell.mask.read_bytes() == samples.PNG + b"/m0__g1-mask.png"


async def test_only_what_is_lost_is_fetched_again(
    service: Service, quick: Quick, address: str
) -> None:
    """A second run sends nothing; a picture that is gone or changed is replaced for nothing."""
    book = await quick().run_grid(grid(2, 2), address)
    plan = await quick().plan_grid(grid(2, 2), address)
    assert (plan.to_send, plan.to_fetch, plan.saved) == (0, 0, 4)
    lost, changed = book["m0", "g1"].path, book["m1", "g0"].path
    assert lost
    assert changed
    lost.unlink()
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    again = await quick().run_grid(grid(2, 2), address)
    assert again.ok
    assert lost.read_bytes() == samples.PNG + b"/m0__g1.png"
    assert changed.read_bytes() == samples.PNG + b"/m1__g0.png"
    assert len(service.calls) == 4
    assert sorted(service.downloads[4:]) == ["/m0__g1.png", "/m1__g0.png"]


async def test_jobs_that_move_keep_their_pictures(
    service: Service, quick: Quick, address: str
) -> None:
    """With one put in front all names move on by one, and no address gives its picture again."""
    jobs = [TryOn(model=model, garment=G0, category="dresses") for model in services.named("m", 3)]
    assert (await quick().run_batch(jobs[1:], address)).ok
    seen = set(service.downloads)
    service.picture = lambda path: services.GONE if path in seen else services.picture(path)
    book = await quick().run_batch(jobs, address)
    assert [cell.path and cell.path.read_bytes() for cell in book] == [
        samples.PNG + f"/m{number}__g0.png".encode() for number in range(3)
    ]
    assert len(service.charges) == 3


async def test_a_lookbook_s_place_can_be_run_into_again(
    service: Service, quick: Quick, shelf: str
) -> None:
    """`out=lookbook.out` is the same place as its address, also with a slash at its end."""
    book = await quick().run_grid(grid(1, 1), f"{shelf}/")
    assert str(book.out) == shelf
    assert (await quick().run_grid(grid(1, 2), book.out)).ok
    assert service.calls == ["m0__g0", "m0__g1"]


async def test_the_ledger_stays_here(
    service: Service, quick: Quick, bucket: str, shelf: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In a folder of the working directory that is named after the address, and in the log."""
    caplog.set_level(logging.INFO, "changeclothes_async")
    await quick().run_grid(grid(1, 1), shelf)
    ledger = Path.cwd() / f"s3-{bucket}-lookbook" / "ledger.db"
    assert [path.name for path in Path.cwd().iterdir()] == [ledger.parent.name]
    assert f"The ledger of {shelf} is {ledger}." in caplog.messages
    assert not [name for name in stores.found(shelf) if name.endswith(".db")]


ALIKE = [
    *("memory://shop/a/b", "memory://shop/a-b", "memory://shop-a/b", "memory://shop/A/b"),
    *("memory://shop/a.b", "memory://shop/a/_b", "memory://shop/a__b", "memory://shop/a_b"),
    *(f"memory://{'long' * 30}/{n}" for n in (1, 2)),
]


def test_addresses_that_read_alike_have_a_ledger_each() -> None:
    """A folder's name holds neither every letter nor any length: a mark tells them apart."""
    ledgers = [placing.site(address).ledger for address in ALIKE]
    assert len({str(each).lower() for each in ledgers}) == len(ALIKE)
    assert {each.parent.parent for each in ledgers} == {Path.cwd()}
    assert [each.parent.name for each in (ledgers[0], ledgers[7])] == [
        "memory-shop-a-b",
        "memory-shop-a_b",
    ]


async def test_without_its_ledger_a_place_is_not_paid_for_again(
    service: Service, quick: Quick, bucket: str, shelf: str
) -> None:
    """On a new machine all would be paid twice: it is refused, and nothing is made or sent."""
    await quick().run_grid(grid(1, 1), shelf)
    shutil.rmtree(f"s3-{bucket}-lookbook")
    for run in (quick().plan_grid, quick().run_grid):
        with pytest.raises(LedgerError, match="filled under a ledger that is not here") as caught:
            await run(grid(1, 1), shelf)
        assert f"s3-{bucket}-lookbook/ledger.db" in str(caught.value)
    assert list(Path.cwd().iterdir()) == []
    assert len(service.calls) == 1


async def test_another_ledger_of_that_name_is_refused(
    service: Service, quick: Quick, bucket: str, shelf: str
) -> None:
    """What counts is which ledger it is, not that there is one."""
    await quick().run_grid(grid(1, 1), shelf)
    await quick().run_grid(grid(1, 1), f"memory://{bucket}")
    shutil.copy(f"memory-{bucket}/ledger.db", f"s3-{bucket}-lookbook/ledger.db")
    with pytest.raises(LedgerError, match="a ledger that is not here"):
        await quick().run_grid(grid(1, 1), shelf)
    assert len(service.calls) == 2


async def test_a_ledger_that_was_brought_along_goes_on(
    service: Service, quick: Quick, bucket: str, shelf: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """The mark then names where it is now."""
    await quick().run_grid(grid(1, 1), shelf)
    shutil.copytree(Path.cwd(), tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    assert (await quick().run_grid(grid(1, 2), shelf)).ok
    assert service.calls == ["m0__g0", "m0__g1"]
    mark = json.loads(stores.found(shelf)["ledger.json"])
    assert mark["path"] == str(tmp_path / "there" / f"s3-{bucket}-lookbook" / "ledger.db")


async def test_of_two_runs_that_begin_at_once_one_is_refused(shelf: str, tmp_path: Path) -> None:
    """Both found no mark, but only one can leave the first."""
    place = remote.place(shelf)
    paths = [tmp_path / name / "ledger.db" for name in ("one", "two")]
    for path in paths:
        await asyncio.to_thread(marks.check, place, path)
    books = [await Ledger.open(path) for path in paths]
    await marks.leave(place, paths[0], books[0])
    with pytest.raises(LedgerError, match=r"one/ledger\.db"):
        await marks.leave(place, paths[1], books[1])
    for book in books:
        await book.close()


async def test_a_mark_that_cannot_be_read_is_no_licence(
    service: Service, quick: Quick, shelf: str
) -> None:
    """Who cannot tell whose place it is pays for nothing there."""
    for content in (b"", b"[]", b'{"ledger": "1"}', b"\xff"):
        fsspec.filesystem("s3").pipe(f"{shelf}/ledger.json", content)
        with pytest.raises(LedgerError, match=r"ledger\.json, which names the ledger, cannot be"):
            await quick().run_grid(grid(1, 1), shelf)
    assert not service.calls


async def test_a_place_that_cannot_be_used_is_said_before_anything_is_sent(
    service: Service, quick: Quick, shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such bucket, no credentials, nobody there: in words, and nothing was spent."""

    async def refused(place: str) -> str:
        with pytest.raises(SaveFailed) as caught:
            await quick().run_grid(grid(1, 1), place)
        assert caught.value.money == "not spent"
        return caught.value.message

    assert "bucket does not exist" in await refused("s3://no-such-shelf/lookbook")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    stores.forget()
    assert "redentials" in await refused(shelf)
    stores.point(monkeypatch, 9)
    assert "Could not connect" in await refused(shelf)
    assert not service.calls


SECRETS = (
    "s3://AKIDCANARY:canary@shelf/x",
    "s3://AKIDCANARY:can/ary@shelf",
    "sftp://me:canary@h/x",
)


@pytest.mark.parametrize("out", SECRETS)
async def test_an_address_with_a_secret_is_refused(
    service: Service, quick: Quick, out: str
) -> None:
    """Addresses are logged and written down; the error does not repeat it."""
    with pytest.raises(InvalidInput, match="holds a secret") as caught:
        await quick().run_grid(grid(1, 1), out)
    assert "can" not in caught.value.message
    folder = placing.site("memory://me@host:22/a:b@c").ledger.parent.name
    assert folder.startswith("memory-me-host-22-a-b-c-")


async def test_a_store_that_goes_away_in_the_run_costs_nothing_more(
    service: Service, quick: Quick, s3: int, shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims stop as at a full disk; what is paid stays paid, and the next run fetches it."""
    async with proxy.before(s3) as between:
        stores.point(monkeypatch, between.port)

        known = asyncio.Event()

        async def reply(cell: str) -> None:
            if cell == "m0__g2":
                await between.stop()
            elif cell == "m0__g3":
                await known.wait()

        def watch(event: Event) -> None:
            if event.kind == "failed":
                known.set()

        service.reply = reply
        one = quick(max_concurrency=1)
        book = await one.run_grid(grid(1, 20), shelf, gallery=False, on_event=watch)
        assert isinstance(book.stopped, SaveFailed)
        assert book.stopped.money == "spent"
        # The fourth may have been claimed before the third's failure was known.
        assert len(service.charges) in {3, 4}
        await between.start()
        again = await quick().run_grid(grid(1, 20), shelf)
    assert again.ok
    assert len(service.charges) == 20
    assert not services.twice(service.charges)


async def test_an_upload_that_breaks_off_leaves_no_object(
    service: Service, quick: Quick, s3: int, shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a picture is never seen at the place."""
    service.picture = lambda _: services.picture("x" * 500_000)
    async with proxy.before(s3, up=proxy.Way(limit=200_000, then="reset")) as between:
        stores.point(monkeypatch, between.port)
        book = await quick().run_grid(grid(1, 1), shelf, gallery=False)
    assert isinstance(book.stopped, SaveFailed)
    assert book["m0", "g0"].state is State.PAID
    stores.point(monkeypatch, s3)
    assert set(stores.found(shelf)) == {"ledger.json"}


async def test_no_secret_is_written_down(
    service: Service, quick: Quick, shelf: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the store's keys nor ours are in any object, file, log line or lookbook."""
    caplog.set_level(logging.DEBUG, "changeclothes_async")
    book = await quick().run_grid(grid(1, 1), shelf)
    files = [path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()]
    said = [*caplog.messages, repr(book), book._repr_html_(), str(book["m0", "g0"].as_dict())]
    written = b"".join([*stores.found(shelf).values(), *files, *map(str.encode, said)])
    for secret in (stores.KEY, stores.SECRET, peers.KEY):
        assert secret.encode() not in written


async def test_the_page_refers_to_nothing_of_this_machine(
    service: Service, quick: Quick, tmp_path: Path, shelf: str
) -> None:
    """Results are linked relative to it, models are in it, and no path of this disk is named."""
    pytest.importorskip("PIL")
    (tmp_path / "model.png").write_bytes(samples.png(99))
    work = Grid([tmp_path / "model.png"], [G0, f"{services.PICS}g1.jpg"], "dresses")
    await quick().run_grid(work, shelf)
    page = stores.found(shelf)["index.html"].decode()
    found = re.search(r'<script type="application/json" id="book">(.*?)</script>', page)
    assert found
    book = json.loads(found[1])
    assert [cell["file"] for cell in book["cells"]] == ["model__g0.png", "model__g1.png"]
    assert book["rows"]["0"]["picture"].startswith("data:image/")
    assert book["title"] == "lookbook"
    assert str(tmp_path) not in page


async def test_a_lookbook_draws_what_is_elsewhere(
    service: Service, quick: Quick, bucket: str
) -> None:
    """The notebook's table and the contact sheet read the pictures from the place."""
    image = pytest.importorskip("PIL.Image")
    book = await quick().run_grid(grid(2, 2), f"memory://{bucket}")
    assert book._repr_html_().count("data:image/webp") == 4
    sheet = image.open(book.contact_sheet("sheet.png", cell=60)).convert("RGB")
    assert (255, 0, 0) in {colour for _, colour in sheet.getcolors(2**20)}


async def test_tables_and_sheets_are_files_of_this_machine(
    service: Service, quick: Quick, bucket: str
) -> None:
    """An address would become a folder of that name without a word."""
    book = await quick().run_grid(grid(1, 2), f"memory://{bucket}")
    for make in (book.to_csv, book.contact_sheet):
        with pytest.raises(InvalidInput, match="is an address, not a path"):
            make(f"memory://{bucket}/file.csv")


WITHOUT = """
import sys
sys.modules["upath"] = None
from changeclothes_async.bulk import placing
placing.site("file:///tmp")
placing.site("s3://shelf/lookbook")
"""


def test_a_missing_extra_is_named() -> None:
    """Without fsspec, the command that installs it; folders need none."""
    done = subprocess.run(
        (sys.executable, "-c", WITHOUT), capture_output=True, text=True, check=False
    )
    assert "MissingExtra: s3://shelf/lookbook needs fsspec" in done.stderr
    assert "pip install 'changeclothes-async[remote]'" in done.stderr
