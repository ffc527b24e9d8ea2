"""The recipes for clusters are valid as far as a tool here can tell: schemas, dry runs, and flags that exist."""

import functools
import os
import re
import shlex
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tyro
import yaml

import run_search
from experiments.journal import Journal
from experiments.verbs.search_verbs import resume, search

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "experiments" / "recipes" / "cluster"
LAUNCHER = [RECIPES / "aws.yaml", RECIPES / "local.yaml"]
FILES = sorted(path for path in RECIPES.iterdir() if path.is_file())


def named(path: Path) -> str:
    """File name, as test id."""
    return path.name


def parsed(words: list[str]) -> functools.partial[Any]:
    """The call that the command line makes of some words; it is not made."""
    deferred = {
        name: functools.wraps(verb)(functools.partial(functools.partial, verb))
        for name, verb in run_search.VERBS.items()
    }
    return tyro.extras.subcommand_cli_from_dict(deferred, args=words)


def commands_in(text: str) -> list[list[str]]:
    """The words behind each `run_search.py` of a text, comments and shell quotes taken away."""
    text = re.sub(r"\\\n#?\s*", "", text)
    found = re.findall(r"run_search\.py ([^;'\n]*(?:\n    --[^;'\n]*)*)", text)
    return [shlex.split(one.replace("${", "$").strip().rstrip(")")) for one in found]


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".yaml"], ids=named)
def test_the_commands_of_a_recipe_are_ones_that_the_command_line_takes(path: Path) -> None:
    commands = commands_in(path.read_text(encoding="utf-8"))
    assert commands
    for words in commands:
        call = parsed(words)
        assert call.func in (search, resume)
        assert "--ray-address" in words


def test_a_flag_that_does_not_exist_would_be_seen() -> None:
    with pytest.raises(SystemExit):
        parsed(["resume", "runs/first", "--ray-adress", "auto"])


@pytest.mark.parametrize("path", LAUNCHER, ids=named)
def test_ray_up_takes_the_file(path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(yaml.safe_load(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", LAUNCHER, ids=named)
def test_ray_up_starts_ray_with_a_token_and_flags_that_exist(path: Path) -> None:
    from ray.scripts.scripts import start

    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    flags = {flag for option in start.params for flag in option.opts}
    starts = [line for key in ("head", "worker") for line in recipe[f"{key}_start_ray_commands"] if "ray start" in line]
    assert len(starts) == 2
    for line in starts:
        assert "RAY_AUTH_MODE=token" in line
        assert {word.split("=")[0] for word in line.split("ray start")[1].split() if word.startswith("--")} <= flags
    assert "--dashboard-host=127.0.0.1" in starts[0] and "RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9" in starts[0]
    assert recipe["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in recipe["setup_commands"]


def test_the_rayjob_has_what_kuberay_asks_for() -> None:
    job = yaml.safe_load((RECIPES / "rayjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    allowed = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec"}
    assert set(job["spec"]) == allowed
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["authOptions"] == {"mode": "token"}
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            environment = {one["name"]: one["value"] for one in container["env"]}
            assert environment == {"TRASHSEG_CACHE": "/scratch", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9"}
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_rayjob_is_for_the_ray_that_is_pinned() -> None:
    job = yaml.safe_load((RECIPES / "rayjob.yaml").read_text(encoding="utf-8"))
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(rf"^ray(\[\w+\])?=={re.escape(job['spec']['rayClusterSpec']['rayVersion'])}$", pins, re.MULTILINE)


def test_the_entrypoint_of_the_rayjob_is_one_command_for_a_shell() -> None:
    job = yaml.safe_load((RECIPES / "rayjob.yaml").read_text(encoding="utf-8"))
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:2] == ["bash", "-c"] and len(words) == 3
    assert subprocess.run(["bash", "-n", "-c", words[2]]).returncode == 0


STUBS = {
    "scontrol": "echo node1; echo node2",
    "getent": 'echo "192.0.2.7 STREAM node1"',
    "ray": 'test "$1" = get-auth-token && echo secret > "$HOME/.ray/auth_token"',
    "srun": r"""printf '%s\n' "$RAY_AUTH_MODE" "$@" > "$HOME/srun.log" """,
}


def put_stubs(folder: Path, stubs: dict[str, str]) -> None:
    """Write programs that stand for others."""
    folder.mkdir(parents=True)
    for name, body in stubs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)


def leave_run(folder: Path, state: str) -> None:
    """Leave what a search leaves that was stopped before its first epoch, or after it; or nothing."""
    if state == "nothing":
        return
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()
    with closing(Journal(folder / "journal.jsonl")) as journal:
        journal.add_trial({}, {}, {})
        if state == "an epoch":
            journal.add_epoch("t0000", 1, {"val_miou": 0.5})


STATES = pytest.mark.parametrize(
    ("state", "verb"), [("nothing", "search"), ("no epoch", "search"), ("an epoch", "resume")]
)


def dry_run(folder: Path, state: str) -> list[str]:
    """What the Slurm script would have `srun` do, in a project folder with stubs for Slurm and Ray."""
    put_stubs(folder / "bin", STUBS)
    leave_run(folder / "runs" / "first", state)
    slurm = {"SLURM_SUBMIT_DIR": str(folder), "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "n[1-2]"}
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "USER": "me", **slurm}
    script = ["bash", str(RECIPES / "slurm.sh"), "/shared/data", "first"]
    done = subprocess.run(script, env={**environment, "SLURM_JOB_ID": "7"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (folder / "srun.log").read_text().splitlines()


@STATES
def test_the_slurm_script_starts_ray_on_all_nodes_and_the_search_on_the_first(
    state: str, verb: str, tmp_path: Path
) -> None:
    from ray.scripts.scripts import start
    from ray.scripts.symmetric_run import curate_and_validate_ray_start_args

    mode, *words = dry_run(tmp_path, state)
    assert mode == "token"
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
    begin, separator = words.index("symmetric-run") + 1, words.index("--")
    assert words[begin - 2 : begin] == ["ray", "symmetric-run"]
    started = curate_and_validate_ray_start_args(words[begin:separator])
    assert start.make_context("start", ["--address=192.0.2.7:1", *started]).params["include_dashboard"] is None
    assert words[separator + 1 : separator + 3] == ["python", "run_search.py"]
    call = parsed(words[separator + 3 :])
    assert call.func is run_search.VERBS[verb]
    assert words[words.index("--address") + 1] == words[-1] == "192.0.2.7:20007"


@STATES
def test_the_entrypoint_of_the_rayjob_resumes_where_an_epoch_was_recorded(
    state: str, verb: str, tmp_path: Path
) -> None:
    job = yaml.safe_load((RECIPES / "rayjob.yaml").read_text(encoding="utf-8"))
    put_stubs(tmp_path / "app", {"python": 'echo "$2"'})
    leave_run(tmp_path / "shared" / "runs" / "first", state)
    command = job["spec"]["entrypoint"].replace("/app", f"{tmp_path}/app").replace("/shared", f"{tmp_path}/shared")
    environment = {"PATH": f"{tmp_path}/app:{os.environ['PATH']}"}
    assert subprocess.check_output(shlex.split(command), env=environment, text=True) == f"{verb}\n"


@STATES
def test_the_full_recipe_resumes_where_an_epoch_was_recorded(state: str, verb: str, tmp_path: Path) -> None:
    recipes = tmp_path / "experiments" / "recipes"
    put_stubs(tmp_path / ".venv" / "bin", {"python": 'echo "$2"'})
    put_stubs(recipes, {"setup.sh": "install_project() { :; }"})
    shutil.copy(RECIPES.parent / "full.sh", recipes)
    leave_run(tmp_path / "runs" / "full", state)
    assert subprocess.check_output(["bash", recipes / "full.sh", "DATA"], text=True) == f"check\n{verb}\n"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.sh")), ids=named)
def test_a_script_is_valid_bash(path: Path) -> None:
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0
