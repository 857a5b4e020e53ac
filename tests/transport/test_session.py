"""One attempt on the wire: framing of answers, TLS, redirects, sessions of the user's, the key."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import logging
import ssl
import traceback
import warnings
import zlib

import aiohttp
import pytest
import trustme

from changeclothes_async import client as clients
from changeclothes_async import errors, results
from changeclothes_async.protocol import formats, images, multipart
from changeclothes_async.transport import engine, reading, uploads
from tests import peers
from tests.samples import JPEG, LOOK, PNG, png

pytestmark = pytest.mark.swift

KEY = peers.KEY
AUTHORITY = trustme.CA()


async def refused(client, peer, **options):
    """Make the small call, which must fail, and give its error."""
    with pytest.raises(errors.ChangeClothesError) as caught:
        await client(peer, **options).try_on(**LOOK)
    return caught.value


async def test_a_request_is_what_the_page_describes(client):
    """POST to the endpoint, the key as a bearer token, an exact length, the fields by name."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(peer, headers={"X-Team": "blue"}).try_on(**LOOK, garment_desc="a lime dress")
    (request,) = peer.charges
    assert (request.method, request.path) == ("POST", "/api/openapi/change-clothes-ai")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-length"] == str(request.size)
    assert request.headers["x-team"] == "blue"
    assert request.fields == {
        "modelImg": PNG,
        "garmentImg": JPEG,
        "category": b"dresses",
        "garmentDesc": b"a lime dress",
    }
    assert KEY.encode() not in request.body


async def test_a_prefix_of_the_origin_is_kept(client):
    """A base_url with a path has the endpoint put behind it."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(f"{peer.url}/mirror/").try_on(**LOOK)
    assert peer.charges[0].path == "/mirror/api/openapi/change-clothes-ai"


class Writer:
    """Takes what an upload hands over, and looks at its flag each time."""

    def __init__(self, upload):
        self.seen = []
        self._upload = upload

    async def write(self, chunk):
        self.seen.append((bytes(chunk), self._upload.sent_whole))


async def test_the_flag_is_up_before_the_closing_boundary_is_handed_over(tmp_path):
    """Down for every piece of the body, up at the last one, which makes a request whole."""
    path = tmp_path / "model.png"
    path.write_bytes(png(3 * 2**20))
    reader = reading.Reader()
    pictures = [
        ("modelImg", await reader.ready(images.File(str(path)))),
        ("garmentImg", await reader.ready(images.Bytes(png(2**20)))),
    ]
    body = multipart.body([("category", "dresses")], pictures)
    upload = uploads.Upload(body)
    writer = Writer(upload)
    await upload.write_with_length(writer, body.length)
    *pieces, last = writer.seen
    assert {flag for _, flag in pieces} == {False}
    assert last == (body.tail, True)
    assert sum(len(piece) for piece, _ in writer.seen) == upload.size == body.length


class Ending:
    """A connection that ends while an upload's last piece is handed over."""

    def __init__(self):
        self.ended = False
        self.transport = self

    async def write(self, chunk):
        if self.ended:
            raise ConnectionResetError
        self.ended = len(chunk) > 1000

    def is_closing(self):
        return self.ended

    def abort(self):
        pass


async def test_a_closing_boundary_that_no_connection_takes_was_not_sent():
    """As from a server that answers early and closes: nobody has the request whole."""
    part = multipart.Part(images.Bytes(png(90_000)), formats.Format("image/png", ".png"))
    upload = uploads.Upload(multipart.body([("category", "dresses")], [("modelImg", part)]))
    with pytest.raises(ConnectionResetError):
        await upload.write_with_length(Ending(), upload.length)
    assert not upload.sent_whole


async def test_small_frames_go_out_together_and_in_their_order():
    """Up to 128 kB is one piece; what is larger is cut, and nothing changes places."""
    pictures = [
        (name, multipart.Part(images.Bytes(png(size)), formats.Format("image/png", ".png")))
        for name, size in [("one", 90_000), ("two", 90_000), ("three", 200_000), ("four", 9)]
    ]
    body = multipart.body([("category", "dresses")], pictures)
    upload = uploads.Upload(body)
    writer = Writer(upload)
    await upload.write_with_length(writer, body.length)
    pieces = [piece for piece, _ in writer.seen]
    assert b"".join(pieces) == b"".join([*body.frames, body.tail])
    assert max(map(len, pieces)) <= 128 * 2**10
    assert len(pieces) == 6


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'12\r\n{"code": 200, "dat\r\n'
    b'2e\r\na": {"resultImgUrl": "https://results.example/\r\n'
    b'8\r\n1.webp"}\r\n1\r\n}\r\n0\r\n\r\n'
)
PACKED = json.dumps({"code": "200", "data": {"resultImgUrl": peers.RESULT}}).encode()
READABLE = {
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + peers.MADE,
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + peers.MADE,
    "two answers at once": peers.MADE + peers.MADE,
    "chunked": CHUNKED,
    "gzip": peers.http(200, gzip.compress(PACKED), headers={"Content-Encoding": "gzip"}),
    "deflate": peers.http(200, zlib.compress(PACKED), headers={"Content-Encoding": "deflate"}),
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + PACKED,
    "a header of 60 kB": peers.http(200, PACKED, headers={"X-Policy": "x" * 60_000}),
    "1,000 headers": peers.http(200, PACKED, headers={f"X-{n}": "x" * 60 for n in range(1000)}),
}


@pytest.mark.parametrize("answer", READABLE.values(), ids=READABLE)
async def test_every_framing_of_an_answer_is_read(client, answer):
    """An answer may be packed, chunked, preceded by hints, or followed by another."""
    async with peers.serve(peers.answering_once(answer)) as peer:
        look = await client(peer).try_on(**LOOK)
    assert (look.result_img_url, len(peer.charges)) == (peers.RESULT, 1)


@pytest.mark.parametrize("answer", [peers.MADE, CHUNKED], ids=["exact", "chunked"])
async def test_segments_of_one_byte_are_read(client, answer):
    """An answer that comes in single bytes is the same answer."""
    async with peers.serve(peers.trickling(answer, pause=0)) as peer:
        look = await client(peer).try_on(**LOOK)
    assert look.result_img_url == peers.RESULT


async def test_a_second_answer_is_never_taken_for_the_next_calls(client):
    """What follows an answer on its connection belongs to nobody."""
    other = peers.made("https://results.example/other.webp")
    scripts = peers.answering_once(peers.MADE + other), peers.answering(peers.MADE)
    async with peers.serve(*scripts) as peer:
        one = client(peer)
        urls = [(await one.try_on(**LOOK)).result_img_url for _ in range(2)]
    assert urls == [peers.RESULT] * 2


@pytest.mark.parametrize(
    "unasked", [peers.made("https://results.example/other.webp"), peers.http(408, b"")]
)
async def test_an_answer_that_nobody_asked_for_is_no_calls(client, unasked):
    """One that comes on an idle connection: that is not used again, and nothing is paid twice."""
    came = asyncio.Event()

    async def twice(line):
        await line.request()
        await line.send(peers.MADE)
        await asyncio.sleep(0.05)
        await line.send(unasked)
        came.set()
        await line.request()  # never, on this connection

    async with peers.serve(twice, peers.answering(peers.MADE)) as peer:
        one = client(peer)
        first = await one.try_on(**LOOK)
        await came.wait()
        await asyncio.sleep(0.05)
        second = await one.try_on(**LOOK)
    assert first.result_img_url == second.result_img_url == peers.RESULT
    assert (second.attempts, len(peer.charges)) == (2, 2)


@pytest.mark.parametrize(("status", "kind"), [(401, errors.AccountError), (413, errors.Refused)])
async def test_an_answer_to_a_head_alone_is_the_calls(client, status, kind):
    """Where `Expect: 100-continue` is sent, a body waits, and may be refused by its head."""

    async def script(line):
        await line.read()
        await line.send(peers.http(status))
        await line.hold()

    async with peers.serve(script) as peer:
        error = await refused(client, peer, headers={"Expect": "100-continue"})
    assert (type(error), error.http_status, error.money) == (kind, status, "not spent")


async def test_a_bomb_is_unpacked_to_a_cap_only(client):
    """A packed gigabyte is cut at the cap: paid, damaged, and not in memory."""
    bomb = zlib.compress(b" " * 2**26, 9)
    answer = peers.http(200, bomb, headers={"Content-Encoding": "deflate"})
    async with peers.serve(peers.answering(answer)) as peer:
        error = await refused(client, peer)
    assert type(error) is errors.Damaged
    assert len(error.raw.body) <= 8 * 2**20


async def test_an_endless_answer_is_cut_at_a_cap(client):
    """More than 8 MB is no envelope: what came is kept up to there, and the call was paid."""

    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await line.send(b"x" * 2**16)

    async with peers.serve(script) as peer:
        error = await refused(client, peer)
    assert (type(error), len(error.raw.body)) == (errors.Damaged, 8 * 2**20)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_photographs_and_key_never_follow_a_redirect(client, status, elsewhere):
    """A redirect, to another origin or the same, is final and named; nothing is sent after it."""
    async with peers.serve(peers.answering(peers.MADE)) as other:
        target = f"{other.url}/new" if elsewhere else "/new"
        answer = peers.http(status, headers={"Location": target})
        async with peers.serve(peers.answering(answer)) as peer:
            error = await refused(client, peer)
    assert (type(error), error.money, len(peer.charges)) == (errors.Refused, "not spent", 1)
    assert other.connections == 0
    assert target in str(error)


def serving(identity, **dates):
    """Make a server's TLS context for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(identity, **dates).configure_cert(context)
    return context


def trusting():
    """Make a client's TLS context that trusts the tests' authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


async def test_a_trusted_certificate_is_taken(client):
    """ssl= takes a context that trusts an authority of one's own."""
    async with peers.serve_tls(serving("127.0.0.1")) as (origin, heard):
        look = await client(origin, ssl=trusting()).try_on(**LOOK)
    assert look.result_img_url == peers.RESULT
    assert KEY.encode() in heard


YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
UNTRUSTED = {
    "unknown authority": (serving("127.0.0.1"), True),
    "wrong host": (serving("other.example"), trusting()),
    "expired": (
        serving("127.0.0.1", not_after=YESTERDAY, not_before=YESTERDAY - dt.timedelta(9)),
        trusting(),
    ),
}


@pytest.mark.parametrize(("server", "trust"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_no_byte_goes_to_a_server_that_is_not_trusted(client, server, trust):
    """A bad certificate is final, in words, and the server hears nothing."""
    async with peers.serve_tls(server) as (origin, heard):
        error = await refused(client, origin, ssl=trust)
    assert (type(error), error.money, error.attempts) == (errors.NotSent, "not spent", 1)
    assert "certificate" in str(error)
    assert heard == b""


async def plain(line):
    """Answer a TLS greeting with plain HTTP."""
    await line.read()
    await line.send(peers.http(400, "speak plainly", headers={"Connection": "close"}))


@pytest.mark.parametrize(("script", "attempts"), [(plain, 1), (peers.deaf, 3)])
async def test_no_key_goes_out_before_tls_is_up(client, script, attempts):
    """Plain HTTP on the TLS port, or a stalled handshake: NotSent, and no key on the wire."""
    async with peers.serve(script) as peer:
        error = await refused(client, peer.url.replace("http:", "https:"), connect_timeout=5)
    assert (type(error), error.money, error.attempts) == (errors.NotSent, "not spent", attempts)
    assert peer.charges == []
    assert KEY.encode() not in peer.heard


async def test_a_proxy_is_used_where_one_is_given(client):
    """proxy= sends the request there, with the whole address."""
    async with peers.serve(peers.answering(peers.MADE)) as proxy:
        await client("http://127.0.0.1:9", proxy=proxy.url).try_on(**LOOK)
    assert proxy.charges[0].path.startswith("http://127.0.0.1:9/api/")


@pytest.mark.parametrize("trusted", [True, False])
async def test_the_environments_proxy_is_used_only_on_request(client, monkeypatch, trusted):
    """trust_env= looks at HTTP_PROXY; without it nothing in the environment matters."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with (
        peers.serve(peers.answering(peers.MADE)) as proxy,
        peers.serve(peers.answering(peers.MADE)) as peer,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        await client(peer, trust_env=trusted).try_on(**LOOK)
    assert (len(proxy.charges), len(peer.charges)) == (int(trusted), int(not trusted))


@pytest.mark.parametrize("is_given", [True, False])
async def test_plain_http_goes_through_no_proxy_elsewhere(client, monkeypatch, is_given):
    """A service on this machine is asked directly: on the way to a proxy anybody reads the key."""
    loop = asyncio.get_running_loop()
    ask = loop.getaddrinfo
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with (
        peers.serve(peers.answering(peers.MADE)) as proxy,
        peers.serve(peers.answering(peers.MADE)) as peer,
    ):
        address = f"http://proxy.example:{proxy.port}"
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setattr(loop, "getaddrinfo", lambda _, *to, **how: ask("127.0.0.1", *to, **how))
        options = {"proxy": address} if is_given else {"trust_env": True}
        await client(peer, **options).try_on(**LOOK)
    assert (len(peer.charges), len(proxy.charges)) == (1, 0)
    assert KEY.encode() not in proxy.heard


UNUSABLE = [
    "me:pass-word@proxy.example:3128",
    "http://me:pass/-word@proxy.example:3128",
    "//me:pass-word@proxy.example:3128",
    "socks5://me:pass-word@proxy.example:3128",
]


@pytest.mark.parametrize("address", UNUSABLE)
async def test_a_proxy_that_cannot_be_used_is_not_repeated(client, monkeypatch, address):
    """The environment's may be written for other programs, and holds a password."""
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", address)
    one = client("https://127.0.0.1:9", trust_env=True, retries=0)
    picture = one.picture("https://results.example/1.png")
    for call in (one.try_on(**LOOK), picture.bytes()):
        with pytest.raises(errors.ChangeClothesError, match="the proxy's") as caught:
            await call
        assert "word" not in str(caught.value)


async def test_a_proxy_that_breaks_off_is_not_repeated_with_its_password():
    """So says aiohttp where a TLS proxy closes the tunnel, and Python 3.11 trips over that."""
    tunnel = "an underlying connection to an HTTPS proxy https://me:pass@word@proxy.example:3128"
    said = engine.words(aiohttp.ClientConnectionError(f"Cannot initialize it through {tunnel} ssl"))
    assert said.endswith("an HTTPS proxy https://proxy.example:3128 ssl")


async def test_a_netrc_does_not_get_in_the_way_of_the_key(client, monkeypatch, tmp_path):
    """The key goes out alone: aiohttp would refuse to send it beside a netrc's credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(peer, trust_env=True).try_on(**LOOK)
    assert peer.charges[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_given_session_is_used_and_stays_open(client):
    """session= is the user's: it carries the calls, and aclose() leaves it open."""
    async with (
        aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session,
        peers.serve(peers.answering(peers.MADE)) as peer,
    ):
        one = client(peer, session=session)
        await one.try_on(**LOOK)
        await one.aclose()
        assert not session.closed
    assert peer.charges[0].headers["x-mine"] == "yes"


async def test_a_given_session_carries_the_calls_alone(client):
    """Results are fetched over the client's own connections, which have none of its habits."""
    picture = peers.http(200, PNG, kind="image/png")
    async with (
        aiohttp.ClientSession(headers={"X-Mine": "yes"}) as session,
        peers.serve(peers.answering(picture)) as store,
        peers.serve(peers.answering(peers.made(f"{store.url}/1.png"))) as peer,
    ):
        look = await client(peer, session=session).try_on(**LOOK)
        assert await look.bytes() == PNG
    assert (b"X-Mine" in peer.heard, b"X-Mine" in store.heard) == (True, False)


async def test_a_given_session_that_was_closed_is_named(client):
    """It is no fault of the network, and stays closed: said at once, after one attempt."""
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        async with aiohttp.ClientSession() as session:
            one = client(peer, session=session)
            await one.try_on(**LOOK)
        with pytest.raises(errors.NotSent, match="Keep the aiohttp") as caught:
            await one.try_on(**LOOK)
    assert (caught.value.attempts, caught.value.final, len(peer.charges)) == (1, True, 1)


async def test_an_answer_lost_with_a_given_session_stays_unsure(client):
    """One that is closed when a request was sent whole may have been paid."""
    async with aiohttp.ClientSession() as session:

        async def closing(line):
            await line.request()
            await session.close()
            await line.hold()

        async with peers.serve(closing) as peer:
            error = await refused(client, peer, session=session)
    assert (type(error), error.money) == (errors.Unsure, "maybe spent")


@pytest.mark.parametrize(
    "habits",
    [{"raise_for_status": True}, {"auto_decompress": True}, {"timeout": aiohttp.ClientTimeout(1)}],
    ids=["raises", "unpacks", "hurries"],
)
async def test_a_given_sessions_habits_do_not_matter(client, habits):
    """Whatever a session does by itself, an answer means the same."""
    body = gzip.compress(json.dumps({"code": 10003, "msg": "said"}).encode())
    answer = peers.http(402, body, headers={"Content-Encoding": "gzip"})
    async with (
        aiohttp.ClientSession(**habits) as session,
        peers.serve(peers.thinking(5, answer)) as peer,
    ):
        error = await refused(client, peer, session=session)
    assert (type(error), error.msg) == (errors.InsufficientCredits, "said")


async def test_two_connections_at_most_are_enough(client):
    """A server that takes only two connections is served by two slots."""

    async def closing(line):
        pytest.fail("a third connection was opened")

    script = peers.answering(peers.MADE)
    async with peers.serve(script, script, closing) as peer:
        one = client(peer, max_concurrency=2)
        for _ in range(10):
            await one.try_on(**LOOK)
    assert len(peer.charges) == 10


async def test_a_connection_that_the_server_closed_is_not_used_again(client):
    """An idle connection that the server has left is seen as such; the next call opens another."""
    async with peers.serve(peers.answering_once(peers.MADE)) as peer:
        one = client(peer)
        looks = [await one.try_on(**LOOK) for _ in range(5)]
    assert [look.attempts for look in looks] == [1] * 5
    assert (peer.connections, len(peer.charges)) == (5, 5)


def leaving(seconds):
    """Answer one request, and close so many seconds later without a word about it."""

    async def script(line):
        await line.request()
        await line.send(peers.MADE)
        await asyncio.sleep(seconds)

    return script


async def test_a_server_that_leaves_without_a_word_is_believed_once(client):
    """After one request met a connection that was being closed, each gets a connection of its own.

    The request that met it may have arrived, for all that can be known: it stays unsure.
    """
    ends = []
    async with peers.serve(leaving(0.001)) as peer:
        one = client(peer)
        for _ in range(20):
            try:
                ends.append(type(await one.try_on(**LOOK)))
            except errors.ChangeClothesError as error:
                ends.append(type(error))
    assert ends.count(results.Look) >= 19, ends
    assert len(peer.charges) >= 19
    # It is not told: what it answers to half an upload would be lost with such a connection.
    assert {charge.headers.get("connection") for charge in peer.charges} == {"keep-alive"}


async def test_a_session_s_own_content_type_is_not_the_form_s(client):
    """A default header of a session that is given does not make the form unreadable."""
    async with (
        peers.serve(peers.answering(peers.MADE)) as peer,
        aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as own,
    ):
        await client(peer, session=own).try_on(**LOOK)
    assert peer.charges[0].fields["category"] == b"dresses"


async def test_the_wait_for_a_place_in_a_pool_is_not_connecting(client):
    """A session of one's own with one connection serves many, however long each call takes."""
    async with (
        peers.serve(peers.thinking(5, peers.MADE)) as peer,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as own,
    ):
        one = client(peer, session=own, connect_timeout=2)
        looks = await asyncio.gather(*(one.try_on(**LOOK) for _ in range(4)))
    assert [look.attempts for look in looks] == [1] * 4


async def test_a_session_with_a_key_of_its_own_is_refused():
    """Aiohttp takes one Authorization only, and would fail each call for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions call it deprecated
        own = aiohttp.ClientSession(auth=aiohttp.BasicAuth("me", "secret"))
    async with own:
        with pytest.raises(errors.InvalidInput, match="auth="):
            clients.AsyncChangeClothes(KEY, "https://a.example", session=own)


async def repeating(request, handler):
    """A middleware as people write it: what fails is sent again."""
    response = await handler(request)
    return response if response.ok else await handler(request)


async def test_a_session_that_verifies_nothing_is_refused():
    """The request's own word for verifying would give way to the connector's."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as own:
        for url in ("https://a.example", "HTTPS://a.example"):
            with pytest.raises(errors.InvalidInput, match="does not check whose certificate"):
                clients.AsyncChangeClothes(KEY, url, session=own)
        # Here it decides nothing: a context of the call's own does, or there is no TLS.
        clients.AsyncChangeClothes(
            KEY, "https://a.example", session=own, ssl=ssl.create_default_context()
        )
        clients.AsyncChangeClothes(KEY, "http://127.0.0.1:9", session=own)


async def test_a_middleware_cannot_send_a_request_again(client):
    """A session with one is refused, and one that came in later is not asked."""
    async with aiohttp.ClientSession(middlewares=(repeating,)) as own:
        with pytest.raises(errors.InvalidInput, match="paid request again"):
            clients.AsyncChangeClothes(KEY, "https://a.example", session=own)
    async with (
        peers.serve(peers.answering(peers.envelope(20001, status=500))) as peer,
        aiohttp.ClientSession() as own,
    ):
        one = client(peer, session=own, retries=0)
        own._middlewares = (repeating,)
        with pytest.raises(errors.TryOnException):
            await one.try_on(**LOOK)
    assert len(peer.charges) == 1


ECHOES = {
    "msg": peers.envelope(10004, msg=f"bad key {KEY}"),
    "header": peers.envelope(10004, x_echo=KEY),
    "html": peers.http(401, f"<p>{KEY}</p>", kind="text/html"),
    "location": peers.http(302, headers={"Location": f"https://elsewhere.example/{KEY}"}),
    "gzip": peers.http(
        400,
        gzip.compress(json.dumps({"code": 10004, "msg": f"bad {KEY}"}).encode()),
        headers={"Content-Encoding": "gzip"},
    ),
    "status line": b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
    "damaged": peers.http(200, f"{{{KEY}"),
}


@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
async def test_an_echoed_key_is_redacted(client, caplog, answer):
    """A service that repeats the key does not bring it into errors, tracebacks or logs."""
    caplog.set_level(logging.DEBUG)
    async with peers.serve(peers.answering_once(answer)) as peer:
        error = await refused(client, peer)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in str(error) + repr(error) + repr(error.raw and holds(error.raw))
    assert KEY not in "".join(frame for frame in told.format() if "peers.KEY" not in frame)
    assert KEY not in caplog.text


LONG = "sk-live-" + "0123456789" * 5
CUT = {
    "ours": b"Q" * 235 + LONG.encode() + b"\r\n\r\n",
    "aiohttp's": b"HTTP/1.1 200 OK\r\nX: " + LONG.encode() * 2000 + b"\r\n\r\n",
    "the connection's": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + LONG[:-9].encode(),
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
async def test_no_piece_of_an_echoed_key_is_left_where_a_text_is_cut(answer):
    """Whoever cuts it: this library, aiohttp, or a connection that ends."""
    async with (
        peers.serve(peers.answering_once(answer)) as peer,
        clients.AsyncChangeClothes(LONG, peer.url) as one,
    ):
        with pytest.raises(errors.ChangeClothesError) as caught:
            await one.try_on(**LOOK)
    error = caught.value
    assert "***" in str(error) + repr(error.raw and error.raw.body)
    assert "sk-live-0123" not in str(error) + repr(error) + repr(error.raw and holds(error.raw))


def holds(raw):
    """All that an answer as received holds."""
    return raw.status, dict(raw.headers), raw.body, raw.envelope


async def test_a_key_in_json_escapes_is_redacted():
    """A key that JSON writes with escapes does not come back out of msg."""
    answer = peers.http(400, '{"code": 10004, "msg": "bad key sk\\/live\\/1234567890"}')
    async with (
        peers.serve(peers.answering(answer)) as peer,
        clients.AsyncChangeClothes("sk/live/1234567890", peer.url) as one,
    ):
        with pytest.raises(errors.InvalidParam) as caught:
            await one.try_on(**LOOK)
    assert "1234567890" not in str(caught.value)


async def test_a_short_key_does_not_spoil_the_result():
    """A key that happens to be part of the result's address leaves the address whole."""
    async with (
        peers.serve(peers.answering(peers.MADE)) as peer,
        clients.AsyncChangeClothes("results", peer.url) as one,
    ):
        assert (await one.try_on(**LOOK)).result_img_url == peers.RESULT


async def test_trace_configs_see_the_calls(client):
    """The API's session may be traced by aiohttp's own means, one client after another."""
    seen = []

    async def starts(session, context, request):
        seen.append(request.url.path)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(starts)
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        await client(peer, trace_configs=[tracing]).try_on(**LOOK)
        await client(peer, trace_configs=[tracing]).try_on(**LOOK)
    assert seen == ["/api/openapi/change-clothes-ai"] * 2


async def test_trace_configs_do_not_go_with_a_session_of_one_s_own():
    """That one has its own; silence about it would look like a trace that saw nothing."""
    async with aiohttp.ClientSession() as own:
        with pytest.raises(errors.InvalidInput, match="trace_configs"):
            clients.AsyncChangeClothes(
                KEY, "https://a.example", session=own, trace_configs=[aiohttp.TraceConfig()]
            )
