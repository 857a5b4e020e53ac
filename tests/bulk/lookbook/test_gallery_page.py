"""The gallery in a browser: looked at, filtered, walked through by keys, on a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from changeclothes_async import errors
from changeclothes_async.bulk.ledger.states import State
from changeclothes_async.bulk.lookbook.cells import Head
from changeclothes_async.bulk.lookbook.lookbook import Lookbook
from tests import chromium, lookbooks

pytestmark = pytest.mark.skipif(
    chromium.PATH is None, reason="chromium is not on PATH; the page cannot be driven"
)

ODD = {(0, 1): State.FAILED, (2, 3): State.UNSURE, (3, 0): State.OPEN}
NAMES = "[...document.querySelectorAll('.cell:not(.faint)')].map((cell) => cell.title)"
FOCUS = "document.querySelector('.active')?.title"
LOADED = "[...document.images].every((image) => image.complete && image.naturalWidth)"


@pytest.fixture
async def page() -> AsyncIterator[chromium.Page]:
    async with chromium.page() as opened:
        yield opened


@pytest.fixture
def address(tmp_path: Path) -> str:
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, 4, 5, ODD))
    head = lookbooks.picture(tmp_path / "head.png", (80, 80, 80))
    cells.rows = [Head(head_.name, head) for head_ in cells.rows]
    return (
        Lookbook(cells, tmp_path, stopped=errors.InsufficientCredits("Out of credits."))
        .gallery()
        .as_uri()
    )


async def test_it_opens_from_disk(page: chromium.Page, address: str) -> None:
    """All cells and pictures are there, without a complaint and without the network."""
    await page.open(address)
    await page.until(LOADED)
    assert len(await page.value(NAMES)) == 20
    assert await page.value("document.querySelector('h1').textContent")
    assert "Out of credits." in await page.value("document.querySelector('main').innerText")
    assert page.complaints == []
    assert {url.split(":")[0] for url in page.requests} == {"file", "data"}


async def test_texts_are_only_texts(page: chromium.Page, tmp_path: Path) -> None:
    """Hostile names and prompts are shown as they are, and run nothing."""
    hostile = "</script><img src=x onerror='window.hurt=1'>"
    cells = lookbooks.cells(tmp_path, odd={(0, 0): State.FAILED})
    cells.rows = [Head(hostile)]
    cells.columns = [Head("prompt", text=hostile), Head(hostile, url="javascript:hurt=1")]
    address = Lookbook(cells, tmp_path, stopped=errors.InvalidApiKey(hostile)).gallery().as_uri()
    await page.open(address)
    await page.click(".cell")
    assert hostile in await page.value("document.querySelector('#name').textContent")
    assert await page.value("document.querySelectorAll('img[onerror]').length") == 0
    assert await page.value("typeof window.hurt") == "undefined"


async def test_the_page_cannot_reach_the_network(page: chromium.Page, address: str) -> None:
    """Its policy stops a picture from elsewhere before it is asked for."""
    await page.open(address)
    stopped = await page.value(
        "new Promise((done) => {"
        "addEventListener('securitypolicyviolation', (event) => done(event.blockedURI));"
        "new Image().src = 'http://127.0.0.1:9/spy.png';})"
    )
    assert stopped == "http://127.0.0.1:9/spy.png"


async def test_a_state_leaves_its_rows_and_columns(page: chromium.Page, address: str) -> None:
    """The address asks for a state; a click asks for another; the others are gone or faint."""
    await page.open(f"{address}#state=failed")
    assert await page.value(NAMES) == ["model-0__garment-1"]
    await page.click("#kinds button[value=unsure]")
    assert await page.value(NAMES) == ["model-2__garment-3"]
    assert await page.value("location.hash") == "#state=unsure"
    await page.click("#kinds button[value=all]")
    assert len(await page.value(NAMES)) == 20


async def test_a_state_that_nothing_is_in_is_not_offered(
    page: chromium.Page, tmp_path: Path
) -> None:
    """Zeros are no news; but a state that the address asks for stays in sight."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, 2, 2, {(0, 0): State.OPEN}))
    kinds = "[...$('kinds').children].filter((b) => !b.hidden).map((b) => b.value)"
    await page.open(Lookbook(cells, tmp_path).gallery().as_uri())
    assert await page.value(kinds) == ["all", "saved", "open"]
    await page.open(f"{(tmp_path / 'index.html').as_uri()}#state=failed")
    assert await page.value(kinds) == ["all", "saved", "failed", "open"]
    await page.click("#kinds button[value=all]")
    assert await page.value(kinds) == ["all", "saved", "open"]


@pytest.mark.parametrize(
    ("state", "label", "words"),
    [(State.OPEN, "Not sent1", "Not sent"), (State.PAID, "Open1", "Paid, not fetched")],
    ids=["open", "paid"],
)
async def test_what_was_not_sent_is_called_so_everywhere(
    page: chromium.Page, tmp_path: Path, state: State, label: str, words: str
) -> None:
    """In the counts, on the tile and in the large view; what is paid is not among it."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, 2, 2, {(0, 0): state}))
    await page.open(Lookbook(cells, tmp_path).gallery().as_uri())
    assert await page.value("document.querySelector('#kinds [value=open]').textContent") == label
    tile = "document.querySelector('#cell-0-0').getAttribute('aria-label')"
    assert await page.value(tile) == f"model-0 in garment-0: {words.lower()}"
    await page.click("#cell-0-0")
    assert await page.value("$('state').textContent") == words


async def test_what_stopped_the_run_is_one_sentence(page: chromium.Page, tmp_path: Path) -> None:
    """A single word is one too."""
    stopped = errors.Interrupted("interrupted")
    await page.open(Lookbook(lookbooks.cells(tmp_path), tmp_path, stopped).gallery().as_uri())
    assert await page.value("$('stopped').textContent") == "The run stopped early: interrupted."


async def test_words_filter_by_name(page: chromium.Page, address: str) -> None:
    """Each word must be in a cell's names; nothing found is said, with a way back."""
    await page.open(address)
    await page.click("#words")
    await page.send("Input.insertText", text="MODEL-2 garment-1")
    assert await page.value(NAMES) == ["model-2__garment-1"]
    await page.send("Input.insertText", text="zzz")
    assert "Nothing matches" in await page.value("document.querySelector('main').innerText")
    await page.click("#all")
    assert len(await page.value(NAMES)) == 20


async def test_a_long_name_keeps_its_end(page: chromium.Page, tmp_path: Path) -> None:
    """Columns of one prompt with several seeds stay apart, in the grid and on the wall."""
    cells = lookbooks.cells(tmp_path, odd={(0, 0): State.FAILED})
    long = "a-long-emerald-silk-evening-dress"
    cells.columns = [Head(f"{long}-seed{n}", text="a dress") for n in (1, 2)]
    await page.open(Lookbook(cells, tmp_path).gallery().as_uri())
    heads = "[...document.querySelectorAll('.heads span')]"
    assert await page.value(f"{heads}.map((head) => head.innerText)") == [
        "a-long-emerald-si…ress-seed1",
        "a-long-emerald-si…ress-seed2",
    ]
    await page.value("$('layout').click()")
    captions = "[...document.querySelectorAll('.caption')]"
    assert await page.value(f"{captions}[1].textContent") == f"model-0, {long}-seed2"
    ends = f"{captions}.map((c) => c.lastChild.scrollWidth - c.lastChild.clientWidth)"
    assert not any(await page.value(ends))


async def test_keys_walk_through_the_grid(page: chromium.Page, address: str) -> None:
    """Arrows move one visible focus, Enter opens, arrows go on in there, Esc comes back."""
    await page.open(address)
    await page.value("document.querySelector('#grid').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        await page.press(key)
    assert await page.value(FOCUS) == "model-2__garment-0"
    assert "rgb" in await page.value(
        "getComputedStyle(document.querySelector('.active .frame')).boxShadow"
    )
    await page.press("Enter")
    assert await page.value("document.querySelector('#large').open")
    await page.press("ArrowUp")
    await page.press("ArrowRight")
    assert await page.value("document.querySelector('#name').textContent") == "model-1 in garment-1"
    await page.press("Escape")
    await page.until("!document.querySelector('#large').open")
    assert await page.value(FOCUS) == "model-1__garment-1"
    assert await page.value("document.activeElement.id") == "grid"
    assert await page.value("document.activeElement.getAttribute('aria-activedescendant')")


async def test_the_large_view_has_an_address(page: chromium.Page, address: str) -> None:
    """A link opens it; it shows what was made of what; going back closes it."""
    await page.open(f"{address}#cell=model-0__garment-2")
    await page.until(LOADED)
    text = await page.value("document.querySelector('#large').innerText")
    address_ = "Address at the service\nhttps://results.example/0/2.webp\nCopy"
    for words in ("model-0 in garment-2", "3 of 20", "Saved", "Spent", "7", address_):
        assert words in text.replace("\n\n", "\n")
    assert await page.value("document.querySelectorAll('#sources img').length") == 2
    await page.press("Escape")
    await page.until("!location.hash.includes('cell')")
    assert await page.value("document.activeElement.id") == "grid"
    await page.click(".cell")
    assert await page.value("location.hash") == "#cell=model-0__garment-0"
    await page.value("history.back()")
    await page.until("!document.querySelector('#large').open")


async def test_a_failure_says_why_and_what_next(page: chromium.Page, address: str) -> None:
    """The large view of a cell without a picture holds the error and the next step."""
    await page.open(f"{address}#cell=model-0__garment-1")
    text = await page.value("document.querySelector('#large').innerText")
    for words in ("Failed: harmful content", lookbooks.HARMFUL.next_step, "Not spent"):
        assert words in text
    assert await page.value("document.querySelector('#address').hidden")


async def test_a_lost_file_is_said(page: chromium.Page, address: str, tmp_path: Path) -> None:
    """A picture that is gone from the folder is no blank."""
    (tmp_path / "model-0__garment-0.webp").unlink()
    await page.open(address)
    await page.until("document.querySelector('.cell').innerText.includes('missing')")
    cells = await page.value(
        "[...document.querySelectorAll('.cell')].map((cell) => cell.innerText)"
    )
    assert ["picture missing" in cell for cell in cells] == [True] + 19 * [False]


async def test_a_file_name_need_not_be_text(page: chromium.Page, tmp_path: Path) -> None:
    """A name on disk that is no UTF-8 is opened, and shown as it is written in addresses."""
    cells = lookbooks.cells(tmp_path, 1, 1)
    cells.rows = [Head("caf\udce9")]
    try:
        lookbooks.drawn(cells)
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    await page.open(Lookbook(cells, tmp_path).gallery().as_uri())
    await page.until(LOADED)
    await page.click(".cell")
    assert "caf%E9.webp" in await page.value("document.querySelector('#facts').innerText")


async def test_thousands_of_cells_are_made_when_they_are_seen(
    page: chromium.Page, tmp_path: Path
) -> None:
    """Of 6,000 cells few are in the page at a time, and the last one can be reached."""
    odd = {divmod(n, 60): State.OPEN for n in range(6000)}
    await page.open(lookbooks.lookbook(tmp_path, 100, 60, odd=odd).gallery().as_uri())
    assert len(await page.value(NAMES)) < 200
    await page.value("document.querySelector('#grid').focus()")
    for _ in range(12):
        await page.press("PageDown")
    assert len(await page.value(NAMES)) < 200
    await page.press("End")
    assert await page.value(FOCUS) == "model-99__garment-59"
    assert len(await page.value(NAMES)) < 200
    heads = await page.value("document.querySelector('#grid').innerText")
    assert "model-99" in heads
    assert "garment-59" in heads


async def test_a_batch_is_a_wall(page: chromium.Page, tmp_path: Path) -> None:
    """Jobs without columns are tiles with names."""
    cells = lookbooks.drawn(lookbooks.cells(tmp_path, 7, 1))
    await page.open(Lookbook(cells, tmp_path).gallery().as_uri())
    assert await page.value("document.querySelectorAll('.caption').length") == 7
    assert await page.value("document.querySelectorAll('.head').length") == 0
    await page.click(".cell")
    assert await page.value("document.querySelector('#name').textContent") == "model-0"


async def test_it_fits_a_phone(page: chromium.Page, address: str) -> None:
    """At 390 pixels nothing sticks out, cells are large enough, the large view takes all."""
    await page.open(address, 390, 844)
    assert await page.value("document.documentElement.scrollWidth") == 390
    assert await page.value("document.querySelector('.cell').offsetWidth") >= 100
    await page.click(".cell")
    box = "(() => {const box = large.getBoundingClientRect(); return [box.width, box.height]})()"
    assert await page.value(box) == [390, 844]


async def test_on_a_phone_a_column_is_cut_so_that_more_is_guessed(
    page: chromium.Page, address: str
) -> None:
    """Neither an edge of a column nor its mere corner meets the edge of the screen."""
    await page.open(address, 390, 844)
    last = "[...document.querySelectorAll('.row')[0].querySelectorAll('.cell')]"
    shares = await page.value(
        f"{last}.map((cell) => (390 - cell.getBoundingClientRect().x) / cell.offsetWidth)"
    )
    assert any(0.25 < share < 0.75 for share in shares)


async def test_on_its_side_a_phone_shows_pictures(page: chromium.Page, address: str) -> None:
    """The page's head scrolls away, and a low line with the garments stays."""
    edges = "['header', '.heads'].map((name) => document.querySelector(name)"
    edges += ".getBoundingClientRect()).map((box) => [box.top, box.bottom])"
    await page.open(address, 844, 390)
    await page.value("scroller.scrollTo(0, 300)")
    (_, gone), (top, bottom) = await page.value(edges)
    assert gone <= 0 == top
    assert bottom < 390 / 4
    await page.open(address)
    await page.value("scroller.scrollTo(0, 300)")
    (first, second), (third, _) = await page.value(edges)
    assert (first, third) == (0, pytest.approx(second))


async def test_keys_leave_a_cell_in_sight(page: chromium.Page, address: str) -> None:
    """On the way down and up again it is neither under the heads nor below the screen."""
    free = (
        "(() => {const cell = document.querySelector('.active').getBoundingClientRect();"
        "const top = document.querySelector('.heads').getBoundingClientRect().bottom;"
        "return cell.top >= top - 1 && cell.bottom <= innerHeight + 1})()"
    )
    for width, height in ((1400, 700), (390, 600), (844, 390)):
        await page.open(address, width, height)
        await page.value("document.querySelector('#grid').focus()")
        for key in (*("ArrowDown",) * 3, *("ArrowUp",) * 2, "Home", "End"):
            await page.press(key)
            assert await page.value(free), (width, key)


async def test_what_matches_is_printed_whole(page: chromium.Page, address: str) -> None:
    """Paper has all cells that match, in sight or not, and none of the page's buttons."""
    await page.open(address)
    await page.send("Emulation.setEmulatedMedia", media="print")
    await page.value("dispatchEvent(new Event('beforeprint'))")
    await page.until(LOADED)
    figures = "[...document.querySelectorAll('#paper figure')]"
    assert await page.value(f"{figures}.length") == 20
    boxes = f"{figures}.map((figure) => figure.getBoundingClientRect().bottom)"
    height = await page.value("document.documentElement.scrollHeight")
    assert max(await page.value(boxes)) <= height
    assert not await page.value("$('kinds').checkVisibility() || $('grid').checkVisibility()")
    assert "Out of credits." in await page.value("document.body.innerText")
    await page.value("dispatchEvent(new Event('afterprint'))")
    await page.value("$('kinds').querySelector('[value=failed]').click()")
    await page.value("dispatchEvent(new Event('beforeprint'))")
    assert await page.value(f"{figures}.map((figure) => figure.innerText)") == [
        "harmful content\nmodel-0 in garment-1"
    ]


async def test_it_is_light_and_dark(page: chromium.Page, address: str) -> None:
    """It follows the system, and a button that is remembered goes before it."""
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    await page.open(address)
    light = await page.value(paper)
    await page.send("Emulation.setEmulatedMedia", features=dark)
    assert await page.value(paper) != light
    await page.click("#theme")
    assert await page.value(paper) == light
    for _ in range(10):  # a busy browser may write down later what it remembers
        await page.open(address)
        if await page.value(paper) == light:
            break
    assert await page.value(paper) == light
