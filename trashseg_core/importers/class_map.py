"""Which class each category of a source becomes: a table in a csv file."""

import csv
from pathlib import Path

from trashseg_core.errors import BadInput, did_you_mean

TACO_CLASSES = Path(__file__).with_name("taco_classes.csv")
"""The 60 categories of TACO as the ten classes of the Boostcamp recycle-trash competition, in its order. Neither of the
two defines such a table. Doubtful rows: Paper cup, Tissues, cartons, Plastic glooves, Shoe."""
HEADER = ["taco_name", "class_name"]


def read_class_map(path: Path = TACO_CLASSES) -> tuple[dict[str, str | None], list[str]]:
    """Read a table with the columns `taco_name,class_name`; the header may be missing, as in TACO's own tables.

    Classes are numbered from 1 in the order in which the table first names them. The class `Background` (any case)
    takes a category out: it becomes background.

    Returns:
        Class name of each category name (None for the background), and the class names by label ("Background" first).

    Raises:
        BadInput: the file cannot be read, or a row is not one category and one class.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(stream), 1) if row]
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}). Give a csv with the columns {HEADER}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a csv in UTF-8 ({error}). Expected the columns {','.join(HEADER)}.") from None
    classes: dict[str, str | None] = {}
    names = ["Background"]
    for number, row in rows:
        if row == HEADER and not classes:
            continue
        if len(row) != 2 or not all(row):
            raise BadInput(
                f"{path}: line {number} is {','.join(row)!r}, but must be a category, a comma and its class."
            )
        category, name = row
        if category in classes:
            raise BadInput(f"{path}: line {number} names {category!r} a second time. Keep one line for each category.")
        classes[category] = None if name.lower() == "background" else name
        if classes[category] and name not in names:
            names.append(name)
    if len(names) == 1:
        raise BadInput(f"{path}: the table names no class. Expected lines such as `Drink can,Metal`.")
    return classes, names


def label_of_categories(
    categories: dict[int, str], classes: dict[str, str | None], names: list[str], path: Path
) -> dict[int, int]:
    """Label of each category id: 1..C, or 0 for a category that becomes background.

    Args:
        categories: name by id; an id 0 is a category like any other.
        classes: class name of each category name, as `read_class_map` returns it.
        names: class names by label.
        path: file of the table, for the message.

    Raises:
        BadInput: a category is not in the table.
    """
    missing = [name for name in categories.values() if name not in classes]
    if missing:
        hint = did_you_mean(missing[0], classes)
        raise BadInput(
            f"{path} has no line for {len(missing)} of {len(categories)} categories (first: {missing[0]!r}).{hint} "
            f"Add `{missing[0]},CLASS`, or `{missing[0]},Background` to leave it out."
        )
    labels = {}
    for category_id, name in categories.items():
        class_name = classes[name]
        labels[category_id] = 0 if class_name is None else names.index(class_name)
    return labels
