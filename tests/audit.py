"""Known holes in what is installed: what `pip-audit` finds, and whether it has to be mended now.

    python -m tests.audit

Every finding is printed. The exit code is 1 only for one of a direct dependency that is high or critical and has been
fixed upstream. Without an advisory service nothing can be said, which is printed and passes.
"""

import configparser
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETUP = Path(__file__).parents[1] / "setup.cfg"
PYPI, OSV = "https://pypi.org/pypi/pip/25.0/json", "https://api.osv.dev/v1/vulns/"
"""A release as pip-audit looks it up, with its holes; and where a finding's severity stands, which it does not tell."""
TIMEOUT_S, AUDIT_TIMEOUT_S = 5, 300
SEVERE = ("HIGH", "CRITICAL")


@dataclass(frozen=True)
class Finding:
    """A known hole in an installed package."""

    package: str
    version: str
    identity: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]
    is_direct: bool

    def must_be_mended(self, severity: str) -> bool:
        """Whether this is for us to do, and can be done."""
        return self.is_direct and bool(self.fixed_in) and severity in SEVERE

    def line(self, severity: str) -> str:
        """The finding in a line."""
        kind = "direct dependency" if self.is_direct else "dependency of a dependency"
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version} ({kind}): {self.identity}, {severity.lower()} severity, {fixed}"


def direct_dependencies(setup: Path) -> set[str]:
    """Names of what the project itself asks for, extras included, as PyPI normalises them."""
    config = configparser.ConfigParser()
    config.read(setup, encoding="utf-8")
    lines = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return {normal(found[0]) for found in re.findall(r"^([\w.-]+)(\[[\w,]+\])?", "\n".join(lines), re.MULTILINE)}


def normal(name: str) -> str:
    """A package's name, as PyPI normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def findings_in(said: dict[str, Any], direct: set[str]) -> tuple[list[Finding], list[str]]:
    """The findings in the JSON of pip-audit, and the packages that it could not look up."""
    found, skipped = [], []
    for package in said["dependencies"]:
        name = normal(package["name"])
        if "skip_reason" in package:
            skipped.append(name)
        for hole in package.get("vulns", []):
            others, fixes = tuple(hole.get("aliases", ())), tuple(hole.get("fix_versions", ()))
            found.append(Finding(name, package["version"], hole["id"], others, fixes, name in direct))
    return found, skipped


def severity_of(finding: Finding, fetch: Callable[[str], Any]) -> str:
    """LOW, MODERATE, HIGH or CRITICAL, as GitHub's advisory of the hole says; UNKNOWN where none can be read."""
    for identity in (finding.identity, *finding.aliases):
        if identity.startswith("GHSA-"):
            try:
                return str(fetch(OSV + identity)["database_specific"]["severity"]).upper()
            except (OSError, ValueError, KeyError, TypeError):
                continue
    return "UNKNOWN"


def verdict(said: dict[str, Any], direct: set[str], fetch: Callable[[str], Any]) -> int:
    """Print what was found; return the exit code."""
    found, skipped = findings_in(said, direct)
    code = 0
    for finding in found:
        severity = severity_of(finding, fetch)
        code |= finding.must_be_mended(severity)
        print(f"audit: {'MEND IT: ' if finding.must_be_mended(severity) else ''}{finding.line(severity)}")
    left_out = f"; not looked up: {', '.join(skipped)}" if skipped else ""
    print(f"audit: {len(found)} known holes in {len(said['dependencies']) - len(skipped)} packages{left_out}")
    return code


def fetch_json(address: str) -> Any:
    """Read a JSON document from the network."""
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


def main() -> int:
    """Audit what is installed beside this Python."""
    try:
        fetch_json(PYPI)
    except (OSError, ValueError) as error:
        print(f"audit: no advisory service can be reached ({error}), so nothing was looked up")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AUDIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"audit: no answer within {AUDIT_TIMEOUT_S} s, so nothing was looked up")
        return 0
    try:
        said = json.loads(done.stdout)
    except ValueError:  # it lost its connection, or is not installed
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
        print(f"audit: pip-audit gave no answer ({reason}), so nothing was looked up")
        return 0
    return verdict(said, direct_dependencies(SETUP), fetch_json)


if __name__ == "__main__":
    sys.exit(main())
