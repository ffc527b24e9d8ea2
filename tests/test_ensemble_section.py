"""The ensemble's section of a report names what each member is made of."""

from experiments.results import TrialResult
from experiments.sections.ensemble_section import ensemble_section
from tests.made_run import run_of
from trashseg_core.config import TrialConfig
from trashseg_core.ensemble.bundle import Ensemble, Member


def section(*trials: TrialResult) -> str:
    members = [Member("t0000", 0.25, 128, [0.5] * 3, [0.5] * 3), Member("soup-1", 0.75, 128, [0.5] * 3, [0.5] * 3)]
    ensemble = Ensemble(members, ["background", "paper"], {"1": 1}, 0.5, 0.4, [], {})
    return ensemble_section(run_of(list(trials), ensemble=ensemble))["Ensemble"].html


def trial(**config: str) -> TrialResult:
    return TrialResult("t0000", "finished", 0.51234, 0.4, 1, 1, config, "trials/t0000/epoch_0001", 1.0, None)


def test_what_the_space_left_at_its_default_is_named_too() -> None:
    found = section(trial(decoder_name="fpn"))
    assert TrialConfig.encoder_name in found and "fpn" in found and "0.5123" in found


def test_the_most_important_member_is_first_and_a_soup_has_no_score_of_its_own() -> None:
    found = section(trial())
    assert found.index("soup-1") < found.index("t0000")
    assert section().count("0.5123") == 0


def test_a_model_of_a_fold_has_the_configuration_of_its_trial_but_not_its_score() -> None:
    members = [Member("t0000-fold2", 1.0, 128, [0.5] * 3, [0.5] * 3)]
    ensemble = Ensemble(members, ["background", "paper"], {"1": 1}, 0.5, 0.4, [], {})
    found = ensemble_section(run_of([trial(decoder_name="fpn")], ensemble=ensemble))["Ensemble"].html
    assert "fpn" in found and "0.5123" not in found


def test_the_rule_that_chose_the_weights_is_named() -> None:
    member = Member("t0000", 1.0, 128, [0.5] * 3, [0.5] * 3)
    step = {"name": "single", "val_miou": 0.5, "held_out": 0.5, "gain": 0.0, "error": 0.0, "kept": True, "why": ""}
    told = []
    for rows in ([step], [{"name": "backtest", "kept": False, "why": "", "rows": []}, step]):
        ensemble = Ensemble([member], ["background", "paper"], {"1": 1}, 0.5, 0.4, [], {}, evidence=rows)
        told.append(ensemble_section(run_of([trial()], ensemble=ensemble))["Ensemble"].html)
    assert "The simpler wins a tie" in told[0] and "backtest" not in told[0]
    assert "The backtest (see Shake-up) chose" in told[1]


def test_a_soup_among_the_candidates_is_said_to_be_flattered() -> None:
    member = Member("soup-1", 1.0, 128, [0.5] * 3, [0.5] * 3)
    told = []
    for name in ("soup-1", "soup"):
        rows = [{"name": name, "kept": name == "soup-1", "why": ""}]
        ensemble = Ensemble([member], ["background", "paper"], {"1": 1}, 0.5, 0.4, [], {}, evidence=rows)
        told.append(ensemble_section(run_of([trial()], ensemble=ensemble))["Ensemble"].html)
    assert ["a little flattered" in one for one in told] == [True, False]


def test_a_search_without_an_ensemble_has_no_such_section() -> None:
    assert ensemble_section(run_of([trial()])) == {}
