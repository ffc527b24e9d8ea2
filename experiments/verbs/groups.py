"""The groups of the help: which flags belong together, in all verbs."""

from collections.abc import Iterable

from experiments.verbs.flags import Flag

GROUPS: dict[str, str] = {
    "What and where": "data space name out set enqueue warm-start seed",
    "Budget": "trials epochs time-budget hang-limit keep disk-gb",
    "Objective and limits": "objective second-objective max-memory-mb max-parameters-m max-seconds-per-image",
    "Proposals and early stopping": "sampler scheduler grace-period reduction-factor full-trials",
    "Resources": "concurrent gpus-per-trial cpus-per-trial workers-per-trial ray-address storage",
    "Ensemble": "top-k folds pool method tta crf soup ensemble-size store-gb",
    "Reading the data": "train-file val-file test-file pseudo background-category skip-bad follow-links "
    "max-json-mb max-megapixels",
    "Tracking": "tracking-uri",
    "Showing": "json quiet",
}
OTHERS = "Options"


def grouped(flags: Iterable[Flag]) -> dict[str, list[Flag]]:
    """Flags by the title of their group, in the order of `GROUPS`; those of no group come first."""
    home = {name: title for title, names in GROUPS.items() for name in names.split()}
    found: dict[str, list[Flag]] = {title: [] for title in (OTHERS, *GROUPS)}
    for flag in flags:
        found[home.get(flag.name, OTHERS)].append(flag)
    return {title: members for title, members in found.items() if members}
