"""Classes that a hyperparameter lists by name."""

import numpy as np

from trashseg_core.confusion import class_slugs
from trashseg_core.errors import BadInput, did_you_mean


def listed_labels(field: str, text: str, class_names: list[str], offered: np.ndarray) -> np.ndarray:
    """Turn a comma list of class names or slugs, in any case, into labels.

    Args:
        field: the hyperparameter, for messages.
        text: e.g. `battery, Plastic bag`; empty = all that are offered.
        class_names: by label, the background first.
        offered: labels that may be listed, any integers.

    Returns:
        int64 (K,), sorted, no label twice.

    Raises:
        BadInput: a name is no class, or one that is not offered.
    """
    offered = np.unique(offered)
    slugs = class_slugs(class_names)
    known: dict[str, int] = {}
    for label in offered.tolist():
        known |= {class_names[label].strip().casefold(): label, slugs[label]: label}
    chosen = {name.strip().casefold() for name in text.split(",")} - {""}
    for name in sorted(chosen - known.keys()):
        names = ", ".join(slugs[label] for label in offered.tolist())
        raise BadInput(
            f"`{field}` lists `{name}`, but must list classes with objects: {names}.{did_you_mean(name, known)}"
        )
    return np.array(sorted({known[name] for name in chosen}), np.int64) if chosen else offered
