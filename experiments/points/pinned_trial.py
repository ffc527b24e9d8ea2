"""PinnedTrial: an Optuna trial that leaves some hyperparameters as they were pinned."""

from typing import Any


class PinnedTrial:
    """An Optuna trial in which some names have a fixed value and are not suggested."""

    def __init__(self, trial: Any, pins: dict[str, Any]) -> None:
        self._trial, self._pins = trial, pins

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """As `optuna.Trial.suggest_categorical`."""
        return self._pins[name] if name in self._pins else self._trial.suggest_categorical(name, choices)

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """As `optuna.Trial.suggest_float`."""
        return (
            self._pins[name] if name in self._pins else self._trial.suggest_float(name, low, high, step=step, log=log)
        )

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """As `optuna.Trial.suggest_int`."""
        return self._pins[name] if name in self._pins else self._trial.suggest_int(name, low, high, step=step, log=log)
