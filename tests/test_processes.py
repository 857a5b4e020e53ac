"""What only a process of its own shows: what is left unclosed at the end, and memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import textwrap

import pytest

from tests import peers
from tests.samples import PNG

PRELUDE = f"""
import asyncio, sys
from changeclothes_async import AsyncChangeClothes

client = AsyncChangeClothes("{peers.KEY}", sys.argv[1])
look = dict(model={PNG!r}, garment={PNG!r}, category="dresses")

async def call():
    return await client.try_on(**look)

async def calls():
    for done in await asyncio.gather(*[call() for _ in range(3)]):
        assert await done.bytes()
"""

FORMS = {
    "with aclose": """
        async def main():
            async with client:
                await calls()
        asyncio.run(main())
    """,
    "without aclose": """
        asyncio.run(calls())
    """,
    "several runs": """
        for _ in range(3):
            asyncio.run(calls())
        asyncio.run(client.aclose())
    """,
    "a loop per test": """
        for _ in range(3):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(calls())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
    """,
    "uvloop": """
        import uvloop
        uvloop.run(calls())
        uvloop.run(calls())
    """,
    "uvloop with aclose": """
        import uvloop
        async def main():
            async with client:
                await calls()
        uvloop.run(main())
    """,
    "an exception": """
        async def main():
            await calls()
            raise SystemExit(0)
        asyncio.run(main())
    """,
    "a client that is dropped": """
        async def main():
            global client
            await calls()
            del client
            import gc
            gc.collect()
            await asyncio.sleep(0.1)
        asyncio.run(main())
    """,
    "never used": "",
    "a loop that is closed by hand": """
        import warnings
        warnings.simplefilter("ignore", ResourceWarning)  # of its sockets, which nobody can close
        for _ in range(3):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(calls())
            loop.close()
    """,
    "a loop that is left open": """
        import warnings
        warnings.simplefilter("ignore", ResourceWarning)  # of the loop itself too
        asyncio.new_event_loop().run_until_complete(calls())
    """,
}


async def run(code, origin, *arguments):
    """Run a program with every warning an error; give its output and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", "-c", PRELUDE + textwrap.dedent(code)),
        *(origin, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    output, complaints = await process.communicate()
    # asyncio's note on slow callbacks is about this machine, and about imports at the first call.
    told = [line for line in complaints.decode().splitlines() if not line.startswith("Executing ")]
    return process.returncode, output.decode(), "\n".join(told)


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS)
async def test_nothing_is_left_unclosed(code):
    """No form of use ends with an "Unclosed" line, a ResourceWarning, or any other."""
    async with (
        peers.serve(peers.answering(peers.http(200, PNG, kind="image/png"))) as store,
        peers.serve(peers.answering(peers.made(f"{store.url}/1.png"))) as peer,
    ):
        code, output, complaints = await run(code, peer.url)
    assert (code, output, complaints) == (0, "", "")


async def test_a_run_that_ends_in_a_call_leaves_nothing_unclosed():
    """A loop that ends with a call under way says that it may be paid, and nothing else."""
    code = """
        async def main():
            sent = asyncio.Event()
            client = AsyncChangeClothes(
                "a-key", sys.argv[1], on_event=lambda event: event.kind == "sent" and sent.set()
            )
            task = asyncio.create_task(client.try_on(**look))
            await sent.wait()
        asyncio.run(main())
    """
    async with peers.serve(peers.silent) as peer:
        code, output, complaints = await run(code, peer.url)
    said = "try_on-1: broken off after it was sent whole; it may be paid"
    assert (code, output, complaints) == (0, "", said)
    assert len(peer.charges) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
async def test_an_answer_is_read_where_no_file_can_be_opened():
    """With as many calls as a process may have files, the first answer is not lost to a limit."""
    code = """
        import resource
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)

        def heard(event):
            if event.kind in {"sent", "answered"}:
                few = 3 if event.kind == "sent" else most
                resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))

        client = AsyncChangeClothes("a-key", sys.argv[1], on_event=heard)
        print(asyncio.run(call()).url)
    """
    async with peers.serve(peers.answering(peers.MADE)) as peer:
        ended = await run(code, peer.url)
    assert ended == (0, f"{peers.RESULT}\n", "")


async def test_a_forked_childs_end_takes_no_answer_along():
    """A child that ends by sys.exit() leaves the connections of its parent's calls alone."""
    code = """
        import os, socket, threading, urllib.parse, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        sent = threading.Event()
        client = AsyncChangeClothes(
            "a-key", sys.argv[1], on_event=lambda event: event.kind == "sent" and sent.set()
        )
        caller = threading.Thread(target=lambda: print(asyncio.run(call()).url))
        caller.start()
        sent.wait()
        if not os.fork():
            sys.exit()
        os.wait()
        address = urllib.parse.urlsplit(sys.argv[1])
        socket.create_connection((address.hostname, address.port)).close()
        caller.join()
    """
    gate = asyncio.Event()

    async def opening(line):
        gate.set()

    async with peers.serve(peers.waiting(gate, peers.MADE), opening) as peer, asyncio.timeout(30):
        ended = await run(code, peer.url)
    assert ended == (0, f"{peers.RESULT}\n", "")


UPLOAD = """
    import resource
    kilobytes = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async def main():
        async with client:
            await call()
            before = kilobytes()
            made = await client.try_on(**{**look, "model": sys.argv[2]})
            print(made.attempts, kilobytes() - before)
    asyncio.run(main())
"""


def whole_body(request, path):
    """Give the digest that a request's body has when it holds the whole file as modelImg."""
    start = request.body[: request.body.index(PNG[:8])]
    boundary = start[: start.index(b"\r\n")]
    garment = b'Content-Disposition: form-data; name="garmentImg"; filename="garmentImg.png"'
    digest = hashlib.sha256(start)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    digest.update(b"\r\n%b\r\n%b\r\nContent-Type: image/png\r\n\r\n" % (boundary, garment))
    digest.update(b"%b\r\n%b--\r\n" % (PNG, boundary))
    return digest.hexdigest()


async def test_a_big_file_is_streamed_and_sent_whole_again(tmp_path):
    """200 MB go out in less than 30 MB of extra memory, and once more after a 20001."""
    path = tmp_path / "model.png"
    path.write_bytes(PNG)
    os.truncate(path, 200 * 2**20)
    script = peers.answering(peers.MADE, peers.envelope(20001), peers.MADE)
    async with peers.serve(script) as peer:
        code, output, complaints = await run(UPLOAD, peer.url, str(path))
    assert (code, complaints) == (0, "")
    attempts, kilobytes = map(int, output.split())
    assert attempts == 2
    assert kilobytes < 30 * 1024
    assert [request.digest for request in peer.charges[1:]] == [
        whole_body(peer.charges[1], path)
    ] * 2
