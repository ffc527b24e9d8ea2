"""The cluster is divided among the trials; what can never fit is refused, since Ray would wait for ever."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from experiments import search
from experiments.placement.resources import Slots, fewer_than_asked, fit_nodes, plan_slots
from experiments.preflight import check_gpus
from experiments.settings import SearchSettings
from search_spaces import load
from trashseg_core.errors import BadInput


def plan(cluster: dict[str, float], **options: Any) -> Slots:
    return plan_slots(SearchSettings(**{"data": "d", "space": "quick", "name": "n", "trials": 20, **options}), cluster)


@pytest.mark.parametrize(
    ("cluster", "options", "expected"),
    [
        ({"CPU": 4.0}, {}, Slots(4, 1.0, 0.0)),
        ({"CPU": 1.0}, {}, Slots(1, 1.0, 0.0)),
        ({"CPU": 16.0, "GPU": 1.0}, {}, Slots(1, 16.0, 1.0)),
        ({"CPU": 16.0, "GPU": 4.0}, {}, Slots(4, 4.0, 1.0)),
        ({"CPU": 16.0, "GPU": 1.0}, {"concurrent": 3}, Slots(3, 5.0, 1 / 3)),
        ({"CPU": 16.0, "GPU": 2.0}, {"concurrent": 3}, Slots(3, 4.0, 0.5)),
        ({"CPU": 16.0, "GPU": 2.0}, {"concurrent": 2}, Slots(2, 8.0, 1.0)),
        ({"CPU": 16.0, "GPU": 1.0}, {"gpus_per_trial": 0.25}, Slots(4, 4.0, 0.25)),
        ({"CPU": 2.0, "GPU": 4.0}, {}, Slots(2, 1.0, 1.0)),
        ({"CPU": 16.0, "GPU": 1.0}, {"gpus_per_trial": 0.0}, Slots(16, 1.0, 0.0)),
        ({"CPU": 8.0}, {"cpus_per_trial": 3.0}, Slots(2, 3.0, 0.0)),
        ({"CPU": 4.0}, {"trials": 2}, Slots(2, 1.0, 0.0)),
        ({"CPU": 4.0}, {"concurrent": 3}, Slots(3, 1.0, 0.0)),
        ({"CPU": 4.0}, {"concurrent": 9}, Slots(4, 1.0, 0.0)),
        ({"CPU": 2.0}, {"cpus_per_trial": 0.5}, Slots(4, 0.5, 0.0)),
        ({"CPU": 4.0}, {"workers_per_trial": 2}, Slots(2, 2.0, 0.0, 2)),
        ({"CPU": 8.0}, {"workers_per_trial": 2, "cpus_per_trial": 4}, Slots(2, 4.0, 0.0, 2)),
        ({"CPU": 16.0, "GPU": 4.0}, {"gpus_per_trial": 2}, Slots(2, 8.0, 2.0, 2)),
        ({"CPU": 16.0, "GPU": 4.0}, {"gpus_per_trial": 4}, Slots(1, 16.0, 4.0, 4)),
        ({"CPU": 16.0, "GPU": 4.0}, {"workers_per_trial": 4}, Slots(1, 16.0, 4.0, 4)),
    ],
)
def test_the_cluster_is_divided(cluster: dict[str, float], options: dict[str, Any], expected: Slots) -> None:
    assert plan(cluster, **options) == expected


def test_as_many_fractions_of_a_card_fit_as_their_sum_says() -> None:
    assert plan({"CPU": 16.0, "GPU": 1.0}, gpus_per_trial=0.1).concurrent == 10


def test_fractions_are_counted_per_card_since_a_trial_cannot_span_two() -> None:
    assert plan({"CPU": 16.0, "GPU": 2.0}, gpus_per_trial=0.4).concurrent == 4


@pytest.mark.parametrize(("gpus", "asked"), [(0.0, 1.0), (1.0, 2.0), (0.0, 0.25)])
def test_more_gpus_than_exist_are_refused(gpus: float, asked: float) -> None:
    with pytest.raises(BadInput, match=f"`--gpus-per-trial {asked:g}`, but Ray finds {gpus:g} GPUs. Ask for at most"):
        plan({"CPU": 4.0, "GPU": gpus}, gpus_per_trial=asked)


def test_more_workers_than_gpus_are_refused_by_the_flag_that_was_given() -> None:
    with pytest.raises(BadInput, match="`--workers-per-trial 4`, but Ray finds 2 GPUs. Ask for at most"):
        plan({"CPU": 4.0, "GPU": 2.0}, workers_per_trial=4)


@pytest.mark.parametrize("gpus", [0, 1, 2, 3])
def test_more_workers_than_gpus_are_refused_before_any_work_unless_they_compute_on_cpus(
    gpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    for workers in (1, 2, 3):
        settings = SearchSettings("d", "quick", "n", workers_per_trial=workers)
        refused = pytest.raises(BadInput, match=f"`--workers-per-trial {workers}`, but there are {gpus} GPUs here")
        with refused if 0 < gpus < workers else nullcontext():
            check_gpus(settings)


@pytest.mark.parametrize(
    ("cluster", "options", "sentence"),
    [
        ({"CPU": 4.0}, {"concurrent": 4}, None),
        ({"CPU": 4.0}, {}, None),
        ({"CPU": 4.0}, {"concurrent": 9, "trials": 4}, None),
        (
            {"CPU": 4.0},
            {"concurrent": 9},
            "`--concurrent 9`: 4 fit side by side, each takes 1 CPU. Lower `--concurrent` or `--cpus-per-trial`.",
        ),
        (
            {"CPU": 16.0, "GPU": 4.0},
            {"concurrent": 3, "gpus_per_trial": 2},
            "`--concurrent 3`: 2 fit side by side, each takes 8 CPU and 2 GPU. Lower `--concurrent` or "
            "`--cpus-per-trial` or `--gpus-per-trial` or `--workers-per-trial`.",
        ),
    ],
)
def test_fewer_slots_than_asked_for_are_said(cluster: Any, options: dict[str, Any], sentence: str | None) -> None:
    settings = SearchSettings(**{"data": "d", "space": "quick", "name": "n", "trials": 20, **options})
    assert fewer_than_asked(settings, plan_slots(settings, cluster)) == sentence


def test_the_search_says_that_fewer_trials_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(search, "start_ray", lambda *_: Slots(4, 1.0, 0.0))
    monkeypatch.setattr(search, "tell_deaths", lambda: None)
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "1")
    monkeypatch.setattr("ray.tune.Tuner", lambda *_, **__: None)
    settings = SearchSettings("d", "quick", "n", out=str(tmp_path), concurrent=9)
    search.build_tuner(settings, load("quick"), lambda _: None, say=said.append)
    assert [sentence.split(":")[0] for sentence in said] == ["`--concurrent 9`"]


def test_more_cpus_than_exist_are_refused() -> None:
    with pytest.raises(BadInput, match="`--cpus-per-trial 8`, but Ray finds 4 CPUs. Ask for at most that many"):
        plan({"CPU": 4.0}, cpus_per_trial=8.0)


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1.0, 1), (3.0, 3), (3.5, 3)])
def test_a_trial_has_a_thread_for_each_whole_cpu_and_at_least_one(cpus: float, threads: int) -> None:
    assert Slots(1, cpus, 0.0).num_threads == threads


def test_more_than_one_card_comes_in_whole_ones() -> None:
    with pytest.raises(BadInput, match="`--gpus-per-trial 1.5`: above one GPU only whole ones"):
        plan({"CPU": 16.0, "GPU": 4.0}, gpus_per_trial=1.5)
    assert plan({"CPU": 16.0, "GPU": 4.0}, gpus_per_trial=2).concurrent == 2


@pytest.mark.parametrize(("gpus", "workers"), [(4, 1), (2, 4), (1, 2)])
def test_a_worker_computes_on_one_gpu(gpus: float, workers: int) -> None:
    with pytest.raises(BadInput, match=f"`--gpus-per-trial {gpus}` with `--workers-per-trial {workers}`: .* one GPU"):
        plan({"CPU": 16.0, "GPU": 4.0}, gpus_per_trial=gpus, workers_per_trial=workers)


def test_the_workers_of_a_trial_divide_its_resources() -> None:
    slots = plan({"CPU": 16.0, "GPU": 4.0}, gpus_per_trial=2)
    assert (slots.bundle, slots.num_threads) == ({"CPU": 4.0, "GPU": 1.0}, 4)


@pytest.mark.parametrize(
    ("nodes", "slots", "expected"),
    [
        ([{"CPU": 3.0}, {"CPU": 3.0}], Slots(3, 2.0, 0.0), 2),
        ([{"CPU": 4.0}], Slots(2, 2.0, 0.0), 2),
        ([{"CPU": 1.0}] * 5, Slots(2, 2.0, 0.0, 2), 2),
        ([{"CPU": 0.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0}], Slots(2, 8.0, 1.0), 1),
    ],
    ids=["remainders", "one node", "workers on several nodes", "GPUs on one node"],
)
def test_a_worker_fits_onto_one_node(nodes: list[dict[str, float]], slots: Slots, expected: int) -> None:
    assert fit_nodes(slots, nodes).concurrent == expected


def test_a_trial_that_fits_onto_no_node_is_refused() -> None:
    with pytest.raises(BadInput, match="needs 2 x 4 CPU and 1 GPU, each on one node, but the nodes have 1 such places"):
        fit_nodes(Slots(1, 8.0, 2.0, 2), [{"CPU": 4.0, "GPU": 1.0}, {"CPU": 2.0, "GPU": 1.0}, {"CPU": 8.0}])
