"""The rungs' section says who was stopped where, and what each rung let pass."""

from pathlib import Path

import pytest

from experiments.run_folder import RunFolder, read_run_folder
from experiments.sections.rungs_section import read_rungs, rungs_section
from tests.made_run import RUNGS, made_search, make_run

TITLE = "Who was stopped where"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Twenty trials: five ran through, five were stopped at epoch 2, nine at 4, one failed there."""
    return read_run_folder(made_search(tmp_path_factory.mktemp("made") / "trash"), "val_miou")


def test_a_rung_holds_whoever_reached_it_and_knows_who_went_on(run: RunFolder) -> None:
    rungs = read_rungs(run)
    assert [rung.epoch for rung in rungs] == list(RUNGS)
    assert [(len(rung.values), len(rung.went_on)) for rung in rungs] == [(20, 15), (15, 5)]


def test_the_cut_is_the_lowest_value_that_went_on(run: RunFolder) -> None:
    for rung in read_rungs(run):
        reached = {
            key: max(one["val_miou"] for epoch, one in run.records[key].epochs.items() if epoch <= rung.epoch)
            for key in rung.values
        }
        assert rung.cut == pytest.approx(min(reached[key] for key in rung.went_on))
        ended = [value for key, value in reached.items() if max(run.records[key].epochs) == rung.epoch]
        assert rung.highest_ended == pytest.approx(max(ended))


def test_the_ends_of_the_stopped_trials_are_counted_in_words(run: RunFolder) -> None:
    html = rungs_section(run)[TITLE].html
    assert "Of 20 trials, 14 were stopped early: 5 at epoch 2 and 9 at epoch 4." in html


def test_where_the_settings_are_unknown_the_bars_are_drawn_without_rungs(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "trash", [("finished", [0.5, 0.6]), ("stopped", [0.1])])
    found = read_run_folder(folder, "val_miou")
    assert read_rungs(found) == []
    assert "Of 2 trials, 1 was stopped early: 1 at epoch 1." in rungs_section(found)[TITLE].html
    assert 'id="rungs"' in rungs_section(found)[TITLE].html


def test_a_search_that_stopped_nobody_says_so(tmp_path: Path) -> None:
    found = read_run_folder(make_run(tmp_path / "trash", [("finished", [0.5])]), "val_miou")
    assert rungs_section(found)[TITLE].html == '<p class="faint">No trial was stopped early.</p>'
