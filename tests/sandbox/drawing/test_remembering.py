"""What was made out of a file is kept for the file's next coming, within bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from changeclothes_async.sandbox.drawing.remembering import remembered


def test_a_file_that_comes_again_is_not_worked_again() -> None:
    """Equal bytes and arguments give the value that was made first; others give their own."""
    made: list[tuple[bytes, int]] = []

    @remembered(most=3)
    def make(file: bytes, size: int) -> tuple[bytes, int]:
        made.append((file, size))
        return file, size

    asked = [(b"a", 1), (b"a", 2), (b"b", 1), (bytes([97]), 1)]
    assert [make(*arguments) for arguments in asked] == asked
    assert made == asked[:3]


def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    """No more than `most` values are kept: the newest, and those asked for again."""
    made: list[bytes] = []
    make = remembered(most=2)(made.append)
    for file in (b"a", b"b", b"a", b"c", b"a", b"b"):
        make(file)
    assert made == [b"a", b"b", b"c", b"b"]


def test_threads_share_one_making() -> None:
    """A thread that wants what another makes waits for it, and makes nothing itself."""
    meeting = threading.Barrier(2)

    @remembered(most=1)
    def make(_file: bytes) -> str:
        try:
            meeting.wait(0.2)
        except threading.BrokenBarrierError:
            return "alone"
        return "together"

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(make, [b"a", b"a"])) == ["alone", "alone"]
