"""The section of a report that shows who is in the ensemble, and what was tried on the way to it."""

from experiments.drawing import figures
from experiments.drawing.page import Content, Raw, figure, joined, table, tag
from experiments.folds.fold_search import source_of
from experiments.results import TrialResult
from experiments.run_folder import RunFolder
from trashseg_core.config import TrialConfig
from trashseg_core.ensemble.bundle import Member


def ensemble_section(run: RunFolder) -> dict[str, Raw]:
    """Members, the most important one first, and the steps of the evidence; no section before there is one."""
    if run.ensemble is None:
        return {}
    trials = {one.trial_id: one for one in run.results}
    members = sorted(run.ensemble.members, key=lambda one: -one.weight)
    rows = [_row(member, trials.get(source_of(member.trial_id))) for member in members]
    tested = any("rows" in row for row in run.ensemble.evidence)
    rule = "The backtest (see Shake-up) chose how members are weighted." if tested else "The simpler wins a tie."
    note = f"Held out: on photos that did not choose; bars: one standard error of the gain. {rule}"
    if any(str(row.get("name")).startswith("soup-") for row in run.ensemble.evidence):
        note += " Soups were chosen on all of val: their held-out scores are a little flattered."
    return {
        "Ensemble": joined(
            table(["member", "weight", "val_miou alone", "image size", "encoder_name", "decoder_name"], rows),
            tag("h3", "What was tried, step by step"),
            tag("p", note, "faint"),
            figure(figures.ensemble_steps(run.ensemble), "steps"),
        )
    }


def _row(member: Member, trial: TrialResult | None) -> list[Content]:
    """A model of a fold has its trial's configuration; its score is in the section of the folds. A soup has neither."""
    row: list[Content] = [member.trial_id, f"{member.weight:.1%}"]
    if trial is None:
        return [*row, None, f"{member.image_size} px", None, None]
    is_trial = member.trial_id == trial.trial_id
    alone = f"{trial.val_miou:.4f}" if is_trial and trial.val_miou is not None else None
    names = [trial.config.get(name, getattr(TrialConfig, name)) for name in ("encoder_name", "decoder_name")]
    return [*row, alone, f"{member.image_size} px", *names]
