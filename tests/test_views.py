"""The saved views show the trials of one search with the columns, groups and charts that answer questions."""

import json
from typing import Any

import pytest

from experiments.tracking.saved_views import TrialValues, View, views_of

PARENT = "6ed3a167"
PARAMS = [
    {"encoder_name": "mit_b2", "augmix_ratio": "0.0", "lr": "0.1", "seed": "0"},
    {"encoder_name": "mit_b2", "augmix_ratio": "0.2", "lr": "0.2", "seed": "0"},
    {"encoder_name": "resnet", "augmix_ratio": "0.2", "lr": "0.3", "seed": "0"},
]
METRICS = [{"best_val_miou": 0.5, "iou_paper": 0.6, "iou_battery": 0.1}, {"iou_paper": 0.2, "iou_battery": 0.3}, {}]
TAGS = [{"trashseg.status": "finished"}, {"trashseg.status": "stopped", "trashseg.rung": "3"}, {}]
TRIALS = TrialValues(PARAMS, METRICS, TAGS)


def views(trials: TrialValues = TRIALS) -> dict[str, View]:
    return {view.name: view for view in views_of("first", PARENT, "val_miou", trials)}


def state(name: str) -> dict[str, Any]:
    return views()[name].state


def charts(kind: str, trials: TrialValues = TRIALS) -> list[dict[str, Any]]:
    return [one for one in views(trials)["first: best first"].state["compareRunCharts"] if one["type"] == kind]


def test_the_first_view_nests_the_trials_under_their_search() -> None:
    opened = next(iter(views().values()))
    assert opened.name == "first"
    assert opened.state["orderByKey"] == "attributes.start_time"  # MLflow nests in this order only
    assert opened.state["searchFilter"] == f"tags.`mlflow.parentRunId` = '{PARENT}'"


def test_columns_are_status_score_epochs_and_what_varies() -> None:
    expected = ["tags.`trashseg.status`", "metrics.`best_val_miou`", "metrics.`epoch`"]
    expected += ["params.`encoder_name`", "params.`augmix_ratio`", "params.`lr`"]
    assert state("first")["selectedColumns"] == expected


def test_hyperparameters_whose_values_come_back_make_groups() -> None:
    grouped = {name: view.state["groupBy"]["groupByKeys"] for name, view in views().items() if "groupBy" in view.state}
    assert grouped == {
        "first: by encoder_name": [{"mode": "param", "groupByData": "encoder_name"}],
        "first: by augmix_ratio": [{"mode": "param", "groupByData": "augmix_ratio"}],
    }


def test_groups_show_the_weakest_class_first() -> None:
    columns = state("first: by augmix_ratio")["selectedColumns"]
    assert columns == ["metrics.`best_val_miou`", "metrics.`iou_battery`", "metrics.`iou_paper`"]


def test_the_best_trial_comes_first_where_the_order_is_the_score() -> None:
    best = state("first: best first")
    assert (best["orderByKey"], best["orderByAsc"]) == ("metrics.`best_val_miou`", False)


def test_stopped_trials_are_shown_with_the_rung_that_the_store_knows() -> None:
    stopped = state("first: stopped")
    assert "tags.`trashseg.status` = 'stopped'" in stopped["searchFilter"]
    assert stopped["selectedColumns"] == ["metrics.`epoch`", "metrics.`best_val_miou`", "tags.`trashseg.rung`"]


def test_every_class_is_drawn_over_the_augmix_ratio_where_that_varies() -> None:
    drawn = [one["yaxis"]["key"] for one in charts("SCATTER") if one["metricSectionId"] == "classes"]
    assert drawn == ["iou_battery", "iou_paper"]
    pinned = TrialValues([{**one, "augmix_ratio": "0.2"} for one in PARAMS], METRICS, TAGS)
    assert [one["xaxis"]["key"] for one in charts("SCATTER", pinned)] == ["encoder_name", "lr"]


def test_no_two_charts_are_mistaken_for_one_another() -> None:
    keys = [one["uuid"] for one in state("first: best first")["compareRunCharts"]]
    assert len(keys) == len(set(keys)) > 5


@pytest.mark.parametrize("trials", [TrialValues([]), TrialValues(PARAMS[:1])])
def test_a_search_that_has_hardly_begun_has_views_too(trials: TrialValues) -> None:
    assert list(views(trials)) == ["first", "first: best first", "first: stopped"]


def test_a_view_is_written_as_mlflow_reads_it() -> None:
    view = next(iter(views().values()))
    saved = json.loads(view.value(12.5))
    assert view.tag == f"mlflow.sharedViewState.{PARENT}"
    assert (saved["name"], saved["createdAt"], saved["updatedAt"]) == ("first", 12500, 12500)
    assert json.loads(saved["state"]) == view.state


def test_no_view_outgrows_a_tag_of_an_experiment() -> None:
    many = [{f"field_{one}": str(trial % 7) for one in range(25)} | {"augmix_ratio": str(trial)} for trial in range(60)]
    metrics = [{f"iou_class_number_{one:03d}": 0.5 for one in range(60)}] * 60
    sizes = [len(view.value(1.7e9)) for view in views(TrialValues(many, metrics)).values()]
    assert max(sizes) < 20_000  # MLflow's limit
