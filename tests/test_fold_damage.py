"""Damaged records of folds: what the journal still knows is written anew, what it lost is refused."""

from pathlib import Path

import pytest

from experiments.folds.fold_search import JOURNAL, RESULTS, folds_folder, own_settings
from experiments.folds.training import enlist, folds_are_whole, read_folds_journal
from experiments.journal import Journal
from experiments.results import rank, read_results, result_of, write_results
from experiments.settings import SearchSettings
from experiments.showing.run_status import _fold_progress
from tests.reliability.cases import Cases
from tests.reliability.damaged_runs import BYTES, JSON, damage
from tests.test_fold_training import result
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("state-damaged")


@pytest.fixture
def settings(tmp_path: Path) -> SearchSettings:
    """A run whose single configuration has been trained on two more folds, each for two epochs."""
    settings = SearchSettings("d", "quick", "run", str(tmp_path), folds=3, full_trials=4)
    folder = folds_folder(settings)
    folder.mkdir(parents=True)
    journal = Journal(folder / JOURNAL)
    enlist(journal, [result("t0000", "x")], 3)
    for key in journal.trials:
        for epoch in (1, 2):
            journal.add_epoch(key, epoch, {"val_miou": epoch / 10})
        (folder / "trials" / key / "epoch_0002").mkdir(parents=True)
        journal.end_trial(key, "finished")
    rows = [result_of(record, "val_miou", folder) for record in journal.trials.values()]
    write_results(folder / RESULTS, rank(rows, "val_miou"))
    journal.close()
    return settings


def test_what_is_whole_is_left_alone(settings: SearchSettings) -> None:
    said: list[str] = []
    assert folds_are_whole(settings, said.append) and not said


def test_results_that_somebody_edited_are_noticed(settings: SearchSettings) -> None:
    place, said = folds_folder(settings) / RESULTS, list[str]()
    place.write_text(place.read_text().replace("0.2", "0.9"))
    assert read_results(place)[0].val_miou == 0.9
    assert not folds_are_whole(settings, said.append) and len(said) == 1


@pytest.mark.parametrize("how", JSON)
def test_damaged_results_are_noticed_and_the_remedy_is_to_resume_the_run(
    settings: SearchSettings, how: str, cases: Cases
) -> None:
    cases.add()
    place, said = folds_folder(settings) / RESULTS, list[str]()
    damage(place, how)
    assert not folds_are_whole(settings, said.append)
    assert said == [f"{place}: was missing, damaged or another one. It is written anew from the journal."]
    if how != "a list":
        with pytest.raises(BadInput, match=f"`resume {settings.folder}` writes it anew from the journal"):
            read_results(place, settings.folder)


@pytest.mark.parametrize("how", sorted({*BYTES} - {"short of a byte"}))  # a last line feed is no loss
def test_a_damaged_journal_is_refused_and_never_gone_on_with(settings: SearchSettings, how: str, cases: Cases) -> None:
    cases.add()
    place = folds_folder(settings) / JOURNAL
    damage(place, how)
    for look in (lambda: folds_are_whole(settings, print), lambda: read_folds_journal(settings)):
        with pytest.raises((BadInput, OSError), match="journal.jsonl"):
            look()


def test_folds_that_nobody_has_entered_yet_are_not_told_of(settings: SearchSettings) -> None:
    assert _fold_progress(settings, False) is not None
    damage(folds_folder(settings) / JOURNAL, "emptied")
    assert _fold_progress(settings, False) is None


def test_a_search_that_wants_full_trials_can_have_folds(settings: SearchSettings) -> None:
    assert own_settings(settings, 2).scheduler == "asha"
