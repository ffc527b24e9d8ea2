"""An exported study tells Optuna, and optuna-dashboard, what the journal knows."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import run_search
from experiments.journal import Journal, JournalReader
from experiments.manifest import read_manifest
from experiments.study_export import export_study, study_url
from tests.made_run import made_search
from trashseg_core.errors import BadInput


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of eight trials: finished, stopped, and the last one failed."""
    return made_search(tmp_path_factory.mktemp("made") / "trash", num_trials=8)


@pytest.fixture(scope="module")
def study(run: Path) -> optuna.Study:
    """The search as Optuna reads it."""
    export_study(run, read_manifest(run), run / "study.db")
    return optuna.load_study(study_name="trash", storage=study_url(run / "study.db"))


def test_every_trial_has_the_state_and_the_best_value_that_it_reached(run: Path, study: optuna.Study) -> None:
    records = JournalReader(run / "journal.jsonl").trials.values()
    states = {"finished": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}
    assert [trial.state for trial in study.trials] == [states[str(one.status)] for one in records]
    best = [one.best("val_miou") for one in records]
    told = [trial.value for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert told == [one[1] for one, trial in zip(best, study.trials, strict=True) if one and trial.value is not None]
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE and study.metric_names == ["val_miou"]


def test_every_epoch_and_every_suggestion_is_there(run: Path, study: optuna.Study) -> None:
    for trial, record in zip(study.trials, JournalReader(run / "journal.jsonl").trials.values(), strict=True):
        assert trial.intermediate_values == {epoch: one["val_miou"] for epoch, one in record.epochs.items()}
        assert trial.params == record.params and trial.distributions.keys() == record.distributions.keys()


def test_attributes_say_what_optuna_has_no_place_for(run: Path, study: optuna.Study) -> None:
    best, failed = study.best_trial.user_attrs, study.trials[-1].user_attrs
    assert Path(best["checkpoint"]).is_dir() and Path(best["checkpoint"]).is_absolute()
    assert best["config"]["epochs"] == 9 and best["trial_id"] == f"t{study.best_trial.number:04d}"
    assert (failed["status"], failed["error"]) == ("failed", "it broke")


def test_dates_are_those_of_the_journal(run: Path, study: optuna.Study) -> None:
    for trial, record in zip(study.trials, JournalReader(run / "journal.jsonl").trials.values(), strict=True):
        assert trial.datetime_start is not None and trial.datetime_complete is not None
        assert trial.datetime_start.timestamp() == pytest.approx(record.moments.proposed, abs=1e-3)
        assert trial.datetime_complete.timestamp() == pytest.approx(record.moments.ended, abs=1e-3)


def test_a_search_that_runs_has_running_trials_without_an_end(tmp_path: Path) -> None:
    folder = made_search(tmp_path / "trash", num_trials=2)
    journal = Journal(folder / "journal.jsonl")
    journal.add_epoch(journal.add_trial({}, {}, {}).key, 1, {"val_miou": 0.5})
    told = export_study(folder, read_manifest(folder), tmp_path / "study.db")
    journal.close()
    last = optuna.load_study(study_name=None, storage=study_url(tmp_path / "study.db")).trials[-1]
    assert "1 RUNNING" in told and (last.state, last.datetime_complete) == (TrialState.RUNNING, None)


def test_two_objectives_have_two_directions(tmp_path: Path) -> None:
    folder = made_search(tmp_path / "trash", num_trials=2)
    document = json.loads((folder / "manifest.json").read_text())
    document["settings"]["second_objective"] = "parameters_m"
    (folder / "manifest.json").write_text(json.dumps(document))
    export_study(folder, read_manifest(folder), tmp_path / "study.db")
    found = optuna.load_study(study_name=None, storage=study_url(tmp_path / "study.db"))
    assert [one.name for one in found.directions] == ["MAXIMIZE", "MINIMIZE"]


def test_a_path_may_hold_what_an_address_would_take_for_its_own(run: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c %20.db"
    export_study(run, read_manifest(run), odd)
    assert [one.name for one in tmp_path.iterdir()] == [odd.name]
    with closing(sqlite3.connect(odd)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM trials").fetchone() == (8,)


def test_an_older_study_gives_way(run: Path, tmp_path: Path) -> None:
    for _ in range(2):
        export_study(run, read_manifest(run), tmp_path / "study.db")
    assert len(optuna.load_study(study_name=None, storage=study_url(tmp_path / "study.db")).trials) == 8
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_no_study_is_left_as_it_is(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
    for name in ("notes.txt", "mlflow.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(BadInput, match=f"{name} is something else than an Optuna study"):
            export_study(run, read_manifest(run), tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.study_export.os.replace", fail)
    with pytest.raises(BadInput, match="No space left on device"):
        export_study(run, read_manifest(run), tmp_path / "study.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its folder does not exist"):
        export_study(run, read_manifest(run), tmp_path / "no" / "study.db")


def test_the_verb_writes_into_the_run_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "study.db").unlink(missing_ok=True)
    assert run_search.main(["export-study", str(run)]) == 0
    assert (run / "study.db").is_file()
    assert f"optuna-dashboard sqlite:///{run / 'study.db'}" in capsys.readouterr().out


def test_a_folder_without_a_search_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_search.main(["export-study", str(tmp_path)]) == 2
    assert "there is no search here" in capsys.readouterr().err
