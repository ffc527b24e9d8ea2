"""The saved views of a search in MLflow: with which columns, filters, groups and charts its runs are shown.

MLflow keeps a view as a tag of the experiment, opens it by an address, and lists it in a menu above the runs. The shape
is the one that MLflow 3.17 writes itself (`Save as new view`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.tracking.identity import FOLD_RUN, FOLD_TAG, OF_TRIAL_TAG, OUT_OF_FOLD, TRIAL_TAG

VIEW_TAG = "mlflow.sharedViewState."
TRIALS = f"tags.`{TRIAL_TAG}` LIKE 't%'"
STOPPED = "tags.`trashseg.status` = 'stopped'"
ENDING = ("trashseg.status", "trashseg.rung", "trashseg.reason")
"""Tags of a trial's run that say how it ended."""
MOST_GROUPS, MOST_SCATTERS, MOST_PARALLEL = 6, 12, 6
Columns = list[str]


@dataclass(frozen=True)
class View:
    """One saved view: what the menu calls it, and what it sets."""

    key: str
    name: str
    state: dict[str, Any]

    @property
    def tag(self) -> str:
        """Name of the experiment's tag that holds it."""
        return VIEW_TAG + self.key

    def value(self, moment: float) -> str:
        """Value of that tag.

        Args:
            moment: time of saving, in seconds since 1970.
        """
        saved = {"name": self.name, "createdAt": int(moment * 1000), "updatedAt": int(moment * 1000)}
        return json.dumps({**saved, "state": json.dumps(self.state)})

    def address(self, experiment_id: str) -> str:
        """Path of the page that opens it, after the server's address."""
        return f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={self.key}"


@dataclass(frozen=True)
class TrialValues:
    """What the runs of a search's trials hold, trial after trial."""

    params: Sequence[Mapping[str, str]]
    metrics: Sequence[Mapping[str, float]] = field(default_factory=list)
    tags: Sequence[Mapping[str, str]] = field(default_factory=list)

    @property
    def varying(self) -> list[str]:
        """Hyperparameters that differ between trials; being absent is a value too."""
        names = dict.fromkeys(name for one in self.params for name in one)
        return [name for name in names if len({one.get(name) for one in self.params}) > 1]

    @property
    def grouping(self) -> list[str]:
        """Those whose values come back: every one of them makes groups of trials."""
        return [name for name in self.varying if len({one.get(name) for one in self.params}) < len(self.params)]

    @property
    def has_folds(self) -> bool:
        """Whether models of folds stand beside them."""
        return any(OUT_OF_FOLD in one for one in self.metrics)

    @property
    def endings(self) -> list[str]:
        """Tags that say how trials ended, as far as there are any."""
        return [name for name in ENDING if any(name in one for one in self.tags)]

    @property
    def weakest_classes(self) -> list[str]:
        """Metrics of the classes' IoU, the class first whose best one is the lowest."""
        names = dict.fromkeys(name for one in self.metrics for name in one if name.startswith("iou_"))
        return sorted(names, key=lambda name: max(one.get(name, 0.0) for one in self.metrics))


def views_of(search: str, parent: str, objective: str, trials: TrialValues) -> list[View]:
    """The views of a search; the first is the one to open.

    Args:
        search: its name, with which the views' names begin.
        parent: id of its run, which keys and filters are made of.
        objective: metric that was maximised.
    """
    score, children = f"best_{objective}", f"tags.`mlflow.parentRunId` = '{parent}'"
    endings, varying = trials.endings, trials.varying
    pooled = [_metric(OUT_OF_FOLD)] if trials.has_folds else []
    told = [_tag("trashseg.status"), _metric(score), *pooled, _metric("epoch"), *map(_param, varying)]
    only_trials, best_first = f"{children} AND {TRIALS}", _by(f"metrics.`{score}`")
    views = [
        View(parent, search, _table(children, _by("attributes.start_time", ascending=True), told)),
        View(
            f"{parent}.best",
            f"{search}: best first",
            _table(only_trials, best_first, told) | _charts(score, objective, trials),
        ),
    ]
    classes = [_metric(name) for name in trials.weakest_classes]
    for name in trials.grouping[:MOST_GROUPS]:
        grouped = _table(only_trials, best_first, [_metric(score), *classes]) | _grouped(name)
        views.append(View(f"{parent}.{name}", f"{search}: by {name}", grouped))
    ended = [_metric("epoch"), _metric(score), *map(_tag, endings[1:])]
    stopped = _table(f"{only_trials} AND {STOPPED}", _by("metrics.`epoch`", ascending=True), ended)
    views.append(View(f"{parent}.stopped", f"{search}: stopped", stopped))
    if trials.has_folds:
        columns = [_tag(OF_TRIAL_TAG), _tag(FOLD_TAG), _metric(score), _metric("epoch"), *classes]
        condition = f"{children} AND tags.`{TRIAL_TAG}` = '{FOLD_RUN}'"
        views.append(View(f"{parent}.folds", f"{search}: folds", _table(condition, best_first, columns)))
    return views


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _param(name: str) -> str:
    return f"params.`{name}`"


def _tag(name: str) -> str:
    return f"tags.`{name}`"


def _by(key: str, ascending: bool = False) -> dict[str, Any]:
    """An order; MLflow nests children under their parent in the order of `attributes.start_time` only."""
    return {"orderByKey": key, "orderByAsc": ascending}


def _table(condition: str, order: dict[str, Any], columns: Columns) -> dict[str, Any]:
    return {"searchFilter": condition, **order, "selectedColumns": columns, "columnOrder": columns}


def _grouped(name: str) -> dict[str, Any]:
    """Groups of trials with an equal hyperparameter, each with the best of its metrics."""
    return {"groupBy": {"aggregateFunction": "max", "groupByKeys": [{"mode": "param", "groupByData": name}]}}


def _charts(score: str, objective: str, trials: TrialValues) -> dict[str, Any]:
    """Charts of all trials: which values lead where, the learning curves, and what augmix does for each class.

    MLflow sorts sections by their names.
    """
    compared, classes = "compared", "classes"
    charts = [
        _chart("PARALLEL", compared, selectedParams=trials.varying[:MOST_PARALLEL], selectedMetrics=[score]),
        _chart("LINE", compared, metricKey=objective, selectedMetricKeys=[objective], lineSmoothness=0),
    ]
    charts += [_scatter(compared, name, score) for name in trials.varying]
    sections = [_section(compared, "All trials compared")]
    if "augmix_ratio" in trials.varying:
        charts += [_scatter(classes, "augmix_ratio", name) for name in trials.weakest_classes[:MOST_SCATTERS]]
        sections.append(_section(classes, "Classes over augmix_ratio"))
    return {"runsHiddenMode": "SHOW_ALL", "compareRunCharts": charts, "compareRunSections": sections}


def _scatter(section: str, param: str, metric: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": param, "type": "PARAM"}, "yaxis": {"key": metric, "type": "METRIC"}}
    return _chart("SCATTER", section, f"{param}-{metric}", runsCountToCompare=100, **axes)


def _chart(kind: str, section: str, name: str = "", **values: Any) -> dict[str, Any]:
    known = {"type": kind, "uuid": f"{section}-{kind}-{name}", "metricSectionId": section}
    return {**known, "isGenerated": False, "deleted": False, **values}


def _section(key: str, name: str) -> dict[str, Any]:
    return {"uuid": key, "name": name, "display": True, "isReordered": False, "deleted": False, "isGenerated": False}
