"""The report tells what is in a run folder, in one file that is safe to open and to pass on."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plotly.offline import get_plotlyjs

from experiments import figures
from experiments.journal import Journal
from experiments.page import hide_credentials, interval_bar
from experiments.report import duration, write_report
from experiments.results import TrialResult, rank, result_of, write_results
from experiments.run_folder import read_run_folder
from trashseg_core.checkpoint import CONFUSIONS, Confusions
from trashseg_core.ensemble.bundle import Ensemble, Member
from trashseg_core.errors import BadInput
from trashseg_core.files import write_json

HOSTILE = "<script>alert('x')</script>"
NAMES = ["Background", "Paper", HOSTILE]


def make_run(folder: Path, trials: list[tuple[str, list[float]]], error: str = "it broke") -> Path:
    """Write a run folder as a search leaves it: (status, objective per epoch) of each trial."""
    folder.mkdir()
    journal = Journal(folder / "journal.jsonl")
    rng = np.random.default_rng(0)
    for number, (status, scores) in enumerate(trials):
        config = {
            "encoder_name": "tu-resnet18",
            "lr": 10.0 ** -(number + 1),
            "loss_mix": "ce" if number % 2 else "dice",
        }
        key = journal.add_trial({}, {}, {**config, "epochs": 3}).key
        for epoch, score in enumerate(scores, 1):
            journal.add_epoch(key, epoch, {"val_miou": score, "val_miou_low": score - 0.05, "epoch_s": 2.0})
        journal.end_trial(key, status, error if status == "failed" else None)
        if scores:
            path = folder / f"trials/{key}/epoch_{1 + int(np.argmax(scores)):04d}"
            path.mkdir(parents=True)
            per_image = rng.integers(1, 100, (8, 3, 3)) + 300 * np.eye(3, dtype=np.int64)
            np.savez(
                path / CONFUSIONS, per_image=per_image, file_names=[f"{i}.jpg" for i in range(8)], class_names=NAMES
            )
    journal.close()
    results = [result_of(record, "val_miou", folder) for record in journal.trials.values()]
    write_results(folder / "results.json", rank(results, "val_miou"))
    return folder


def add_ensemble(folder: Path) -> None:
    """Write an `ensemble.json` of two members; the report reads nothing else of the folder."""
    members = [Member(trial, weight, 64, [0.5] * 3, [0.5] * 3) for trial, weight in (("t0000", 0.75), ("t0001", 0.25))]
    steps = [{"added": "t0000", "val_miou": 0.61}, {"added": "t0001", "val_miou": 0.6234}]
    ensemble = Ensemble(members, NAMES, {"1": 1, "2": 2}, 0.6234, 0.6123, steps, {"search": HOSTILE})
    (folder / "ensemble").mkdir()
    write_json(
        folder / "ensemble" / "ensemble.json", ensemble.__dict__ | {"members": [one.__dict__ for one in members]}
    )


class Outline(HTMLParser):
    """Elements, attributes and visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text, self._hidden = "", 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.tags.append(tag)
        self.attributes += attrs
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or style."""
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        """Collect what is not code."""
        if not self._hidden:
            self.text += data


def outline(folder: Path, objective: str = "val_miou") -> Outline:
    return Outline(write_report(folder, objective).read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of four trials with an ensemble, a manifest and a picture."""
    trials = [("finished", [0.3, 0.5, 0.6]), ("finished", [0.2, 0.4, 0.3]), ("stopped", [0.1]), ("failed", [])]
    folder = make_run(tmp_path / "trash", trials, error=f"RuntimeError: {HOSTILE}")
    add_ensemble(folder)
    settings = {"name": "trash", "data": HOSTILE, "tracking_uri": "postgresql://me:geheim@db/mlflow", "set": ["lr=1"]}
    write_json(folder / "manifest.json", {"schema": 1, "settings": settings, "version": "1"})
    (folder / "overlays").mkdir()
    Image.new("RGB", (40, 10), (0, 200, 0)).save(folder / "overlays" / "01_<b>.png")
    return folder


def test_nothing_that_a_user_wrote_becomes_markup(run: Path) -> None:
    page = outline(run)
    assert "alert('x')" in page.text
    scripts = ["<script", *re.findall(r"<script[^>]*>", write_report(run).read_text().replace(get_plotlyjs(), ""))]
    assert HOSTILE not in write_report(run).read_text()
    assert {script for script in scripts} == {"<script", "<script>", '<script type="text/javascript">'} - {
        one for one in ('<script type="text/javascript">', "<script>") if one not in scripts
    }
    assert not {"b", "iframe", "object"} & (set(page.tags) - {"b"})


def test_the_report_names_no_address_to_load_from(run: Path) -> None:
    page = outline(run)
    addresses = [value or "" for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert addresses
    assert all(address.startswith(("#", "data:image/")) for address in addresses)
    assert "link" not in page.tags
    assert not re.search(r"@import|url\(", write_report(run).read_text().replace(get_plotlyjs(), ""))


def test_the_browser_is_told_to_load_nothing_from_elsewhere(run: Path) -> None:
    policy = next(value or "" for name, value in outline(run).attributes if name == "content")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_plotly_comes_with_the_page_once(run: Path) -> None:
    assert write_report(run).read_text(encoding="utf-8").count(get_plotlyjs()) == 1


def test_the_summary_gives_the_scores_of_the_ensemble_and_the_best_trial(run: Path) -> None:
    text = outline(run).text
    for told in ("0.6234", "0.6123", "t0000, epoch 3", "2 finished, 1 stopped early, 1 failed", "14 s", "0.0123 above"):
        assert told in text


def test_the_best_trial_is_in_bold_and_first(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    bold = re.findall(r'<tr class="best">(.*?)</tr>', page)
    assert len(bold) == 1
    assert bold[0].startswith("<td>1</td><td>t0000</td>")


def test_only_hyperparameters_that_vary_have_columns_and_slices(run: Path) -> None:
    results = read_run_folder(run, "val_miou").results
    assert list(figures.slices(results, "val_miou")) == ["lr", "loss_mix"]
    header = re.search(r"<thead>.*?</thead>", write_report(run).read_text(encoding="utf-8"))
    assert header and ("<th>lr</th><th>loss_mix</th>" in header[0]) and "encoder_name" not in header[0]


def test_intervals_are_the_bootstrap_s(run: Path) -> None:
    from trashseg_core.checkpoint import read_confusions
    from trashseg_core.confusion import bootstrap_miou

    found = read_run_folder(run, "val_miou").intervals["t0000"]
    expected = np.quantile(bootstrap_miou(read_confusions(run / "trials/t0000/epoch_0003").per_image), (0.05, 0.95))
    np.testing.assert_allclose(found, expected)
    assert f"{expected[0]:.3f} – {expected[1]:.3f}" in outline(run).text


def test_passwords_in_addresses_do_not_reach_the_report(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    assert "geheim" not in page
    assert "postgresql://me:***@db/mlflow" in page


def test_pictures_are_inside_the_page(run: Path) -> None:
    sources = [value or "" for name, value in outline(run).attributes if name == "src"]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/jpeg;base64,")


def test_a_damaged_picture_is_named_instead_of_shown(run: Path) -> None:
    (run / "overlays" / "02_broken.png").write_bytes(b"\x89PNG")
    assert "02_broken.png cannot be read." in outline(run).text


def test_the_next_commands_name_this_folder(run: Path) -> None:
    text = outline(run).text
    for command in (f"submit {run}", f"predict {run}/ensemble", f"--from {run} --trial t0000", f"ui {run}"):
        assert f"python run_search.py {command}" in text or command in text
    (run / "submission.csv").write_text("")
    assert f"submit {run}" not in outline(run).text


def test_a_report_without_an_ensemble_says_how_to_build_one(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "trash", [("finished", [0.5])])
    assert f"python run_search.py ensemble {folder}" in outline(folder).text


@pytest.mark.parametrize("scores", [[], [0.4]])
def test_a_single_failed_trial_makes_a_report_with_its_reason(tmp_path: Path, scores: list[float]) -> None:
    text = outline(make_run(tmp_path / "trash", [("failed", scores)], error="train_loss is nan")).text
    assert "train_loss is nan" in text
    assert "No trial can be used." in text
    assert "--trial" not in text


@pytest.mark.parametrize("missing", ["journal.jsonl", "trials", "manifest.json", "overlays", "ensemble"])
def test_whatever_else_is_missing_the_report_is_written(run: Path, missing: str) -> None:
    (run / missing).rename(run.parent / missing)
    assert "t0000" in outline(run).text


def test_without_results_there_is_no_report(run: Path) -> None:
    (run / "results.json").unlink()
    with pytest.raises(BadInput, match=r"results.json: cannot be read"):
        write_report(run)
    assert not (run / "report.html").exists()


def test_a_journal_is_read_without_changing_it(run: Path) -> None:
    journal = run / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"event": "epo')  # another process is writing just now
    before = (journal.read_bytes(), journal.stat().st_mtime_ns)
    write_report(run)
    assert (journal.read_bytes(), journal.stat().st_mtime_ns) == before


def test_the_other_objective_ranks_and_draws_by_itself(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "trash", [("finished", [0.5]), ("finished", [0.4])])
    rows = json.loads((folder / "results.json").read_text())
    rows[0]["val_miou_low"], rows[1]["val_miou_low"] = 0.1, 0.3
    write_json(folder / "results.json", rows)
    page = outline(folder, "val_miou_low")
    assert "val_miou_low per epoch" in page.text
    assert "t0001, epoch 1" in page.text


def test_text_that_utf_8_cannot_hold_is_written_in_its_escaped_form(tmp_path: Path) -> None:
    text = outline(make_run(tmp_path / "trash", [("failed", [])], error="bad \ud800 name")).text
    assert "bad \\ud800 name" in text


def result(trial_id: str, status: Any = "finished", value: float | None = 0.5, **config: Any) -> TrialResult:
    return TrialResult(trial_id, status, value, value, 1, 1, config, None, 1.0, None)


def test_stopped_trials_are_dashed_and_the_best_one_is_drawn_last(run: Path) -> None:
    read = read_run_folder(run, "val_miou")
    curves = figures.learning_curves(read.results, read.records, "val_miou").data
    assert [curve.name for curve in curves] == ["stopped early", "finished", "best (t0000)"]
    assert [curve.line.dash for curve in curves] == ["dash", "solid", "solid"]
    assert list(curves[-1].y) == [0.3, 0.5, 0.6]


def test_the_best_so_far_skips_failed_trials_and_never_falls() -> None:
    rows = [result("t0000", value=0.2), result("t0001", "failed", 0.9), result("t0002", value=0.4), result("t0003")]
    rows += [result("t0004", value=0.1), result("t0005", "failed", None)]
    line = figures.optimisation_history(rank(rows, "val_miou"), "val_miou").data[-1]
    assert (list(line.x), list(line.y)) == ([0, 2, 3, 4], [0.2, 0.4, 0.5, 0.5])


def test_learning_rates_have_a_logarithmic_axis_and_choices_a_column_each() -> None:
    rows = [
        result("t0000", lr=1e-4, mix="ce"),
        result("t0001", lr=1e-2, mix="dice"),
        result("t0002", lr=1e-3, mix="ce"),
    ]
    drawn = figures.slices(rows, "val_miou")
    assert (drawn["lr"].layout.xaxis.type, list(drawn["lr"].data[0].x)) == ("log", [1e-4, 1e-2, 1e-3])
    assert list(drawn["mix"].layout.xaxis.ticktext) == ["ce", "dice"]
    assert np.round(drawn["mix"].data[0].x).tolist() == [0, 1, 0]


def test_hyperparameters_that_some_trials_lack_are_drawn_for_the_others() -> None:
    drawn = figures.slices(
        [result("t0000", gamma=2.0), result("t0001"), result("t0002", value=None, gamma=1.0)], "val_miou"
    )
    assert list(drawn["gamma"].data[0].x) == [2.0]


def test_classes_in_figures_stay_text_and_absent_ones_have_no_bar() -> None:
    per_image = np.zeros((1, 3, 3), np.int64)
    per_image[0, 0, 0], per_image[0, 2, 2], per_image[0, 2, 0] = 50, 30, 10
    bars = figures.class_ious({"t0000": Confusions(per_image, ["a"], ["Background", "Paper", "<a href='x'>"])}).data[0]
    values = dict(zip(bars.y, bars.x, strict=True))
    assert values[html.escape("<a href='x'>", quote=False)] == pytest.approx(0.75)
    assert values["Paper"] is None


def test_figures_without_data_say_so() -> None:
    failed = [result("t0000", "failed", None)]
    empty = [figures.learning_curves(failed, {}, "val_miou"), figures.optimisation_history(failed, "val_miou")]
    empty += [figures.class_ious({}), figures.ensemble_steps(Ensemble([], [], {}, 0, 0, [], {}))]
    assert all(len(one.layout.annotations) == 1 and not one.data for one in empty)


def test_ensemble_steps_name_each_addition_and_its_gain() -> None:
    steps = [
        {"added": "t0003", "val_miou": 0.5},
        {"added": "t0001", "val_miou": 0.53},
        {"added": "t0003", "val_miou": 0.54},
    ]
    drawn = figures.ensemble_steps(Ensemble([], [], {}, 0, 0, steps, {})).data[0]
    assert list(drawn.y) == ["1. t0003", "2. t0001", "3. t0003"]
    assert [text.strip() for text in drawn.text] == ["0.5000", "+0.0300", "+0.0100"]


def test_trials_are_ordered_by_number_beyond_the_padding() -> None:
    assert [one.trial_id for one in figures.in_order([result("t10000"), result("t9999")])] == ["t9999", "t10000"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min 00 s"), (3599.4, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_durations_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_addresses_without_a_password_are_left_as_they_are() -> None:
    kept = "sqlite:////a/b@c.db http://host:5000/x t0001: 3:4@5"
    assert hide_credentials(kept) == kept


def test_a_value_outside_the_scale_stays_inside_the_bar() -> None:
    places = [float(number) for number in re.findall(r"left:([\d.-]+)%", interval_bar(0.1, 0.9, 0.5, (0.2, 0.6)).html)]
    assert places == [0, 100]
