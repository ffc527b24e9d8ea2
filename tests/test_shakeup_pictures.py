"""What a search found is on its run in MLflow too: the shake-up that is foretold, and what mattered."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from experiments.analysis.importances import Importance
from experiments.forecast import FILE, write_forecast
from experiments.manifest import read_manifest
from experiments.pictures.importances_picture import draw_importances
from experiments.pictures.shakeup_pictures import draw_causes, draw_flips, draw_intervals
from experiments.settings import SearchSettings
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, TRIAL_TAG
from experiments.tracking.mirror import bring_run_folder
from experiments.tracking.search_findings import cause_table, model_table, shakeup_metrics
from tests.made_run import made_search
from trashseg_core.stability.forecast import foretell

DRAWN = {"causes": draw_causes, "flips": draw_flips, "intervals": draw_intervals}


def document(num_models: int, text: str = "Battery") -> dict[str, Any]:
    """A forecast for models that differ by luck."""
    rng = np.random.default_rng(0)
    matrices = {f"t{number:04d}": rng.integers(1, 50, (20, 3, 3)) for number in range(num_models)}
    return foretell(matrices, ["Background", "Paper", text], 40).to_json()


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("num_models", [1, 2, 14])
def test_a_forecast_of_any_number_of_models_can_be_drawn(name: str, num_models: int, tmp_path: Path) -> None:
    made = document(num_models, text="$x_{$ <b>a name that is much longer than an axis has room for")
    picture = cv2.imread(str(DRAWN[name](made, tmp_path / "picture.png")))
    assert picture.shape[0] > 100 and np.ptp(picture) > 200


def test_the_same_forecast_gives_the_same_file(tmp_path: Path) -> None:
    made = document(3)
    one, other = (draw_causes(made, tmp_path / name).read_bytes() for name in ("one.png", "other.png"))
    assert one == other


def test_importances_can_be_drawn_where_none_is_beyond_chance(tmp_path: Path) -> None:
    found = [Importance(f"field_{number}", 0.05, 0.2) for number in range(20)]
    assert cv2.imread(str(draw_importances(found, 30, tmp_path / "picture.png"))).shape[1] > 500


def test_the_key_numbers_are_those_of_the_forecast() -> None:
    made = document(3)
    values = shakeup_metrics(made)
    assert [values[f"shakeup_spearman{end}"] for end in ("", "_low", "_high")] == made["spearman"]
    assert values["shakeup_spearman_dealt"] == made["spearman_stratified"]


def test_one_model_alone_has_no_rank_correlation() -> None:
    assert shakeup_metrics(document(1)) == {}


def test_the_class_that_shakes_most_comes_first() -> None:
    _, rows = cause_table(document(4))
    shares = [share for _, share, _ in rows]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)


def test_each_model_has_a_row_with_its_interval() -> None:
    header, rows = model_table(document(4))
    for row in rows:
        one = dict(zip(header, row, strict=True))
        assert one["low"] <= one["val_miou"] <= one["high"]


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[SearchSettings, Any]:
    """A search with a forecast, brought to its store twice; and the run of the search."""
    out = tmp_path_factory.mktemp("runs")
    shutil.copy(empty_store, out)
    folder = made_search(out / "found")
    write_forecast(folder, None)
    settings = replace(read_manifest(folder).settings, top_k=1, keep=1)  # the trials' own pictures take time
    bring_run_folder(settings)
    bring_run_folder(settings)
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    (run,) = client.search_runs([experiment], f"tags.`{TRIAL_TAG}` = ''")
    return settings, run


@pytest.mark.slow
def test_the_search_s_run_holds_the_pictures_and_tables(brought: tuple[SearchSettings, Any]) -> None:
    settings, run = brought
    client = connect(settings.tracking)
    kept = {one.path for folder in ("shakeup", "pictures") for one in client.list_artifacts(run.info.run_id, folder)}
    names = (FILE, "causes.json", "causes.png", "flips.png", "intervals.png", "models.json")
    assert kept == {f"shakeup/{name}" for name in names} | {"pictures/importances.png"}
    tables = {one["path"] for one in json.loads(run.data.tags["mlflow.loggedArtifacts"])}
    assert {"shakeup/causes.json", "shakeup/models.json"} <= tables


@pytest.mark.slow
def test_the_search_s_run_has_the_expected_rank_correlation_once(brought: tuple[SearchSettings, Any]) -> None:
    settings, run = brought
    history = connect(settings.tracking).get_metric_history(run.info.run_id, "shakeup_spearman")
    said = json.loads((settings.folder / FILE).read_text())["spearman"][0]
    assert [one.value for one in history] == [pytest.approx(said)]
