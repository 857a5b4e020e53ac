"""Places for pictures: an S3-speaking server on loopback, and stores that break off."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import registry
from upath.implementations.memory import MemoryPath

KEY, SECRET = "AKIDCANARY0123456789", "canary/secret+canary/secret+canary/secret"


@contextmanager
def s3() -> Iterator[int]:
    """Run a server in a thread; give its port."""
    server = pytest.importorskip("moto.server", reason="needs moto[server]")
    pytest.importorskip("s3fs")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        yield running.get_host_and_port()[1]
    finally:
        running.stop()


def point(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Say in the environment where S3 is, and with which credentials; nothing is tried twice."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    forget()


def forget() -> None:
    """Let the next connection to S3 read the environment again."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def found(address: str) -> dict[str, bytes]:
    """Read all that is at a place."""
    files, root = fsspec.url_to_fs(address)
    files.invalidate_cache()
    return {path.removeprefix(f"{root}/"): files.cat(path) for path in files.find(root)}


class Torn(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Takes half of a file, and says so in `torn`, nothing in `short`."""

    protocol = ("torn", "short")
    store: dict[str, Any] = {}  # noqa: RUF012 - as in its parent

    def put_file(self, lpath: str, rpath: str) -> None:
        """Write the first half."""
        with open(lpath, "rb") as file:  # noqa: PTH123
            data = file.read()
        self.pipe_file(rpath, data[: len(data) // 2])
        if self.says:
            raise ConnectionResetError("the connection was reset")

    says = True


class Short(Torn):
    """Takes half of a file, and says nothing."""

    protocol = "short"
    says = False


fsspec.register_implementation("torn", Torn)
fsspec.register_implementation("short", Short)
for name in ("torn", "short"):
    registry.register_implementation(name, MemoryPath)
