"""Names of classes, photos and trials stay text wherever they are shown."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import run_search
from experiments.evidence_table import print_evidence
from experiments.journal import Journal
from experiments.pictures.panels import _file_name
from experiments.showing.plain_lines import end_line
from experiments.showing.wording import assignments
from experiments.tracking.ensemble_run import describe
from experiments.tracking.search_run import _as_text
from experiments.verbs.shakeup_verb import print_stability
from tests.made_run import make_run
from tests.reliability.cases import Cases
from tests.tiny import annotation, coco, write_photo
from trashseg_core.confusion import class_slugs
from trashseg_core.ensemble.bundle import Ensemble, Member

pytestmark = pytest.mark.reliability("escaping")
MARKUP = ("[red]", "[/]", "\\[/]", "[/red]", "[link=file:///etc]x", "[bold", "]", "\\", "x\\", "{{7*7}}", "${7*7}")
TERMINAL = ("\x1b[31mred", "\x1b]0;title\x07", "a\nb", "a\rb", "\x9b2J", "a\u2028b", "a\0b", "\x08\x08", "\x7f")
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1")
PATHS = ("../../x", "/etc/passwd", "..", ".", "a/b", "C:\\x", "con", "x" * 150, "\u202etxt.exe", "~", "$HOME", "*")
HTML = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script>", "&lt;", "</table>", "<!--")


def data_with(folder: Path, name: str) -> Path:
    """A data folder with a class of this name."""
    for split, (number, value) in {"train": (0, 1), "val": (1, 2), "test": (2, 3)}.items():
        write_photo(folder / f"{split}.png", seed=number)
        images = [{"id": 0, "file_name": f"{split}.png", "height": 30, "width": 40}]
        categories = [{"id": 1, "name": name}, {"id": 2, "name": "metal"}]
        document = coco(images=images, categories=categories, annotations=[annotation(0, 1 + value % 2)])
        (folder / f"{split}.json").write_text(json.dumps(document))
    return folder


def test_a_class_s_name_stays_text_in_the_table_of_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    names = [*MARKUP, *FORMULAS[:4], *PATHS, *HTML]
    cases.add(len(names))
    for number, name in enumerate(names):
        assert run_search.main(["check", str(data_with(tmp_path / str(number), name))]) == 0, name
        assert name in capsys.readouterr().out


def test_a_class_s_name_that_a_terminal_would_obey_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    cases.add(len(TERMINAL) + 1)
    for number, name in enumerate((*TERMINAL, "x" * 2**20)):
        assert run_search.main(["check", str(data_with(tmp_path / str(number), name))]) == 2, name
        said = capsys.readouterr()
        assert said.err.count("\n") == 1 and said.err.rstrip("\n").isprintable() and len(said.err) < 1000


def test_names_stay_text_in_the_tables_of_ensemble_and_stability(
    capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    cases.add(len(MARKUP))
    for name in MARKUP:
        stream = io.StringIO()
        print_evidence([{"name": name, "kept": True, "why": f"why {name}"}], Console(file=stream, width=200))
        assert stream.getvalue().count(name) >= 2
        model = {
            "name": name,
            "miou": 0.5,
            "interval": [0.4, 0.6],
            "test_interval": [0.3, 0.7],
            "true_miou": 0.5,
            "private_minus_public": [0, 0, 0],
        }
        pair = {"safe": name, "bold": name, "expected_best": 0.5, "expected_safe": 0.5}
        cause = {"name": name, "share": 0.5, "photos": 3}
        told: dict[str, Any] = {"photos": 9, "models": [model], "flips": [[0.0]], "pair": pair, "causes": [cause]}
        print_stability({**told, "spearman": [0.5, 0.4, 0.6], "spearman_stratified": 0.5, "test_size": 9})
        assert capsys.readouterr().out.count(name) >= 4


def test_what_a_run_folder_from_elsewhere_says_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    cases.add(2 * len(TERMINAL))
    for number, text in enumerate(TERMINAL):
        journal = Journal(tmp_path / f"{number}.jsonl")
        record = journal.add_trial({"augmix_classes": text}, {}, {})
        journal.end_trial(record.key, "failed", f"RuntimeError: {text}")
        journal.close()
        assert end_line(record, "val_miou").isprintable() and assignments(record.params).isprintable()
    run = make_run(tmp_path / "run", [("finished", [0.5]), ("failed", [])], error=TERMINAL[0] + MARKUP[1])
    assert run_search.main(["report", str(run)]) == 2  # without a manifest
    assert "\x1b" not in capsys.readouterr().err


def test_a_message_is_one_line_without_codes_however_long_what_it_quotes(
    capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    texts = (*TERMINAL[:4], "x" * 2**20)
    cases.add(len(texts))
    for text in texts:
        assert run_search.main(["submit", "--check", text.replace("\0", ""), "--test", text]) == 2
        said = capsys.readouterr().err
        assert said.endswith("\n") and said[:-1].isprintable() and len(said) < 5000


def test_no_cell_of_a_sheet_is_a_formula(cases: Cases) -> None:
    cases.add(len(FORMULAS))
    stream = io.StringIO()
    csv.writer(stream).writerow(map(_as_text, [*FORMULAS, -0.5, None, "plain"]))
    cells = next(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert cells == [*(f"'{one}" for one in FORMULAS), "-0.5", "", "plain"]


def test_names_stay_text_in_the_notes_of_mlflow(cases: Cases) -> None:
    cases.add(len(HTML))
    member = Member("t0000", 1.0, 64, [0.5] * 3, [0.5] * 3)
    for text in HTML:
        evidence = [{"name": text, "why": text, "kept": True}]
        made = Ensemble([member], ["Background", text], {"1": 1}, 0.5, 0.5, [], {}, evidence=evidence)
        assert "<" not in describe(made, {})


def test_files_and_metrics_named_after_classes_and_photos_stay_where_they_belong(cases: Cases) -> None:
    names = [*PATHS, *HTML, *TERMINAL]
    cases.add(2 * len(names))
    slugs = class_slugs(["Background", *names])
    assert len(set(slugs)) == len(slugs) and all(one.replace("_", "a").isalnum() and one.isascii() for one in slugs)
    files = [_file_name(1, name) for name in names]
    assert all(Path(file).name == file and len(file) < 80 for file in files)
