"""How many pseudo-labelled photos to train on, none included. The verb `pseudo` adds whose configuration.

python run_search.py pseudo runs/first --images DATA/test.json
"""

from typing import Any


def space(trial: Any) -> None:
    """Suggest one trial."""
    trial.suggest_float("pseudo_ratio", 0.0, 0.6)
