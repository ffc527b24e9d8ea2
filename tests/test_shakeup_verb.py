"""`stability` answers for a run folder and for CSVs of any origin, and says what it needs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import run_search
from experiments.drawing.page import page, tag
from experiments.forecast import FILE, contenders, read_models, write_forecast
from experiments.run_folder import read_run_folder
from experiments.sections.shakeup_section import shakeup_section
from tests.test_cli import Capture, own_signal_handlers, refused
from tests.test_report import Outline, make_run
from tests.tiny import annotation, coco
from trashseg_core.checkpoint import Confusions, write_confusions
from trashseg_core.confusion import count_confusion
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import HELD_OUT
from trashseg_core.submission import labels_to_text, submission_grid, text_to_labels, write_submission
from trashseg_core.submission_scores import read_truth, score_submission

__all__ = ["own_signal_handlers"]
FILES = ["a.png", "b.png", "c.png"]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A COCO file of three photos that are not there."""
    images = [{"id": number, "file_name": name, "height": 300, "width": 40} for number, name in enumerate(FILES)]
    squares = [annotation(number, 1 + number % 2) for number in range(3)]
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(coco(images=images, annotations=squares)))
    return path


@pytest.fixture
def answers(tmp_path: Path, truth: Path) -> list[Path]:
    """Two CSVs: the truth itself, and one that takes every object for metal."""
    maps = list(read_truth(truth).label_maps)
    paths = [tmp_path / "right.csv", tmp_path / "metal.csv"]
    for path, labels in zip(paths, (maps, [2 * (one > 0).astype(np.uint8) for one in maps]), strict=True):
        write_submission(path, FILES, labels, 3)
    return paths


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", [("finished", [0.6]), ("finished", [0.5]), ("failed", [0.2])])


def test_labels_are_read_as_they_were_written() -> None:
    labels = np.random.default_rng(0).integers(0, 120, 500).astype(np.uint8)
    assert np.array_equal(text_to_labels(labels_to_text(labels, 120).encode(), 120), labels)


def test_a_csv_scores_what_its_label_maps_score_on_the_painted_truth(truth: Path, answers: list[Path]) -> None:
    read = read_truth(truth)
    assert read.class_names == ["Background", "paper", "metal"] and read.label_maps.shape == (3, 256, 256)
    square = np.zeros((300, 40), np.uint8)
    square[2:10, 2:10] = 1
    assert np.array_equal(read.label_maps[0], submission_grid(square))
    scored = score_submission(answers[1], read)
    expected = [count_confusion(one, 2 * (one > 0).astype(np.uint8), 3) for one in read.label_maps]
    assert np.array_equal(scored, expected)


def test_csvs_of_any_origin_are_compared(answers: list[Path], truth: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ["stability", "--csv", *map(str, answers), "--truth", str(truth), "--out", str(tmp_path / "s.json")]
    assert run_search.main(words) == 0
    told = capsys.readouterr().out
    assert "Hand in right (safe) and metal (bold)" in told and "1.0000" in told
    assert [one["name"] for one in json.loads((tmp_path / "s.json").read_text())["models"]] == ["right", "metal"]


def test_a_run_is_foretold_into_its_own_folder(run: Path, capsys: Capture) -> None:
    assert run_search.main(["stability", str(run), "--json", "--test-size", "50"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((run / FILE).read_text())
    assert document["test_size"] == 50 and {one["name"] for one in document["models"]} == {"t0000", "t0001"}


def test_the_ensemble_stands_among_the_models_with_its_held_out_scores(run: Path) -> None:
    scored = read_models(run)["t0000"]
    better = Confusions(scored.per_image + 50 * np.eye(3, dtype=np.int64), scored.file_names, scored.class_names)
    (run / "ensemble" / HELD_OUT).mkdir(parents=True)
    write_confusions(run / "ensemble" / HELD_OUT, better)
    assert list(read_models(run)) == ["t0000", "t0001", "ensemble"]


def test_a_model_scored_on_other_photos_is_left_out(run: Path) -> None:
    scored = read_models(run)["t0000"]
    (run / "ensemble" / HELD_OUT).mkdir(parents=True)
    write_confusions(run / "ensemble" / HELD_OUT, Confusions(scored.per_image, ["other"] * 8, scored.class_names))
    assert list(read_models(run)) == ["t0000", "t0001"]


def test_a_run_whose_checkpoints_were_deleted_has_no_forecast(run: Path) -> None:
    shutil.rmtree(run / "trials")
    write_forecast(run, None)
    assert not (run / FILE).exists()


def test_the_data_folder_tells_the_size_of_the_test_set(run: Path, sample_folder: Path) -> None:
    write_forecast(run, DataFolder(str(sample_folder)))
    assert json.loads((run / FILE).read_text())["test_size"] == 4


def test_the_section_tells_pair_causes_and_flips_and_escapes_names(run: Path) -> None:
    write_forecast(run, None)
    document = json.loads((run / FILE).read_text())
    document["models"][0]["name"] = document["causes"][1]["name"] = "<b>x</b>"
    document["gain"] = {
        "slope": [-0.1, 0.2, 0.5],
        "explained": 0.4,
        "classes": [{"objects": 0, "miou_gain": [0.0] * 3}],
    }
    document["gain"]["classes"] += [{"objects": 9, "miou_gain": [-0.01, 0.02, 0.05]}] * 2
    (run / FILE).write_text(json.dumps(document))
    sections = shakeup_section(read_run_folder(run, "val_miou"))
    told = Outline(page("", tag("p", ""), sections))
    assert list(sections) == ["Shake-up"]
    assert (
        "hand in" in told.text and "Which classes shake the board" in told.text and "swaps with the next" in told.text
    )
    assert "reaches below 0" in told.text
    assert "<b>x</b>" in told.text and "<b>x" not in sections["Shake-up"].html.split("<script")[0]


def test_what_to_expect_on_the_test_set_is_printed_and_in_the_section(run: Path, capsys: Capture) -> None:
    assert run_search.main(["stability", str(run), "--test-size", "50"]) == 0
    printed, document = capsys.readouterr().out, json.loads((run / FILE).read_text())
    section = shakeup_section(read_run_folder(run, "val_miou"))["Shake-up"].html
    assert "8 photos scored, 50 on test" in printed
    for model in document["models"]:
        assert "{:.3f}-{:.3f}".format(*model["test_interval"]) in printed
        assert "{:.3f} to {:.3f}".format(*model["test_interval"]) in section
        assert model["test_interval"] != model["interval"]
    board = printed.splitlines()[: 3 + len(document["models"])]
    assert all(len(line) <= 80 for line in board), board  # of a terminal that nobody has widened


def test_a_forecast_of_an_older_version_still_has_a_section(run: Path) -> None:
    write_forecast(run, None)
    document = json.loads((run / FILE).read_text())
    for model in document["models"]:
        del model["test_interval"]
    (run / FILE).write_text(json.dumps(document))
    assert "on the test set" in shakeup_section(read_run_folder(run, "val_miou"))["Shake-up"].html


def test_a_run_without_a_forecast_has_no_section(run: Path) -> None:
    assert shakeup_section(read_run_folder(run, "val_miou")) == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "`stability` needs a run folder"),
        (["nowhere"], "nowhere: no search has ended here"),
        (["--truth", "truth.json"], "`stability` needs a run folder"),
        (["--csv", "right.csv"], "`--csv` needs the COCO file of the photos that the CSVs answer. Add `--truth"),
        (["nowhere", "--truth", "truth.json"], "`--truth` does not go with the run folder nowhere"),
        (["nowhere", "--csv", "right.csv"], "`--csv` does not go with the run folder nowhere"),
        (["nowhere", "--csv", "right.csv", "--truth", "truth.json"], "Leave one of the two out"),
        (["nowhere", "--out", "truth.json"], "`--out truth.json`: is there already, but is no result of `stability`"),
        (["nowhere", "--out", "right.csv"], "`--out right.csv`: is there already"),
        (["nowhere", "--test-size", "1"], "The value of `--test-size` is 1, but must be 2 or more"),
        (["nowhere", "--out", "no/where.json"], "`--out no/where.json`: no such folder no"),
        (["--csv", "right.csv", "right.csv", "--truth", "truth.json"], "a file is given twice"),
        (["--csv", "truth.json", "--truth", "truth.json"], "truth.json: the header is not"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    words: list[str], message: str, answers: list[Path], capsys: Capture
) -> None:
    assert message in refused(capsys, "stability", *words)


def test_only_an_older_result_gives_way_to_a_new_one(run: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ["stability", str(run), "--out", str(tmp_path / "s.json")]
    assert run_search.main(words) == run_search.main([*words, "--test-size", "50"]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["test_size"] == 50
    (tmp_path / "s.json").write_text("{}")
    assert "Name another file" in refused(capsys, *words)
    assert (tmp_path / "s.json").read_text() == "{}"


def test_only_models_that_may_be_the_best_are_on_the_leaderboard() -> None:
    rng = np.random.default_rng(0)

    def model(wrong: int) -> Confusions:
        right = 1000 * np.eye(3, dtype=np.int64) * rng.integers(1, 5, (40, 1, 1))
        return Confusions(
            right + wrong * rng.integers(0, 3, (40, 3, 3)), [str(one) for one in range(40)], ["a", "b", "c"]
        )

    models = {"poor": model(900), "best": model(100), "close": model(101)}
    assert list(contenders(models)) == ["best", "close"]
