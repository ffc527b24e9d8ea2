"""How many pseudo-labelled photos to train on: all else is pinned. The verb `pseudo` searches it for a second round.

python run_search.py pseudo runs/first --images DATA/test.json
"""

from typing import Any


def space(trial: Any) -> None:
    """Suggest one trial."""
    trial.suggest_float("pseudo_ratio", 0.05, 0.6)
