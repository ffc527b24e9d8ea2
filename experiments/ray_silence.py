"""Ray's own tables, warnings and messages, silenced: the displays show a search, and the recorder tells of errors."""

import logging
import warnings
from typing import Any

import ray
from ray.tune.progress_reporter import TrialProgressCallback

QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
"""Arguments of `ray.init`."""


class NoProgress(TrialProgressCallback):
    """Stands where Tune would put its own: that one prints results whatever the verbosity."""

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        """Print nothing."""

    def on_trial_error(self, *_: Any, **info: Any) -> None:
        """Print nothing."""

    def on_trial_complete(self, *_: Any, **info: Any) -> None:
        """Print nothing."""


def silence_ray() -> None:
    """Silence what Ray would print once it runs: paragraphs about each dead process, warnings of coming versions.

    And leave SIGTERM to us: its handler would end the driver without saving anything.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    ray._private.worker._worker_logs_enabled = False  # no argument of `ray.init` reaches the messages of a raylet
    ray._private.utils.set_sigterm_handler = lambda handler: None
