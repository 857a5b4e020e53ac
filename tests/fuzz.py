"""Garbage against everything that reads what others wrote: `python -m tests.fuzz [SECONDS] [SEED]`.

Each part mutates a corpus at random for its share of the time and checks what must hold of any
input. A finding is printed with its input and ends the program with 1; a seed repeats a run.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.ledger.ledger import Claim, Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent
from changeclothes_async.bulk.work import batches
from changeclothes_async.protocol import answers, images, retries
from tests import samples

Part = Callable[[random.Random], object]

RESULT = {"code": 200, "data": {"resultImgUrl": "https://r2.example/1.webp", "seed": 7}}
ENVELOPES = [
    json.dumps(RESULT).encode(),
    *[json.dumps({"code": code, "msg": "said"}).encode() for code in (*errors.CODES, 0, 10007)],
    b'{"code": 200.0, "data": {"resultImgUrl": "https://[::1]/1", "cacheHit": true}}',
    b'\xef\xbb\xbf{"code": "200", "data": [], "msg": null}',
    b'{"code": NaN, "data": Infinity, "x": 1e999}',
    b"<html><body>502</body></html>",
    b"",
]
WISHES = [b"7", b"-5", b"1e9", b"Wed, 21 Oct 2026 07:28:00 GMT", b"soon", b"\xb2", b"9" * 400]
URIS = [
    samples.DATA_URI.encode(),
    b"data:image/jpeg;base64," + base64.b64encode(samples.JPEG),
    b"DATA:image/png;a=b;base64,%41%42=",
    b"data:,x",
    b"https://user:pw@[::1]:99999/a?b#c",
    b"file:///etc/passwd",
]
TABLES = [
    b"model,garment,category,name\nhttps://a.example/1.jpg,https://a.example/2.jpg,dresses,one\n",
    b'\xef\xbb\xbfmodel,prompt,seed\n"https://a.example/1.jpg","a, ""red"" shirt",7\n',
    b"model;garment\n\n,,\n",
]
LINES = [
    b'{"model": "https://a.example/1.jpg", "garment": "https://b.example/", "category": "x"}\n',
    b'{"model": "~/1.jpg", "garment": "data:,x", "category": "dresses", "name": "one"}\n',
    b'{"model": "https://a.example/1.jpg", "prompt": "red", "seed": 7, "guidance_scale": 50}\n',
    b'["model"]\n{"name": null}\n' + b"[" * 99 + b"\n",
]
WORDS = ["con", "..", "/", "\\", "\0", "a\r\nb", "é", "é", "ẞ", "ﬀ", "İ", "👗", "\ud800", "x" * 99]
TOKENS = [
    b"\0",
    b"\xff",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"[",
    b"9" * 30,
    b"null",
    b"\r\n",
    b",",
]

PAID = Facts(200, json.dumps(RESULT).encode(), 200, money="spent")
CALLS = [bytes([number]) * 32 for number in range(12)]


def mutated(rng: random.Random, corpus: list[bytes]) -> bytes:
    """Spoil one of the corpus in a few places."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.randrange(6)):
        at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(6):
            case 0:
                data[at:at] = rng.choice(TOKENS)
            case 1:
                del data[at:to]
            case 2:
                data[at:at] = data[at:to]
            case 3:
                data[at:at] = rng.choice(corpus)[at:to]
            case 4:
                data[at : at + 1] = rng.randbytes(1)
            case 5:
                data[at:to] = rng.randbytes(min(to - at, 40))
    return bytes(data)


def decoder(rng: random.Random) -> object:
    """Decode: an answer is a result or an error of ours; a 2xx without a documented code costs."""
    status = rng.choice([200, 200, 201, 302, 400, 402, 413, 429, 500, 502, 503, 526, 999])
    headers = {"content-encoding": rng.choice(["", "gzip", "deflate", "br"])}
    raw = answers.received(status, headers, mutated(rng, ENVELOPES), "canary-1234")
    end = answers.decode(raw, whole=rng.random() < 0.9)
    pickle.dumps(end)
    if isinstance(end, answers.Made):
        assert end.result_img_url.lower().startswith(("http://", "https://"))
        return end
    assert isinstance(end, errors.ChangeClothesError)
    documented = end.code in errors.CODES
    assert documented or not 200 <= status < 300 or end.money == "spent"
    assert str(end).isprintable()
    return end


def retry_after(rng: random.Random) -> object:
    """Read a wish: it is none, or a pause from nothing to two minutes."""
    now = rng.choice([b"Wed, 21 Oct 2026 07:28:00 GMT", b"", mutated(rng, WISHES)])
    wish = {"retry-after": mutated(rng, WISHES).decode("latin-1"), "date": now.decode("latin-1")}
    end = answers.decode(answers.Raw(429, wish, b""))
    assert isinstance(end, errors.Refused)
    pause = retries.pause(retries.Policy(), end, rng.randrange(1, 2000), rng.random)
    assert 0 <= pause <= 120
    return end


def data_uris(rng: random.Random) -> object:
    """Take a text: it is a picture's value or refused."""
    with suppress(errors.NotAnImage):
        return images.of(mutated(rng, URIS).decode("utf-8", "surrogateescape"))
    return None


def tables(rng: random.Random) -> object:
    """Read a table: it is a batch, or refused in words that name it."""
    suffix, corpus = rng.choice([(".csv", TABLES), (".jsonl", LINES)])
    path = FOLDER / f"jobs{suffix}"
    path.write_bytes(mutated(rng, corpus))
    try:
        return batches.batch(path)
    except errors.InvalidInput as error:
        refusal = error
    assert "jobs" in str(refusal)
    return refusal


def cell_names(rng: random.Random) -> object:
    """Names are parts of a path, short enough, and differ where case does not count."""
    texts = ["".join(rng.choices(WORDS + list("aAbB.- _"), k=rng.randrange(5))) for _ in range(9)]
    given = names.distinct((text, text) for text in texts)
    assert len({name.casefold() for name in given}) == len(given)
    for name in given:
        assert name
        assert len(f"{names.cell(name, name)}.webp".encode()) < 256
        assert not set(name) & set('/\\\0:*?"<>|\r\n.')
        assert name.casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    return given


def ledger(rng: random.Random) -> object:
    """Open a ledger that was spoilt: it is refused, or lets no paid call be paid again."""
    folder = FOLDER / "ledger"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOLDER / "whole", folder)
    file, log = folder / "ledger.db", folder / "ledger.db-wal"
    was_cut = False
    match rng.randrange(4):
        case 0:
            _cut(rng, file)
        case 1:
            _zeroed(rng, file)
        case 2:
            _cut(rng, log)
            was_cut = True
        case 3:
            _garbled(rng, log)
    granted = asyncio.run(_granted(file))
    # A log that ends early is that of a run that died earlier, as far as anybody can tell: what
    # it ended before is unknown, and nothing else may be.
    assert granted == (CALLS[-len(granted) :] if granted and was_cut else []), granted
    return granted


def _cut(rng: random.Random, file: Path) -> None:
    os.truncate(file, rng.randrange(file.stat().st_size))


def _zeroed(rng: random.Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    page = 4096 * rng.randrange(len(data) // 4096)
    data[page : page + 4096] = bytes(4096)
    file.write_bytes(data)


def _garbled(rng: random.Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    file.write_bytes(data)


async def _granted(path: Path) -> list[bytes]:
    """Give the paid calls that a spoilt ledger would let be paid again."""
    try:
        book = await Ledger.open(path)
    except errors.LedgerError:
        return []
    granted = []
    try:
        for call in CALLS:
            with suppress(errors.LedgerError):
                if isinstance(await book.claim(call, endpoint="try-on"), Claim):
                    granted.append(call)
    finally:
        await book.close()
    return granted


async def _filled() -> None:
    """Make a ledger as a killed run leaves it: half of its calls in the file, half in the log."""
    first = FOLDER / "first" / "ledger.db"
    for calls in (CALLS[:6], CALLS[6:]):
        book = await Ledger.open(first)
        for call in calls:
            claim = await book.claim(call, endpoint="try-on", name=call.hex())
            assert isinstance(claim, Claim)
            await book.settle(claim, JobEvent.PAY, PAID)
        if calls[-1] == CALLS[-1]:
            shutil.copytree(first.parent, FOLDER / "whole")
        await book.close()


PARTS: dict[str, Part] = {
    "decoder": decoder,
    "Retry-After": retry_after,
    "data URIs": data_uris,
    "CSV and JSONL": tables,
    "cell names": cell_names,
    "ledger": ledger,
}


def tried(part: Part, rng: random.Random, seconds: float) -> int:
    """Try a part for its share of the time; give the number of inputs. Raises at a finding."""
    count, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        part(rng)
        count += 1
    return count


def main(seconds: float = 60, seed: int | None = None) -> int:
    """Try all parts; give the exit code."""
    seed = secrets.randbits(32) if seed is None else seed
    print(f"seed {seed}, {seconds:g} s in all")
    asyncio.run(_filled())
    found = 0
    for name, part in PARTS.items():
        rng = random.Random(f"{seed} {name}")
        try:
            print(f"{name:<14} {tried(part, rng, seconds / len(PARTS)):>10,} inputs, all held")
        except Exception as finding:
            found += 1
            print(f"{name:<14} FOUND {type(finding).__name__}: {finding}")
            print("".join(_trace(finding)))
    return min(found, 1)


def _trace(finding: Exception) -> list[str]:
    import traceback

    report = traceback.TracebackException.from_exception(finding, capture_locals=True)
    return list(report.format())[-2:]


if __name__ == "__main__":
    arguments: list[Any] = [float(sys.argv[1])] if len(sys.argv) > 1 else []
    arguments += [int(sys.argv[2])] if len(sys.argv) > 2 else []
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - private below it
    ) as place:
        FOLDER = Path(place)
        raise SystemExit(main(*arguments))
