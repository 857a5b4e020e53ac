"""Faults of a result's download: the call is paid and written down, and the GET alone repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeclothes_async import DownloadFailed
from tests import peers, samples
from tests.bulk import service as services
from tests.faults.cases import Row
from tests.faults.rules import Client

FETCHING = "tests/transport/test_fetching.py"
PASSING = FETCHING + "::test_what_may_pass_is_tried_again"
FINAL = FETCHING + "::test_what_cannot_pass_is_tried_once"
LOCAL = FETCHING + "::test_nothing_on_this_machine_is_fetched_for_a_far_service"
NAMES = FETCHING + "::test_a_name_that_leads_to_local_addresses_is_refused_once"
HOPS = FETCHING + "::test_each_hop_is_checked_again"
HERE = "tests/faults/test_results.py::"
IN_A_GRID = f"{HERE}test_a_paid_cell_waits_for_its_picture"
AT_AN_ADDRESS = f"{HERE}test_an_address_that_is_not_asked_keeps_its_cell_paid"


def picture(data: bytes = samples.PNG, status: int = 200, kind: str = "image/png") -> bytes:
    """Frame a picture's answer."""
    return peers.http(status, data, kind=kind, headers={"Connection": "close"})


STORES = {
    "expired URL": picture(b"", 403),
    "truncated": picture()[:-5],
    "endless": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000,
    "HTML": picture(b"<html>", kind="text/html"),
    "HTML named a picture": picture(b"<html>"),
    "zero bytes": picture(b""),
    "gone for now": picture(b"", 503),
    "redirect to a private address": peers.http(302, headers={"Location": "https://10.0.0.1/1"}),
    "redirect to the metadata address": peers.http(
        302, headers={"Location": "http://169.254.169.254/latest/meta-data"}
    ),
    "redirect without an end": peers.http(302, headers={"Location": "/again"}),
}
ADDRESSES = {
    "http": "http://results.example/1.png",
    "private address": "https://192.168.0.1/1.png",
    "metadata address": "http://169.254.169.254/latest/meta-data",
    "IPv4 inside IPv6": "https://[::ffff:10.0.0.1]/1.png",
}

SEEN = "DownloadFailed; a cell stays paid, the next run fetches it"


def failed(fault: str, test: str) -> Row:
    """Name a download that fails: the call is paid already, and not repeated."""
    return Row(fault, SEEN, "spent", "1", test)


ROWS = [
    *[failed(fault, f"{IN_A_GRID}[{fault}]") for fault in STORES],
    *[failed(fault, f"{AT_AN_ADDRESS}[{fault}]") for fault in ADDRESSES],
    failed("expired URL: of a call", f"{FINAL}[expired]"),
    failed("truncated: of a call", f"{PASSING}[cut off]"),
    failed("endless: of a call", f"{FINAL}[endless]"),
    failed("HTML: of a call", f"{PASSING}[a page]"),
    failed("zero bytes: of a call", f"{PASSING}[empty]"),
    failed("loopback address", f"{LOCAL}[-127.0.0.1]"),
    failed("loopback address: spelled otherwise", f"{LOCAL}[-0x7f000001]"),
    failed("rebinding", f"{NAMES}[127.0.0.1]"),
    failed("rebinding: to the metadata address", f"{NAMES}[169.254.169.254]"),
    failed("redirect to a private address: of a call", f"{HOPS}[https://10.0.0.1/1.png]"),
    Row(
        "a picture named HTML",
        "the picture",
        "spent",
        "1",
        f"{FETCHING}::test_a_pictures_type_need_not_be_known[text/html]",
    ),
    Row(
        "a decompression bomb",
        "DownloadFailed of pil(); save() keeps the bytes as they are",
        "spent",
        "1",
        "tests/test_results.py::test_a_bomb_is_no_pil_image",
    ),
    Row(
        "a server-made file name",
        "the cell's name, and the suffix of its first bytes",
        "spent",
        "1",
        f"{HERE}test_a_server_names_no_file",
    ),
]


class Store:
    """A service whose pictures are answered as told; its address serves calls and downloads."""

    def __init__(self, answer: bytes, url: str = "") -> None:
        self.answer, self._url = answer, url
        self.calls = 0

    async def script(self, line: peers.Line) -> None:
        request = await line.request()
        if request.method == "POST":
            self.calls += 1
            made = peers.made(self._url or f"{line.peer.url}/1.png")
            await line.send(made.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        else:
            await line.send(self.answer)


@pytest.mark.swift
@pytest.mark.parametrize("answer", STORES.values(), ids=STORES)
async def test_a_paid_cell_waits_for_its_picture(client: Client, out: Path, answer: bytes) -> None:
    """The cell is paid and named; once its store is well it is fetched, and not paid again."""
    store = Store(answer)
    async with peers.serve(store.script) as peer:
        one = client(peer, max_result_bytes=100_000)
        first = await one.run_grid(services.grid(1, 1), out, gallery=False)
        assert isinstance(first["m0", "g0"].error, DownloadFailed)
        assert (first["m0", "g0"].money, first.stopped) == ("spent", None)
        assert await services.states(out) == {"paid": 1}
        assert {path.name for path in out.iterdir() if "ledger" not in path.name} == set()
        store.answer = picture()
        assert (await one.run_grid(services.grid(1, 1), out, gallery=False)).ok
    assert store.calls == 1


@pytest.mark.swift
@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_that_is_not_asked_keeps_its_cell_paid(
    client: Client, out: Path, url: str
) -> None:
    """An address that is never asked leaves the cell paid and named, however often it runs."""
    store = Store(b"", url)
    async with peers.serve(store.script) as peer:
        for _ in range(2):
            lookbook = await client(peer).run_grid(services.grid(1, 1), out, gallery=False)
            error = lookbook["m0", "g0"].error
            assert isinstance(error, DownloadFailed)
            assert (error.url, error.final) == (url, True)
    assert (store.calls, await services.states(out)) == (1, {"paid": 1})


EVIL = [
    "/..%2f..%2fevil.sh",
    "/../../evil.sh",
    "/%2fetc%2fevil.sh?name=../evil.sh",
    "/evil.exe",
    "/con",
]


@pytest.mark.swift
@pytest.mark.parametrize("path", EVIL)
async def test_a_server_names_no_file(client: Client, out: Path, path: str) -> None:
    """Neither the address nor Content-Disposition nor the announced type makes a file's name."""
    disposition = {"Content-Disposition": 'attachment; filename="../../evil.sh"'}
    answer = peers.http(200, samples.PNG, kind="application/x-sh", headers=disposition)
    store = Store(answer)
    async with peers.serve(store.script) as peer:
        store._url = peer.url + path
        lookbook = await client(peer).run_grid(services.grid(1, 1), out, gallery=False)
        look = await client(peer).try_on(**samples.LOOK)
        saved = await look.save(out / "mine")
    assert lookbook["m0", "g0"].path == out / "m0__g0.png"
    assert saved == out / "mine.png"
    assert not [path for path in out.parent.rglob("*") if "evil" in path.name]
