"""A result's download: where from, how far, how much, and how often."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
import trustme

from changeclothes_async import errors, settings
from changeclothes_async.transport import downloads, fetching
from tests import peers
from tests.samples import PNG

pytestmark = pytest.mark.swift

NEAR = settings.Fetching(near=True, max_result_bytes=100_000)
FAR = settings.Fetching(near=False)


async def whole(chunks):
    return b"".join([chunk async for chunk in chunks])


async def fetched(url, options=NEAR):
    """Fetch an address with a session of its own."""
    web = downloads.Downloads(options)
    try:
        return await fetching.fetch(web, url, whole)
    finally:
        await web.close()


async def failed(url, options=NEAR):
    """Fetch an address, which must fail, and give the error."""
    with pytest.raises(errors.DownloadFailed) as caught:
        await fetched(url, options)
    assert caught.value.money == "spent"
    return caught.value


def picture(data=PNG, status=200, kind="image/png", **headers):
    return peers.http(status, data, kind=kind, headers=headers)


async def test_a_picture_comes_whole():
    """The bytes are those of the server, and the request carries no key."""
    async with peers.serve(peers.answering(picture())) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG
    assert peer.charges[0].method == "GET"
    assert "authorization" not in peer.charges[0].headers


async def test_a_picture_is_handed_on_as_it_comes():
    """Not gathered first: an endless one would never be too large."""
    begun, answer = asyncio.Event(), picture(PNG + bytes(50_000))

    async def halting(line):
        await line.request()
        await line.send(answer[:-10_000])
        await begun.wait()
        await line.send(answer[-10_000:])

    async def consumed(chunks):
        data = b""
        async for chunk in chunks:
            begun.set()
            data += chunk
        return data

    async with peers.serve(halting) as peer:
        web = downloads.Downloads(NEAR)
        assert await fetching.fetch(web, f"{peer.url}/1.png", consumed) == PNG + bytes(50_000)
        await web.close()


TYPES = ["image/png", "application/octet-stream", "", "text/html", "text/plain", "application/json"]


@pytest.mark.parametrize("kind", TYPES)
async def test_a_pictures_type_need_not_be_known(kind):
    """What begins as a picture is taken, whatever it is called: it was paid for."""
    async with peers.serve(peers.answering(picture(kind=kind))) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG


@pytest.mark.parametrize("kind", ["image/jxl", "application/octet-stream"])
async def test_a_format_to_come_is_taken(kind):
    """What is no text was paid for, though it begins like no picture that is known here."""
    data = bytes(range(128, 228))
    async with peers.serve(peers.answering(picture(data, kind=kind))) as peer:
        assert await fetched(f"{peer.url}/1.jxl") == data


SPELLED = [
    "/a%2Bb%7Ec.png?sig=%2F%2b%3D~&name='%27(%28&empty=&a+b",
    "/100%25.png?x=%20",
    "//two/./dots/../1.png",
]


@pytest.mark.parametrize("path", SPELLED)
async def test_a_signed_address_is_asked_letter_by_letter(path):
    """A signature may cover an address as it was written, so nothing of it is spelled anew."""
    async with peers.serve(peers.answering(picture())) as peer:
        await fetched(peer.url + path)
    assert peer.charges[0].path == path


async def test_an_address_that_is_not_spelled_out_is_asked_all_the_same():
    """Blanks, accents and lone percent signs are escaped on the way."""
    async with peers.serve(peers.answering(picture())) as peer:
        await fetched(f"{peer.url}/a b/é/100%.png?q=[x]|y")
    assert peer.charges[0].path == "/a%20b/%C3%A9/100%25.png?q=%5Bx%5D%7Cy"


PASSING = {
    "404": picture(b"", 404),
    "429": picture(b"", 429),
    "500": picture(b"", 500),
    "503": picture(b"", 503),
    "empty": picture(b""),
    "a page": picture(b"<html>", kind="text/html"),
    "a page in disguise": picture(b"  <html>"),
    "JSON": picture(b"{}"),
    "words": picture(b"Sorry, this is not here any more.", kind="text/plain"),
    "words without a type": picture(b"Warming up.\nTry again.", kind=""),
    "words in disguise": picture(b"Warming up.\r\n\tTry again."),
    "Chinese words": picture(
        "服务正在预热，请稍后再试。请稍后再试。请稍后再试。".encode(), kind=""
    ),
    "cut off": picture()[:-5] + b"",
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_tried_again(answer):
    """A failure that may pass is tried again, up to four times in all; a GET costs nothing."""
    once = peers.answering_once(answer)
    async with peers.serve(once, once, peers.answering(picture())) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG
    assert peer.connections == 3
    async with peers.serve(once) as peer:
        await failed(f"{peer.url}/1.png")
    assert peer.connections == 4


@pytest.mark.parametrize("script", [peers.closing, peers.resetting, peers.silent, peers.slamming])
async def test_a_broken_connection_is_tried_again(script):
    """Close, reset and silence while downloading: tried again."""
    async with peers.serve(script, peers.answering(picture())) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG


FINAL = {
    "expired": picture(b"", 403),
    "gone": picture(b"", 410),
    "too large": picture(b"x" * 100_001),
    "endless": b"HTTP/1.1 200 OK\r\n\r\n" + PNG + b"x" * 200_000,
    "too large by its head": b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",
    "packed": picture(**{"Content-Encoding": "gzip"}),
    "redirected nowhere": peers.http(302),
}


@pytest.mark.parametrize("answer", FINAL.values(), ids=FINAL)
async def test_what_cannot_pass_is_tried_once(answer):
    """Expired, larger than the cap, or packed without being asked: one request."""
    async with peers.serve(peers.answering_once(answer)) as peer:
        error = await failed(f"{peer.url}/1.png")
    assert (error.final, peer.connections) == (True, 1)
    assert error.url == f"{peer.url}/1.png"


@pytest.mark.parametrize("kind", ["text/html", "image/png"])
async def test_a_beginning_in_pieces_is_judged_whole(kind):
    """A picture that comes byte by byte is one, and a page that does is none."""
    async with peers.serve(peers.trickling(picture(kind=kind), 0.001)) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG
    page = picture(b" " * 10 + b"<html>", Connection="close")
    async with peers.serve(peers.trickling(page, 0.001)) as peer:
        assert "a page" in str(await failed(f"{peer.url}/1.png"))


async def test_the_largest_that_is_allowed_comes_whole():
    """The cap itself is not too large."""
    async with peers.serve(peers.answering(picture(PNG.ljust(100_000, b"x")))) as peer:
        assert len(await fetched(f"{peer.url}/1.png")) == 100_000


def redirect(url, status=302):
    return peers.http(status, headers={"Location": url})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status):
    """Every kind of redirect leads to the picture, relative or whole."""
    answers = redirect("/2.png", status), redirect("3.png", status), picture()
    async with peers.serve(peers.answering(*answers)) as peer:
        assert await fetched(f"{peer.url}/1.png") == PNG
    assert [request.path for request in peer.charges] == ["/1.png", "/2.png", "/3.png"]


async def test_three_redirects_are_enough():
    """The fourth redirect is not followed."""
    async with peers.serve(peers.answering(redirect("/again.png"))) as peer:
        error = await failed(f"{peer.url}/1.png")
    assert (len(peer.charges), error.final) == (4, True)


@pytest.mark.parametrize(
    "target",
    [
        "http://results.example/1.png",
        "https://10.0.0.1/1.png",
        "https://169.254.169.254/latest/meta-data",
        "http://192.168.0.1/",
        "file:///etc/passwd",
        "ftp://results.example/1.png",
        "https://[::ffff:10.0.0.1]/",
    ],
)
async def test_each_hop_is_checked_again(target):
    """A redirect to what would not be fetched by itself is refused at once."""
    async with peers.serve(peers.answering(redirect(target))) as peer:
        error = await failed(f"{peer.url}/1.png")
    assert (len(peer.charges), error.final) == (1, True)


@pytest.mark.parametrize("url", ["https://\ud800.example/1.png", "https://r\0.example/1.png"])
async def test_a_host_that_no_system_can_take_is_an_error_of_ours(url):
    """Letters that are half of one, or end a text."""
    await failed(url)


@pytest.mark.parametrize("target", ["", "https://[", "https://[::1", "//[x]/1.png", "https:///x"])
async def test_a_location_that_is_no_address_is_refused(target):
    """A redirect to nonsense is an error of ours, and final."""
    async with peers.serve(peers.answering(redirect(target))) as peer:
        error = await failed(f"{peer.url}/1.png")
    assert (len(peer.charges), error.final) == (1, True)


STEERING = "\x1b]0;title\x07\xff"  # \xff alone is no UTF-8, and cannot be printed at all


@pytest.mark.parametrize(
    "answer",
    [
        redirect(f"/{STEERING}"),
        redirect(f"http://results.example/{STEERING}"),
        picture(b"<html>", kind=f"text/html{STEERING}"),
    ],
    ids=["its own", "elsewhere", "a type"],
)
async def test_what_a_server_says_steers_no_terminal(answer):
    """Addresses and types are repeated in errors, which are shown, logged and written down."""
    async with peers.serve(peers.answering(answer)) as peer:
        error = await failed(f"{peer.url}/1.png")
    assert "]0;title" in str(error)  # aiohttp itself repeats it, escaped, in Python's dev mode
    assert str(error).isprintable()


async def test_what_a_proxy_says_steers_no_terminal():
    """Its reason for letting nobody through is repeated too."""
    refusal = picture(b"", 403).replace(b"Said", STEERING.encode("latin-1"))
    async with peers.serve(peers.answering(refusal)) as proxy:
        error = await failed("https://results.example/1.png", settings.Fetching(proxy=proxy.url))
    assert "title" in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    "url",
    ["http://results.example/1.png", "ftp://results.example/1.png", "/1.png", "", "https://[", "x"],
)
async def test_only_https_is_fetched(url):
    """Plain http, other schemes and what is no address are refused in words."""
    assert "https only" in str(await failed(url))


LOCAL = [
    "127.0.0.1",
    "127.9.9.9",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[::127.0.0.1]",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
]


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("options", [FAR, settings.Fetching(trust_env=True)], ids=["", "trusting"])
async def test_nothing_on_this_machine_is_fetched_for_a_far_service(host, options, monkeypatch):
    """However loopback is spelled, no connection comes."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with peers.serve(peers.deaf) as peer:
        await failed(f"https://{host}:{peer.port}/1.png", options)
    assert peer.connections == 0


async def test_plain_http_on_loopback_is_for_a_near_service_only():
    """http://127.0.0.1 is fetched where the API itself is there, and not otherwise."""
    async with peers.serve(peers.answering(picture())) as peer:
        await failed(f"{peer.url}/1.png", FAR)
        assert peer.connections == 0
        assert await fetched(f"{peer.url}/1.png", NEAR) == PNG


class Names:
    """What the system's resolver says of results.example."""

    def __init__(self, loop, addresses):
        self._ask, self._addresses = loop.getaddrinfo, addresses

    async def __call__(self, _, port, **kwargs):
        return [
            entry
            for address in self._addresses
            for entry in await self._ask(address, port, **{**kwargs, "family": 0})
        ]


NAMES = [["127.0.0.1"], ["::1"], ["10.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "fd00::1"]]


@pytest.mark.parametrize("known", NAMES, ids=" and ".join)
async def test_a_name_that_leads_to_local_addresses_is_refused_once(monkeypatch, known):
    """A name is judged by the addresses it is connected to; a refusal is final, in words."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", Names(loop, known))
    async with peers.serve(peers.deaf) as peer:
        error = await failed(f"https://results.example:{peer.port}/1.png", FAR)
    assert (peer.connections, error.final) == (0, True)
    assert "not a public address" in str(error)


async def test_what_goes_around_the_environments_proxy_is_guarded(monkeypatch):
    """NO_PROXY leads straight to a host, and so must not lead into this network."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", Names(loop, ["127.0.0.1"]))
    async with peers.serve(peers.deaf) as peer:
        monkeypatch.setenv("https_proxy", peer.url)
        monkeypatch.setenv("no_proxy", "results.example")
        trusting = settings.Fetching(trust_env=True)
        error = await failed(f"https://results.example:{peer.port}/1.png", trusting)
    assert (peer.connections, error.final) == (0, True)


async def test_no_results_host_sees_the_credentials_of_a_netrc(monkeypatch, tmp_path):
    """trust_env= takes proxies from the environment, and nothing else."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    async with peers.serve(peers.answering(picture())) as peer:
        await fetched(f"{peer.url}/1.png", settings.Fetching(near=True, trust_env=True))
    assert "authorization" not in peer.charges[0].headers


async def test_a_download_is_waited_for_over_all_its_hops():
    """Closing waits for what a redirect leads to, which was paid for as well."""
    on = peers.http(302, headers={"Location": "/2.png"})
    async with peers.serve(peers.answering(on, picture())) as peer:
        web = downloads.Downloads(NEAR)
        fetching_it = asyncio.create_task(fetching.fetch(web, f"{peer.url}/1.png", whole))
        while not peer.connections:  # noqa: ASYNC110 - a peer that sets no event
            await asyncio.sleep(0)
        await web.close()
        assert await fetching_it == PNG


OTHERWISE = [*LOCAL, "LocalHost", "ｌocalhost", "127。0。0。1", "１６９.254。169.254", "0x7f。1"]


async def test_literal_private_addresses_are_refused_behind_a_proxy_too():
    """A proxy resolves names by itself, but is not asked for what is plainly private."""
    async with peers.serve(peers.deaf) as proxy:
        options = settings.Fetching(proxy=proxy.url)
        for host in ("10.0.0.1", "169.254.169.254", "169.254.43518", "localhost.", *OTHERWISE):
            await failed(f"https://{host}/1.png", options)
    assert proxy.connections == 0


async def test_a_trusted_context_serves_downloads_too():
    """ssl= of the client is what results are fetched with."""
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with peers.serve_tls(server) as (origin, heard):
        with contextlib.suppress(errors.DownloadFailed):  # it answers with an envelope
            await fetched(f"{origin}/1.png", settings.Fetching(near=True, ssl=trust))
        await failed(f"{origin}/1.png", NEAR)
    assert heard.count(b"GET /1.png") == 4
