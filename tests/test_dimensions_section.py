"""The hyperparameters' section: importances, lines through all of them, mixes of losses."""

from pathlib import Path
from typing import Any

import pytest

from experiments.drawing.loss_triangle import loss_triangle
from experiments.drawing.parallel import ABSENT, parallel_coordinates
from experiments.results import TrialResult
from experiments.run_folder import RunFolder, read_run_folder
from experiments.sections.dimensions_section import dimensions_section
from tests.made_run import made_search, run_of

TITLE = "Hyperparameters"


def result(trial_id: str, value: float = 0.5, **config: Any) -> TrialResult:
    return TrialResult(trial_id, "finished", value, value, 1, 1, config, None, 1.0, None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A search of twenty trials, half of them with a free mix of losses."""
    return read_run_folder(made_search(tmp_path_factory.mktemp("made") / "trash"), "val_miou")


def test_a_larger_search_has_importances_lines_a_triangle_and_a_slice_for_each_that_varies(run: RunFolder) -> None:
    html = dimensions_section(run)[TITLE].html
    for name in ("importances", "parallel", "losses", *(f"slice-{number}" for number in range(6))):
        assert f'id="{name}"' in html
    assert 'id="slice-6"' not in html
    assert "PED-ANOVA on the standing of 19 finished and stopped trials" in html


def test_a_small_search_says_from_when_on_importances_are_told(tmp_path: Path) -> None:
    found = read_run_folder(made_search(tmp_path / "trash", num_trials=5), "val_miou")
    assert "4 trials can be compared; from 16 on it is told what mattered." in dimensions_section(found)[TITLE].html


def test_trials_that_do_not_differ_have_nothing_to_show() -> None:
    assert "do not differ" in dimensions_section(run_of([result("t0000", lr=1), result("t0001", lr=1)]))[TITLE].html


def test_lines_of_trials_without_a_hyperparameter_pass_below_its_axis() -> None:
    rows = [result("t0000", 0.9, lr=1.0, gamma=2.0), result("t0001", 0.1, lr=2.0)]
    drawn = parallel_coordinates(rows, ["lr", "gamma"], {"t0000": 1.0, "t0001": 0.0}, "val_miou")
    lines = {one.name: list(one.y) for one in drawn.data if one.mode == "lines+markers"}
    assert lines["third quarter"] == [1.0, ABSENT, None]
    assert lines["best (t0000)"] == [0.0, 0.5, None]


def test_the_best_line_is_drawn_last_and_a_failed_trial_not_at_all() -> None:
    rows = [result(f"t000{number}", number / 10, lr=number) for number in range(8)]
    standing = {f"t000{number}": number / 7 for number in range(1, 8)}
    drawn = parallel_coordinates(rows, ["lr"], standing, "val_miou")
    names = [one.name for one in drawn.data if one.mode == "lines+markers"]
    assert names[-1] == "best (t0007)" and len(names) == 5
    assert not any("t0000" in text for one in drawn.data for text in one.text)


def test_a_free_mix_lies_where_its_normalised_weights_are() -> None:
    free = result("t0000", loss_mix="weights", loss_ce=0.2, loss_focal=0.2, loss_lovasz=0.1, loss_dice=0.3)
    drawn = loss_triangle([free], {"t0000": 0.5})
    assert drawn is not None
    assert [drawn.data[0][axis][0] for axis in "abc"] == pytest.approx([0.25, 0.25, 0.5])


def test_a_preset_stands_once_with_the_median_of_its_trials() -> None:
    rows = [result(f"t000{number}", loss_mix="dice_ce") for number in range(3)]
    rows.append(result("t0003", loss_mix="weights", loss_ce=1.0))
    drawn = loss_triangle(rows, {"t0000": 0.1, "t0001": 0.4, "t0002": 0.9, "t0003": 0.5})
    assert drawn is not None
    presets = drawn.data[1]
    assert list(presets.marker.color) == [0.4] and presets.text[0].startswith("dice_ce, 3 trials: ")


def test_without_a_free_mix_there_is_no_triangle() -> None:
    assert loss_triangle([result("t0000", loss_mix="ce")], {"t0000": 0.5}) is None
