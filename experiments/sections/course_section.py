"""The section of a report that shows how the search went: curves and history."""

from experiments.drawing import figures
from experiments.drawing.page import Raw, figure, joined, tag
from experiments.run_folder import RunFolder


def course_section(run: RunFolder) -> dict[str, Raw]:
    """Learning curves, and the best so far in the order of proposal."""
    curves = figures.learning_curves(run.results, run.records, run.objective)
    history = figures.optimisation_history(run.results, run.objective)
    return {
        "How the search went": joined(
            tag("h3", f"{run.objective} per epoch"),
            figure(curves, "curves"),
            tag("h3", f"{run.objective} per trial, in the order of proposal"),
            figure(history, "history"),
        )
    }
