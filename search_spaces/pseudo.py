"""How many pseudo-labelled photos to train on, none included. The verb `pseudo` adds whose configuration.

    python run_search.py pseudo runs/first --images DATA/test.json

Measured on 2026-11-29 and -30 on 279 and 98 photos, 2 cores, `--top-k 2`: at 64 px trials with pseudo-labels
gained 0.009 +- 0.011 held out over as many without, the ensemble -0.004 +- 0.021; at 96 px 0.017 +- 0.014 and -0.006 +-
0.015. Not accepted either time; more in `experiments/recipes/second_rounds.py`.
"""

from typing import Any


def space(trial: Any) -> None:
    """Suggest one trial."""
    trial.suggest_float("pseudo_ratio", 0.0, 0.6)
