"""A cluster of three nodes on this machine: one is killed, its trials go on elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import trashseg_core
from experiments.journal import Journal, TrialRecord
from experiments.placement.cluster import check_nodes, digests, find_fault, living_nodes
from experiments.placement.local_ray import keep_token_private
from experiments.search import run, start_ray
from experiments.settings import SearchSettings
from tests.tiny import write_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput

EPOCHS, TRIALS, NODES = 5, 6, 3


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)


def trainable_in(folder: Path, data: DataFolder) -> Callable[[dict[str, Any]], None]:
    """A trainable that opens the cache, and keeps its last epoch in a file as the project's keeps checkpoints."""

    def trainable(params: dict[str, Any]) -> None:
        import os
        import sys
        from importlib.machinery import PathFinder

        from ray import tune

        import trashseg_core.data.cache

        trashseg_core.data.cache.open_split(data, "train", 64)
        shipped = PathFinder.find_spec("trashseg_core", [path for path in sys.path if "runtime_resources" in path])
        place = f"{os.environ['TRASHSEG_CACHE']} {shipped.origin if shipped else None}"
        state = folder / "trials" / params["trial_key"]
        state.parent.mkdir(exist_ok=True)
        last = int(state.read_text()) if state.exists() else 0
        if last:
            tune.report({"epoch": last, "val_miou": last / EPOCHS})
        for epoch in range(last + 1, EPOCHS + 1):
            time.sleep(0.5)
            with open(folder / "steps.log", "a") as stream:
                stream.write(f"{params['trial_key']} {epoch} {place}\n")
            state.write_text(str(epoch))
            tune.report({"epoch": epoch, "val_miou": epoch / EPOCHS})

    return trainable


@dataclass
class NodeKiller:
    """Listens to the search, and kills a node once the trial on it has reported two epochs."""

    cluster: Any
    nodes: dict[str, Any]
    steps: Path
    killed: str = ""
    last_epochs: dict[str, int] = field(default_factory=dict)

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Kill the node of the first trial whose second epoch is not on the head."""
        cache = next(line[2] for line in read_steps(self.steps) if line[:2] == [record.key, str(epoch)])
        if epoch == 2 and not self.killed and cache in self.nodes:
            self.killed = cache
            self.cluster.remove_node(self.nodes[cache], allow_graceful=False)

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing."""


def read_steps(path: Path) -> list[list[str]]:
    """Trial, epoch, cache folder and the path of the shipped package, of each trained epoch."""
    return [line.split() for line in path.read_text().splitlines()]


@dataclass
class World:
    """The cluster, and where things lie."""

    cluster: Any
    settings: SearchSettings
    caches: list[Path]
    worker_nodes: dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A head and two further nodes of one CPU, each with a cache folder of its own; they ask for the token."""
    import ray
    from ray._private.authentication_test_utils import reset_auth_token_state
    from ray.cluster_utils import Cluster

    base = tmp_path_factory.mktemp("cluster")
    write_folder(base / "data", {"train": [(30, 40)] * 4, "val": [(30, 40)] * 2})
    caches = [base / f"cache_{number}" for number in range(NODES)]
    variables = [{"TRASHSEG_CACHE": str(cache)} for cache in caches]
    head = {"num_cpus": 1, "env_vars": variables[0], "include_dashboard": False}
    keep_token_private(make=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "token")
    reset_auth_token_state()  # Ray has read it once already; a Ray of its own before would have told this process
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = {one["TRASHSEG_CACHE"]: cluster.add_node(num_cpus=1, env_vars=one) for one in variables[1:]}
    settings = SearchSettings(
        data=str(base / "data"),
        space="quick",
        name="three_nodes",
        out=str(base / "runs"),
        trials=TRIALS,
        epochs=EPOCHS,
        grace_period=EPOCHS,
        scheduler="asha",
        ray_address=cluster.address,
        storage=f"local://{base / 'tune'}",
    )
    settings.folder.mkdir(parents=True)
    yield World(cluster, settings, caches, nodes)
    ray.shutdown()
    cluster.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def survived(world: World) -> tuple[Journal, NodeKiller]:
    """The journal of a search that lost a node."""
    folder = world.settings.folder
    journal = Journal(folder / "journal.jsonl")
    killer = NodeKiller(world.cluster, world.worker_nodes, folder / "steps.log")
    run(world.settings, space, trainable_in(folder, world.settings.data_folder), journal, (killer,))
    journal.close()
    return journal, killer


@pytest.mark.slow
def test_the_trials_of_a_killed_node_go_on_elsewhere_and_the_result_is_complete(
    survived: tuple[Journal, NodeKiller],
) -> None:
    journal, killer = survived
    steps = read_steps(killer.steps)
    assert {key: (one.status, sorted(one.epochs)) for key, one in journal.trials.items()} == {
        f"t{number:04d}": ("finished", list(range(1, EPOCHS + 1))) for number in range(TRIALS)
    }
    moved = {key for key, _, cache, _ in steps if cache == killer.killed} & {
        key for key, _, cache, _ in steps if cache != killer.killed
    }
    assert len(moved) == 1, "the trial on the killed node has epochs there and elsewhere"


@pytest.mark.slow
def test_every_trial_ends_once_and_no_epoch_before_the_last_checkpoint_is_repeated(
    survived: tuple[Journal, NodeKiller],
) -> None:
    journal, killer = survived
    assert journal.path.read_text().count('"event": "end"') == TRIALS
    times = Counter((key, epoch) for key, epoch, *_ in read_steps(killer.steps))
    assert len(times) == TRIALS * EPOCHS
    assert sum(times.values()) - len(times) <= 1, "but for the one that was under way when the node died"


@pytest.mark.slow
def test_tune_keeps_its_bookkeeping_behind_the_uri(survived: tuple[Journal, NodeKiller], world: World) -> None:
    assert list((world.settings.folder.parents[1] / "tune").glob("three_nodes-*/tuner.pkl"))
    assert not (world.settings.folder / "ray").exists()


@pytest.mark.slow
def test_each_node_builds_its_own_cache_once(survived: tuple[Journal, NodeKiller], world: World) -> None:
    """A node whose process does not start in time, on a loaded machine, trains nothing and builds nothing."""
    trained = {cache for _, _, cache, _ in read_steps(survived[1].steps)}
    assert len(trained) >= 2, "the killed node, and where its trial went on"
    built = {str(cache): len(list(cache.glob("*/images.npy"))) for cache in world.caches}
    assert built == {str(cache): int(str(cache) in trained) for cache in world.caches}


@pytest.mark.slow
def test_the_workers_have_the_code_that_the_driver_shipped(survived: tuple[Journal, NodeKiller]) -> None:
    origins = {Path(origin) for *_, origin in read_steps(survived[1].steps)}
    assert {origin.name for origin in origins} == {"__init__.py"}, "the package was found in what Ray unpacked"
    own = {path.name for path in Path(trashseg_core.__file__).parent.glob("*.py")}
    assert {path.name for path in origins.pop().parent.glob("*.py")} == own


@pytest.mark.slow
def test_a_node_that_does_not_share_the_run_folder_is_named_before_the_start(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ray(world.settings)
    monkeypatch.chdir(tmp_path)
    elsewhere = replace(world.settings, out="/proc/self/cwd", name="not_shared")  # another folder for each process
    elsewhere.folder.mkdir()
    with pytest.raises(BadInput, match=r"Node [\d.]+ \(\w{8}\): .*not_shared is not there. Let `--out` be a folder"):
        check_nodes(elsewhere)
    assert not list(elsewhere.folder.iterdir())
    check_nodes(world.settings)


@pytest.mark.slow
def test_a_node_that_dies_while_it_is_asked_is_left_out(world: World) -> None:
    start_ray(world.settings)
    dead = world.cluster.add_node(num_cpus=1)
    world.cluster.remove_node(dead, allow_graceful=False)
    assert dead.node_id in {node["NodeID"] for node in living_nodes()}, "the cluster has not noticed it yet"
    check_nodes(world.settings)
    assert dead.node_id not in {node["NodeID"] for node in living_nodes()}


def marked(folder: Path) -> tuple[Path, DataFolder]:
    """A marker as the driver leaves it, and a data folder."""
    (folder / ".shared").write_text("token")
    return folder / ".shared", DataFolder(str(write_folder(folder / "data", {"train": [(30, 40)], "val": [(30, 40)]})))


def test_a_node_that_shares_everything_has_no_fault_and_leaves_its_mark(tmp_path: Path) -> None:
    marker, data = marked(tmp_path)
    assert find_fault(marker, "10.0.0.2 (abcd)", "token", data, digests(data)) is None
    assert (tmp_path / ".shared.abcd").is_file()


def test_a_folder_of_the_same_name_that_is_not_the_drivers_is_a_fault(tmp_path: Path) -> None:
    marker, data = marked(tmp_path)
    assert "is another folder there" in str(find_fault(marker, "10.0.0.2 (abcd)", "other", data, []))


def test_other_data_and_missing_data_are_faults(tmp_path: Path) -> None:
    marker, data = marked(tmp_path)
    assert "holds other data there" in str(find_fault(marker, "n (abcd)", "token", data, ["0", "0"]))
    (tmp_path / "data" / "val.json").unlink()
    assert "the data cannot be read" in str(find_fault(marker, "n (abcd)", "token", data, ["0", "0"]))


def test_a_copy_of_the_data_counts_as_the_same(tmp_path: Path) -> None:
    copies = [marked(folder)[1] for name in ("one", "two") if (folder := tmp_path / name).mkdir() is None]
    assert digests(copies[0]) == digests(copies[1])
    (tmp_path / "two" / "data" / "train" / "0.png").write_bytes(b"shorter")
    assert digests(copies[0]) != digests(copies[1])
