"""The section of a report that shows what each configuration scores on all labelled photos, fold after fold."""

from experiments.drawing.page import Content, Raw, interval_bar, joined, table, tag
from experiments.drawing.words import score
from experiments.folds.fold_models import out_of_fold
from experiments.run_folder import RunFolder

NOTE = (
    "Every labelled photo is judged by the model that never saw its fold; fold 0 is val, whose model is the trial "
    "itself. Each model is of its best epoch on its own fold, so that all scores flatter a little, as val's do. The "
    "interval is the 90 % bootstrap over all photos."
)


def folds_section(run: RunFolder) -> dict[str, Raw]:
    """The section by its title; none where no configuration has a model of every fold."""
    if run.search is None or run.search.folds is None:
        return {}
    scored = out_of_fold(run.search)
    if not scored:
        return {}
    ranked = sorted(scored.items(), key=lambda one: -one[1].pooled)
    bounds = [bound for _, one in ranked for bound in one.interval]
    rows: list[list[Content]] = []
    for name, one in ranked:
        low, high = one.interval
        bar = interval_bar(low, one.pooled, high, (min(bounds), max(bounds)))
        rows.append([name, score(one.pooled), bar, *(score(value) for value in one.per_fold)])
    folds = [f"fold {fold}" for fold in range(run.search.folds)]
    header = ["configuration", "out-of-fold mIoU", "90 % interval", *folds]
    return {"Folds": joined(tag("p", NOTE, "faint"), table(header, rows, best=0))}
