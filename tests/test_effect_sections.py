"""The sections of encoder and augmix answer in words what the trials say, and how sure that is."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.analysis.effects import RatioEffect
from experiments.run_folder import RunFolder, read_run_folder
from experiments.sections.augmix_section import augmix_answer, augmix_section
from experiments.sections.encoder_section import encoder_section
from tests.made_run import made_search, make_run

ENCODER, AUGMIX = "Which encoder is best?", "Does augmix help?"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A search in which mit_b0 and augmix are good."""
    return read_run_folder(made_search(tmp_path_factory.mktemp("made") / "trash", num_trials=24), "val_miou")


def test_the_better_encoder_is_named_with_its_trials_and_the_luck_in_it(run: RunFolder) -> None:
    html = encoder_section(run)[ENCODER].html
    assert "mit_b0 stands highest: on average its 11 trials beat" in html  # the twelfth failed
    assert "The difference is beyond luck" in html
    assert f"The best single trial, {run.best and run.best.trial_id}, has" in html


def test_encoders_that_do_not_differ_are_not_told_apart(tmp_path: Path) -> None:
    folder = made_search(tmp_path / "trash", encoders=("one", "another"))
    assert "The difference may be luck" in encoder_section(read_run_folder(folder, "val_miou"))[ENCODER].html


def test_a_single_encoder_leaves_the_question_open(tmp_path: Path) -> None:
    found = read_run_folder(make_run(tmp_path / "trash", [("finished", [0.5]), ("finished", [0.4])]), "val_miou")
    assert "All trials have tu-resnet18." in encoder_section(found)[ENCODER].html


def test_augmix_is_told_for_the_class_it_helps_and_not_for_one_that_nobody_found(run: RunFolder) -> None:
    html = augmix_section(run)[AUGMIX].html
    assert "More augmix goes with a better standing in val_miou (+" in html and "Paper · 8 (+" in html
    assert "Nothing can be told of Background · 8 and Battery · 8: too few trials found it, or all did alike." in html


def test_a_class_that_a_few_trials_found_is_not_judged(run: RunFolder) -> None:
    records = copy.deepcopy(run.records)
    for key, value in (("t0000", 0.2), ("t0004", 0.3), ("t0008", 0.4)):
        records[key].epochs[9]["iou_battery"] = value
    html = augmix_section(replace(run, records=records))[AUGMIX].html
    assert "Nothing can be told of Background · 8 and Battery · 8" in html


def test_what_would_settle_the_question_of_augmix_is_a_command_away(run: RunFolder) -> None:
    html, best = augmix_section(run)[AUGMIX].html, run.best
    assert best is not None and f"--trial {best.trial_id} --set augmix_ratio=0 " in html
    assert "Correlation, not cause" in html


def test_the_points_of_augmix_are_the_iou_at_the_best_epoch(run: RunFolder) -> None:
    html = augmix_section(run)[AUGMIX].html
    best = run.best
    assert best is not None and best.best_epoch is not None
    reached = run.records[best.trial_id].epochs[best.best_epoch]["iou_paper"]
    assert f"{reached!r}" in html


def test_a_ratio_that_is_the_same_in_all_trials_leaves_the_question_open(tmp_path: Path) -> None:
    found = read_run_folder(make_run(tmp_path / "trash", [("finished", [0.5])]), "val_miou")
    assert "augmix_ratio is 0 in all trials." in augmix_section(found)[AUGMIX].html


def test_few_trials_leave_the_question_open(tmp_path: Path) -> None:
    found = read_run_folder(made_search(tmp_path / "trash", num_trials=5), "val_miou")
    assert "4 trials can be compared; from 8 on that differ it is told." in augmix_section(found)[AUGMIX].html


def test_the_answer_separates_help_harm_and_luck() -> None:
    effects = {
        "Paper": RatioEffect(9, 0.5, (0.1, 0.8)),
        "Metal": RatioEffect(9, -0.5, (-0.8, -0.1)),
        "Glass": RatioEffect(9, 0.1, (-0.3, 0.4)),
    }
    assert augmix_answer(effects, ["Battery"]) == (
        "More augmix goes with a better standing in Paper (+0.50, +0.10 to +0.80). It goes with a worse one in Metal "
        "(-0.50, -0.80 to -0.10). No clear effect on Glass. Nothing can be told of Battery: "
        "too few trials found it, or all did alike."
    )
