"""The report tells what is in a run folder, in one file that is safe to open and to pass on."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from experiments.drawing.plotly_script import library_html
from experiments.drawing.words import duration
from experiments.report import write_report
from experiments.run_folder import read_run_folder
from tests.made_run import full_run, made_search, make_run
from trashseg_core.bootstrap import miou_interval
from trashseg_core.checkpoint import read_confusions
from trashseg_core.disk.files import write_json
from trashseg_core.errors import BadInput

HOSTILE = '<script>alert(1)</script>"><b>&lt;'
HARMLESS = "alert(1)"


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
    """A run of four trials with an ensemble, a manifest and a picture; its texts try to be markup."""
    return full_run(tmp_path / "trash", HOSTILE)


@pytest.mark.reliability("escaping")
def test_nothing_that_a_user_wrote_becomes_markup(run: Path) -> None:
    page, safe = outline(run), outline(full_run(run.parent / "harmless", HARMLESS))
    assert page.text.count(HOSTILE) + page.text.count(json.dumps(HOSTILE)) == safe.text.count(HARMLESS) > 0
    assert page.tags == safe.tags
    assert HOSTILE not in write_report(run).read_text(encoding="utf-8")


@pytest.mark.reliability("escaping")
def test_names_of_classes_and_encoders_stay_text_in_every_section_of_a_larger_search(tmp_path: Path) -> None:
    pages = []
    for name, text in (("one", HOSTILE), ("other", HARMLESS)):
        folder = made_search(tmp_path / name, encoders=("tu-resnet18", text))
        pages.append(outline(folder))
    assert pages[0].tags == pages[1].tags
    assert pages[0].text.count(HOSTILE) > 0
    assert HOSTILE not in (tmp_path / "one" / "report.html").read_text(encoding="utf-8")


def test_the_report_names_no_address_to_load_from(run: Path) -> None:
    page = outline(run)
    addresses = [value or "" for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert addresses
    assert all(address.startswith(("#", "data:image/")) for address in addresses)
    assert "link" not in page.tags
    assert not re.search(r"@import|url\(", write_report(run).read_text())


@pytest.mark.reliability("phoning-home")
def test_the_browser_is_told_to_load_nothing_from_elsewhere(run: Path) -> None:
    policy = next(value or "" for name, value in outline(run).attributes if name == "content")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_plotly_comes_with_the_page_once(run: Path) -> None:
    page = write_report(run)
    assert page.read_text(encoding="utf-8").count(library_html()) == 1
    assert page.stat().st_size < 2_300_000


def test_the_summary_gives_the_scores_of_the_ensemble_and_the_best_trial(run: Path) -> None:
    text = outline(run).text
    for told in ("0.6234", "0.6123", "t0000, epoch 3", "2 finished, 1 stopped early, 1 failed", "14 s", "0.0123 above"):
        assert told in text


def test_the_summary_says_what_to_expect_on_test(run: Path) -> None:
    path = run / "ensemble" / "ensemble.json"
    document = json.loads(path.read_text())
    document |= {"val_interval": [0.58, 0.64], "test_interval": [0.55, 0.67], "provenance": {"test_photos": 91}}
    path.write_text(json.dumps(document))
    assert "90 % interval 0.580 to 0.640; on 91 test photos 0.550 to 0.670" in outline(run).text


def test_the_best_trial_is_in_bold_and_first(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    bold = re.findall(r'<tr class="best">(.*?)</tr>', page)
    assert len(bold) == 1
    assert bold[0].startswith("<td>1</td><td>t0000</td>")


def test_only_hyperparameters_that_vary_have_columns_and_slices(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    assert re.findall(r'id="slice-(\d)"', page) == ["0", "1"]
    header = re.search(r"<thead>.*?</thead>", page)
    assert header and ("<th>lr</th><th>loss_mix</th>" in header[0]) and "encoder_name" not in header[0]


def test_intervals_are_the_calibrated_ones(run: Path) -> None:
    found = read_run_folder(run, "val_miou").intervals["t0000"]
    expected = miou_interval(read_confusions(run / "trials/t0000/epoch_0003").per_image)
    np.testing.assert_allclose(found, expected)
    assert f"{expected[0]:.3f} – {expected[1]:.3f}" in outline(run).text


@pytest.mark.reliability("secrets")
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
        assert command in text
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
    text = outline(folder, "val_miou_low").text
    assert "val_miou_low per epoch" in text
    assert "t0001, epoch 1" in text
    assert text.index("1t0001") < text.index("2t0000")


def test_text_that_utf_8_cannot_hold_is_written_in_its_escaped_form(tmp_path: Path) -> None:
    text = outline(make_run(tmp_path / "trash", [("failed", [])], error="bad \ud800 name")).text
    assert "bad \\ud800 name" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min 00 s"), (3599.4, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_durations_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
