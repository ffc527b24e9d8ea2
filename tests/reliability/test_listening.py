"""What listens does so on this machine only, to its own names, behind a token that others cannot read."""

import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray

from experiments.placement import local_ray, peers, ray_folder
from tests.reliability.cases import Cases
from tests.reliability.conftest import Lonely
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("listening")


def is_loopback(address: str) -> bool:
    """Whether an address, also an IPv4 one written as IPv6, is this machine's own."""
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


@pytest.mark.slow
def test_everything_that_listens_does_so_on_the_loopback_device(lonely: Lonely, cases: Cases) -> None:
    listening = lonely.found["listening"]
    cases.add(len(listening))
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert [one for one in listening if not is_loopback(one[1])] == []


@pytest.mark.slow
def test_sockets_in_the_file_system_lie_where_others_cannot_go(lonely: Lonely, cases: Cases) -> None:
    files = lonely.found["files"]
    cases.add(len(files))
    assert any("plasma" in name for name in files)
    assert [name for name, closed in files.items() if not closed] == []


def test_a_folder_for_sessions_is_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / f"ray-{os.geteuid()}").mkdir(mode=0o755)
    assert Path(ray_folder.private_folder()).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_for_sessions_that_somebody_laid_out_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    trap = tmp_path / f"ray-{os.geteuid()}"
    trap.mkdir()
    os.chown(trap, 12345, 12345)
    found = Path(ray_folder.private_folder()).parent
    assert found != trap and found.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_the_ui_answers_to_names_of_this_machine_only(lonely: Lonely, cases: Cases) -> None:
    hosts = lonely.found["hosts"]
    cases.add(len(hosts))
    assert {host: code for host, code in hosts.items() if host in ("localhost:{}", "127.0.0.1:{}")} == {
        "localhost:{}": 200,
        "127.0.0.1:{}": 200,
    }
    assert {code for host, code in hosts.items() if "evil" in host} == {403}


def test_a_token_is_private_from_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "home" / "auth_token"
    monkeypatch.setenv(local_ray.TOKEN_PATH, str(path))
    seen: list[int] = []
    link = os.link
    monkeypatch.setattr(os, "link", lambda one, other: (seen.append(os.stat(one).st_mode & 0o777), link(one, other)))
    local_ray.keep_token_private(make=True)
    assert (seen, path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == ([0o600], 0o600, 0o700)
    assert len(path.read_text()) == 64 and list(path.parent.iterdir()) == [path]


def test_a_token_that_others_could_read_is_closed_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "auth_token"
    path.write_text("a" * 64)
    path.chmod(0o644)
    monkeypatch.setenv(local_ray.TOKEN_PATH, str(path))
    local_ray.keep_token_private(make=True)
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, "a" * 64)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_token_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "auth_token"
    path.write_text("a" * 64)
    os.chown(path, 12345, 12345)
    monkeypatch.setenv(local_ray.TOKEN_PATH, str(path))
    with pytest.raises(BadInput, match="the token of Ray belongs to another user"):
        local_ray.keep_token_private(make=True)


def test_without_a_home_folder_the_token_travels_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(local_ray.TOKEN_PATH, str(tmp_path / "file" / "auth_token"))
    monkeypatch.setenv(local_ray.TOKEN, "")
    local_ray.keep_token_private(make=True)
    assert len(os.environ[local_ray.TOKEN]) == 64


def test_a_cluster_without_tokens_is_joined_without_making_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(local_ray.TOKEN_PATH, str(tmp_path / "auth_token"))
    local_ray.keep_token_private(make=False)
    assert list(tmp_path.iterdir()) == []


PEER = """
import sys, time
from experiments.placement.peers import _group
with _group(sys.argv[1], int(sys.argv[2]), 2):
    print("met", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_processes_that_train_one_trial_here_meet_on_the_loopback_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    words = [sys.executable, "-c", PEER, peers._meeting_point(str(tmp_path))]
    root = str(Path(__file__).parents[2])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": {**os.environ, "PYTHONPATH": root}}
    group = [subprocess.Popen([*words, str(rank)], **pipes) for rank in range(2)]  # type: ignore[call-overload]
    try:
        assert [one.stdout.readline() for one in group] == [b"met\n", b"met\n"]
        found = [one for process in group for one in psutil.Process(process.pid).net_connections("inet")]
        listening = [one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN]
        assert listening and all(map(is_loopback, listening))
    finally:
        for process in group:
            process.kill()
            process.wait()


def test_processes_on_several_machines_meet_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: socket.gethostbyname("localhost").replace("127", "10"))
    assert peers._meeting_point(str(tmp_path)).startswith("tcp://10.0.0.1:")
