"""The audit of dependencies: what it finds, and that silence is never taken for an answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, TypeAlias

import pytest

pytest.importorskip("pip_audit", reason="pip-audit is in the dependency group `check`")
from tests import audit

Answer: TypeAlias = Callable[[str], tuple[int, str]]
Serve: TypeAlias = Callable[[Answer], dict[str, tuple[str, ...]]]


def vulnerable(*names: str) -> Answer:
    """Answer as OSV does: packages of these names have an advisory, the others have none."""

    def answer(name: str) -> tuple[int, str]:
        package = {"name": name, "ecosystem": "PyPI"}
        events = [{"introduced": "0"}, {"fixed": "99.1"}]
        affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
        told = {"id": f"PYSEC-{name}", "summary": "Bad.", "affected": affected}
        return 200, json.dumps({"vulns": [told]} if name in names else {})

    return answer


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Run a service for vulnerabilities on loopback, and give it as pip-audit's options."""
    servers: list[HTTPServer] = []

    def serving(answer: Answer) -> dict[str, tuple[str, ...]]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = answer(asked["package"]["name"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever).start()
        return {"OSV": ("-s", "osv", "--osv-url", f"http://127.0.0.1:{servers[-1].server_port}")}

    yield serving
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nothing_known_passes(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that knows the control and names no package of ours: audited, and well."""
    assert audit.main(serve(vulnerable("django"))) == 0
    said = capsys.readouterr().out
    assert "audited with OSV" in said
    assert " 0 known vulnerabilities" in said
    assert "not audited: no service" not in said


def test_a_known_vulnerability_fails(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """A package of ours is named: the check fails, and says which and where it is mended."""
    assert audit.main(serve(vulnerable("django", "aiohttp"))) == 1
    said = capsys.readouterr().out
    assert "1 known vulnerabilities" in said
    assert "PYSEC-aiohttp, fixed in 99.1" in said


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(vulnerable(), "does not know that django", id="knows nothing"),
        pytest.param(lambda _: (503, "later"), "503", id="unwell"),
        pytest.param(lambda _: (200, "<html>"), "JSONDecodeError", id="a page in between"),
    ],
)
def test_a_service_that_cannot_tell_is_said(
    serve: Serve, capsys: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    """No answer, or one that knows nothing, passes as "not audited" and never as audited."""
    assert audit.main(serve(answer)) == 0
    said = capsys.readouterr().out
    assert said.startswith("not audited: no service")
    assert reason in said


def test_no_service_at_all_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listening: not audited, with the reason."""
    nobody = ("-s", "osv", "--osv-url", "http://127.0.0.1:9")
    assert audit.main({"OSV": nobody}) == 0
    assert "not audited: no service" in capsys.readouterr().out


def test_the_next_service_is_asked(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the first one cannot be asked, the second one decides."""
    nobody = ("-s", "osv", "--osv-url", "http://127.0.0.1:9")
    assert audit.main({"first": nobody, **serve(vulnerable("django", "aiohttp"))}) == 1
    assert "audited with OSV" in capsys.readouterr().out


def test_a_pip_audit_that_does_not_work_fails() -> None:
    """What is no trouble of a service is a defect here, and no reason to pass."""
    with pytest.raises(SystemExit) as end:
        audit.main({"none": ("-s", "no-such-service")})
    assert end.value.code == 2


def test_what_no_service_knows_is_named() -> None:
    """A package that the service does not know is not counted as audited."""
    known = {"name": "django", "version": "2.2", "vulns": [{"id": "A", "fix_versions": []}]}
    unknown = {"name": "ours-alone", "skip_reason": "not found"}
    said = audit.understood(json.dumps({"dependencies": [known, unknown]}), "")
    assert said == audit.Audit(findings=[], unknown=["ours-alone"])


def test_all_that_is_needed_is_asked_for() -> None:
    """Dependencies of dependencies and of extras too, each as it is installed."""
    pins, _ = audit.installed()
    names = {pin.partition("==")[0] for pin in pins}
    assert {"aiohttp", "multidict", "pydantic-core", "click"} <= names
    assert audit.OURS not in names
