"""The import verbs end with an exit code, at most one line on stderr, and nothing half done."""

from pathlib import Path

import pytest

import run_search
from tests.tiny_sources import files_of, read_splits, write_taco, write_yolo
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.taco import import_taco


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Where a small TACO lies."""
    return tmp_path / "TACO"


@pytest.mark.reliability("file-names")
@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "https://x/a.jpg"])
def test_a_file_name_that_leads_out_of_the_source_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    write_taco(source, images=[{"id": 0, "file_name": name, "height": 60, "width": 80}])
    with pytest.raises(BadInput, match="leads outside"):
        import_taco(source, tmp_path / "out", ImportOptions())
    assert not (tmp_path / "out").exists()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run `import-taco`, which must end with exit code 2 and one line on stderr; return the line."""
    assert run_search.main(["import-taco", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_bad_arguments_are_one_line_and_leave_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = str(write_taco(source)), str(tmp_path / "out")
    assert "leave nothing to train on" in refused(capsys, source, out, "--val", "0.5", "--test", "0.5")
    assert "The value of `--val` is 0," in refused(capsys, source, out, "--val", "0")
    assert "The value of `--size` is 8, but must be 32 px or more" in refused(capsys, source, out, "--size", "8")
    assert "none.csv: cannot be read" in refused(capsys, source, out, "--map", "none.csv")
    assert "holds no annotations.json" in refused(capsys, str(tmp_path / "none"), out)
    assert "is there already" in refused(capsys, source, source)
    assert "lies inside" in refused(capsys, source, str(Path(source, "out")))
    for path in (tmp_path / "TACO" / "batch_1").iterdir():
        path.unlink()
    assert "None of the 12 photos" in refused(capsys, source, out)
    assert [path.name for path in tmp_path.iterdir()] == ["TACO"]


def test_the_verb_prints_the_class_table_and_what_was_left_out(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_taco(source)
    (source / "batch_1/000000.JPG").unlink()
    (tmp_path / "out").mkdir()
    before = files_of(source)
    assert run_search.main(["import-taco", str(source), str(tmp_path / "out"), "--test", "0"]) == 0
    out = capsys.readouterr().out
    assert "Clothing" in out and "val (2 photos)" in out
    assert "left out: 1 photos missing (first: batch_1/000000.JPG)" in out
    assert "warning: no annotation of General trash, Paper" in out
    assert not (tmp_path / "out" / "test.json").exists()
    assert files_of(source) == before


def test_photos_above_the_cap_are_not_said_to_be_missing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [{"height": 60, "width": 80}] * 6 + [{"height": 120, "width": 160}] * 6
    images = [{"id": number, "file_name": f"batch_1/{number:06}.JPG", **size} for number, size in enumerate(sizes)]
    write_taco(source, images=images)
    for number in (0, 11):
        (source / f"batch_1/{number:06}.JPG").unlink()
    told = refused(capsys, str(source), str(tmp_path / "out"), "--max-megapixels", "0.001")
    assert "None of the 12 photos can be used; 10 of them are too large or unreadable. First: " in told
    assert "raise the cap with `--max-megapixels`" in told and "download.py" not in told
    left_out = import_taco(source, tmp_path / "out", ImportOptions(max_megapixels=0.01)).left_out
    assert left_out["photos missing"] == ["batch_1/000000.JPG", "batch_1/000011.JPG"]
    assert [
        f"{number:06}.JPG: 160 x 120 px is above the cap" in one
        for number, one in enumerate(left_out["photos too large or unreadable"], 6)
    ] == [True] * 5


def test_the_same_seed_imports_the_same_bytes(source: Path, tmp_path: Path) -> None:
    write_taco(source)
    for name in ("one", "two"):
        import_taco(source, tmp_path / name, ImportOptions())
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n"
GIVEN = {"train": {"a": SQUARE, "b": SQUARE}, "valid": {"c": SQUARE}, "test": {"d": SQUARE}}
ONE_SPLIT = {"train": {f"p{number}": SQUARE for number in range(12)}}


@pytest.mark.parametrize(
    ("splits", "told", "recorded"),
    [
        (GIVEN, "were kept (train, val, test); --val, --seed had no effect", "the splits of the source"),
        ({**ONE_SPLIT, "test": {"f": SQUARE}}, None, "--val 0.2 --seed 3"),
        (ONE_SPLIT, None, "--val 0.2 --test 0.15 --seed 3"),
    ],
    ids=["all splits", "no val", "train only"],
)
def test_flags_of_the_deal_are_recorded_where_they_decide_and_warned_of_where_not(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    splits: dict[str, dict[str, str]],
    told: str | None,
    recorded: str,
) -> None:
    source, out = write_yolo(tmp_path / "yolo", splits), tmp_path / "out"
    assert run_search.main(["import-yolo", str(source), str(out), "--val", "0.2", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert told in printed if told else "had no effect" not in printed
    assert {one["info"]["description"].split(", ")[-1] for one in read_splits(out).values()} == {recorded}
