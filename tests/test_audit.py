"""The audit of dependencies fails for what we can and must mend, and for nothing else."""

import urllib.error
from typing import Any

import pytest

from tests.audit import SETUP, direct_dependencies, findings_in, main, verdict

RECORDED: dict[str, Any] = {
    "dependencies": [
        {
            "name": "Pillow",
            "version": "9.0.0",
            "vulns": [
                {
                    "id": "PYSEC-2023-175",
                    "fix_versions": ["10.0.1"],
                    "aliases": ["CVE-2023-4863", "GHSA-j7hp-h8jx-5ppr"],
                    "description": "libwebp: OOB write in BuildHuffmanTable",
                }
            ],
        },
        {
            "name": "numpy",
            "version": "1.21.0",
            "vulns": [{"id": "PYSEC-2021-856", "fix_versions": [], "aliases": ["GHSA-fpfv-jqm9-f5jm"]}],
        },
        {
            "name": "urllib3",
            "version": "1.26.0",
            "vulns": [{"id": "GHSA-v845-jxx5-vc9f", "fix_versions": ["1.26.17"], "aliases": []}],
        },
        {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.14.1+cpu)"},
        {"name": "rich", "version": "15.0.0", "vulns": []},
    ],
    "fixes": [],
}
"""What pip-audit writes, shortened."""
DIRECT = {"pillow", "numpy", "torch", "rich"}


def fetch_as(severity: str) -> Any:
    """Stands in for OSV, which calls every hole as severe."""
    return lambda address: {"id": address.rpartition("/")[2], "database_specific": {"severity": severity}}


def unreachable(address: str) -> Any:
    """Stands in for a network that is down."""
    raise urllib.error.URLError("no network")


@pytest.mark.parametrize(("severity", "code"), [("LOW", 0), ("MODERATE", 0), ("HIGH", 1), ("CRITICAL", 1)])
def test_only_a_severe_hole_fails(severity: str, code: int) -> None:
    assert verdict(RECORDED, DIRECT, fetch_as(severity)) == code


def test_a_hole_in_what_a_dependency_needs_is_reported_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"dependencies": RECORDED["dependencies"][2:]}
    assert verdict(said, DIRECT, fetch_as("CRITICAL")) == 0
    assert "urllib3 1.26.0 (dependency of a dependency): GHSA-v845-jxx5-vc9f, critical" in capsys.readouterr().out


def test_a_hole_without_a_fix_is_reported_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"dependencies": RECORDED["dependencies"][1:2]}
    assert verdict(said, DIRECT, fetch_as("CRITICAL")) == 0
    assert "numpy 1.21.0 (direct dependency): PYSEC-2021-856, critical severity, no fix yet" in capsys.readouterr().out


def test_a_hole_of_unknown_severity_is_called_so_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(RECORDED, DIRECT, unreachable) == 0
    assert "PYSEC-2023-175, unknown severity, fixed in 10.0.1" in capsys.readouterr().out


def test_packages_that_could_not_be_looked_up_are_named() -> None:
    assert findings_in(RECORDED, DIRECT)[1] == ["torch"]


def test_direct_dependencies_are_those_of_the_project_with_its_extras() -> None:
    found = direct_dependencies(SETUP)
    assert {"ray", "segmentation-models-pytorch", "pytest", "onnx"} <= found and "urllib3" not in found


def test_without_a_network_the_audit_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.audit.fetch_json", unreachable)
    assert main() == 0
    assert "no advisory service can be reached (<urlopen error no network>)" in capsys.readouterr().out
