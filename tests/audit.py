"""Looks for known vulnerabilities of all that the package and its extras need, as installed here.

    python -m tests.audit

Ends with 1 where one is known, with 2 where pip-audit did not work, and with 0 otherwise; where no
service could be asked, "not audited" stands in the last line.

Rules of this file:

* pip-audit's exit code decides nothing: it is 1 for a finding and for a missing network alike, and
  0 where the service has never heard of the packages. Its JSON decides.
* Each service is also asked for a release that is known to be vulnerable. One that does not name
  that release, such as a mirror of the index, would name no other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "changeclothes-async"
KNOWN = "django==2.2"
SERVICES = {"PyPI": ("-s", "pypi"), "OSV": ("-s", "osv")}
_COMMAND = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
# What it ends with where a service is not there, or not well.
_UNHEARD = re.compile(
    r"^(?:requests\.exceptions\.|pip_audit\._service\.interface\."
    r"|ERROR:pip_audit\._cli:(?=Could not))(.*?)(?: with url.*)?$",
    re.MULTILINE,
)


class NotAudited(Exception):
    """A service could not be asked, or does not know."""


@dataclass(frozen=True)
class Audit:
    """What a service said: findings, and the packages that it does not know."""

    findings: list[str]
    unknown: list[str]


def main(services: Mapping[str, Sequence[str]] = SERVICES) -> int:
    """Audit with the first service that knows; print what it says, and give the exit code."""
    pins, missing = installed()
    reasons = []
    for name, options in services.items():
        try:
            audit = asked(pins, options)
        except NotAudited as reason:
            reasons.append(f"{name}: {reason}")
        else:
            return _told(name, audit, pins, missing)
    print(f"not audited: no service for vulnerabilities could be asked ({'; '.join(reasons)})")
    return 0


def installed() -> tuple[list[str], list[str]]:
    """Pin all that the package needs with all its extras; and name what is not installed."""
    extras = metadata.metadata(OURS).get_all("Provides-Extra") or []
    wanted = [Requirement(f"{OURS}[{','.join(extras)}]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    versions: dict[str, str] = {}
    missing: set[str] = set()
    while wanted:
        each = wanted.pop()
        name = canonicalize_name(each.name)
        if (name, frozenset(each.extras)) in seen:
            continue
        seen.add((name, frozenset(each.extras)))
        try:
            here = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing.add(name)
            continue
        versions[name] = here.version
        wanted += _applying(map(Requirement, here.requires or ()), each.extras)
    del versions[OURS]
    return [f"{name}=={version}" for name, version in sorted(versions.items())], sorted(missing)


def _applying(requirements: Iterable[Requirement], extras: set[str]) -> list[Requirement]:
    return [
        each
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in ("", *extras))
    ]


def asked(pins: Sequence[str], options: Sequence[str]) -> Audit:
    """Run pip-audit over pinned packages. Raises NotAudited."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join([*pins, KNOWN]))
        only = ["--no-deps", "--disable-pip", "--cache-dir", folder, "--requirement", str(listed)]
        done = subprocess.run(
            [*_COMMAND, *only, *options], capture_output=True, text=True, check=False
        )
    return understood(done.stdout, done.stderr)


def understood(said: str, complained: str) -> Audit:
    """Judge what pip-audit wrote. Raises NotAudited; exits with 2 where it did not work."""
    try:
        packages: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except ValueError:
        if reasons := _UNHEARD.findall(complained):
            raise NotAudited(reasons[0]) from None
        print(f"pip-audit did not work; fix that first:\n{complained}")
        raise SystemExit(2) from None
    control, _, _ = KNOWN.partition("==")
    known = {package["name"]: package.get("vulns") for package in packages}
    if not known.pop(control, None):
        raise NotAudited(f"it does not know that {KNOWN} is vulnerable")
    return Audit(
        [
            f"{package['name']} {package['version']}: {each['id']}, fixed in "
            f"{', '.join(each['fix_versions']) or 'no release'}"
            for package in packages
            if package["name"] in known
            for each in package.get("vulns", ())
        ],
        [name for name, vulns in known.items() if vulns is None],
    )


def _told(service: str, audit: Audit, pins: Sequence[str], missing: Sequence[str]) -> int:
    print(
        f"audited with {service}: {len(pins) - len(audit.unknown)} packages, "
        f"{len(audit.findings)} known vulnerabilities"
    )
    for finding in audit.findings:
        print(f"  {finding}")
    if left := [*missing, *audit.unknown]:
        print(f"  not audited, since not installed or not known there: {', '.join(left)}")
    return int(bool(audit.findings))


if __name__ == "__main__":
    raise SystemExit(main())
