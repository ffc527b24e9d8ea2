"""A record whose params and distributions do not fit is bad input, not a crash of Optuna."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json

from experiments.journal import TrialRecord
from experiments.limits import Limits
from experiments.points.frozen_trials import frozen_trial, recorded_distributions
from trashseg_core.errors import BadInput

WHOLE = distribution_to_json(FloatDistribution(0.0, 1.0))


@pytest.mark.parametrize("text", ("{}", "5", "no JSON", '{"name": "Other", "attributes": {}}'))
def test_a_text_that_is_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="params and distributions of trial t0000 do not fit"):
        recorded_distributions(TrialRecord("t0000", {"lr": 0.5}, {"lr": text}, {}))


def test_a_choice_that_its_distribution_lacks_is_refused() -> None:
    record = TrialRecord("t0000", {"loss_mix": "other"}, {}, {}, {1: {"val_miou": 0.5}}, "finished")
    with pytest.raises(BadInput, match="params and distributions of trial t0000 do not fit"):
        frozen_trial(record, {"loss_mix": CategoricalDistribution(["ce", "dice"])}, "val_miou", None, Limits())


def test_a_whole_record_becomes_a_trial() -> None:
    record = TrialRecord("t0000", {"lr": 0.5}, {"lr": WHOLE}, {}, {1: {"val_miou": 0.5}}, "finished")
    frozen = frozen_trial(record, recorded_distributions(record), "val_miou", None, Limits())
    assert frozen.values == [0.5]
