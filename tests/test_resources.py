"""The cluster is divided among the trials; what can never fit is refused, since Ray would wait for ever."""

from typing import Any

import pytest

from experiments.placement.resources import Slots, fit_nodes, plan_slots
from experiments.settings import SearchSettings
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
