"""fuzz-csv: submission CSVs mutated; what an independent validator refuses must be refused."""

import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from experiments.verbs.shakeup_verb import stability
from experiments.verbs.submission_check import print_verdict
from tests.reliability.fuzzing.byte_mutations import mutate_bytes
from tests.reliability.fuzzing.case import Case, each_of
from tests.tiny import annotation, coco
from trashseg_core.errors import BadInput
from trashseg_core.submission import SIDE, write_submission

NAMES = ["a.png", "b/c,d.png", 'e"f.png']
SLOW = 8
"""Every eighth case is scored, too."""
NUM_CLASSES = 12
"""Labels of one and of two digits."""
ORACLE = Path(__file__).parents[4] / "shared" / "oracles" / "check_submission.py"
LABELS = (
    b"0",
    b"11",
    b"12",
    b"00",
    b"+1",
    b"-1",
    b"1.0",
    b"",
    b"1e0",
    b" ",
    b"255",
    b"99999999999",
    "١".encode(),
    b"\t1",
)
SEPARATORS = (b"  ", b"\t", b"", b",", b"\n", b"\r\n", b"\x00", b";", "\u00a0".encode())
NAMED = (
    b"A.png",
    b'"a.png"',
    b'"a.png',
    b"'a.png'",
    b"./a.png",
    b" a.png",
    b"",
    b"a.png,",
    b"b/c,d.png",
    b"x.png",
    b"\xff",
)


def make_submissions(folder: Path) -> None:
    """Write the truth and two submissions of random labels."""
    images = [{"id": index, "file_name": name, "height": 40, "width": 30} for index, name in enumerate(NAMES)]
    categories = [{"id": label, "name": f"class {label}"} for label in range(1, NUM_CLASSES)]
    annotations = [annotation(index % len(NAMES), 1 + index % 11) for index in range(8)]
    document = coco(images=images, categories=categories, annotations=annotations)
    (folder / "truth.json").write_text(json.dumps(document))
    rng = np.random.default_rng(0)
    for name in ("one.csv", "other.csv"):
        maps = [rng.integers(0, NUM_CLASSES, (SIDE, SIDE), np.uint8) for _ in NAMES]
        write_submission(folder / name, NAMES, maps, NUM_CLASSES)


def csv_cases(valid: Path) -> SearchStrategy[Case]:
    """One of the two CSVs mutated: rows, names, labels, separators, bytes."""
    lines = (valid / "one.csv").read_bytes().splitlines(keepends=True)

    @st.composite
    def case(draw: DrawFn) -> Case:
        changed, told = list(lines), []
        for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
            told.append(change_lines(draw, changed))
        content = b"".join(changed)
        if draw(st.sampled_from((False, False, False, True))):
            content, done = mutate_bytes(draw, content)
            told.append(done)
        return Case({"one.csv": content}, "; ".join(told))

    return case()


def change_lines(draw: DrawFn, lines: list[bytes]) -> str:
    """Change the lines of a CSV in place; what was done."""
    number = draw(st.integers(0, max(len(lines) - 1, 0)))
    if not lines:
        return "nothing is left"
    line = lines[number]
    kind = draw(st.sampled_from(("label", "label", "separator", "separator", "name", "row", "end", "bytes", "same")))
    match kind:
        case "label" | "separator":
            pieces = LABELS if kind == "label" else SEPARATORS
            place, piece = draw(st.integers(0, max(len(line) - 2, 0))), draw(st.sampled_from(pieces))
            end = place + draw(st.integers(0, 2))
            lines[number] = line[:place] + piece + line[end:]
            return f"line {number}: {piece!r} for {line[place:end]!r} at {place}"
        case "name":
            name = draw(st.sampled_from(NAMED))
            lines[number] = name + b"," + line.rpartition(b",")[2]
            return f"line {number} is for {name!r}"
        case "row":
            act, other = draw(st.sampled_from(("gone", "twice", "swapped"))), draw(st.integers(0, len(lines) - 1))
            if act == "gone":
                del lines[number]
            elif act == "twice":
                lines.insert(other, line)
            else:
                lines[number], lines[other] = lines[other], line
            return f"line {number} {act} ({other})"
        case "end":
            end_of_line = draw(st.sampled_from((b"", b"\r\n", b"\r", b"\n\n", b" \n", b",\n", b"\x0b\n", b"\x00\n")))
            lines[number] = line.rstrip(b"\n") + end_of_line
            return f"line {number} ends in {end_of_line!r}"
        case "bytes":
            lines[number], done = mutate_bytes(draw, line)
            return f"line {number}: {done}"
    text = line.replace(b"a.png", b'"a.png"')
    lines[number] = text if draw(st.booleans()) else line.replace(b" 11 ", b" 1 ", draw(st.integers(0, 3)))
    return f"line {number}: quotes, or 11 become 1"


def judge_submission(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Check it as `submit --check` does, hold that against the oracle, and score it as `stability` does."""
    path, truth = folder / "one.csv", folder / "truth.json"
    refused: BadInput | None = None
    try:
        print_verdict(path, None, truth)
    except BadInput as error:
        refused = error
    if (validator := oracle()) is not None:
        with contextlib.redirect_stdout(io.StringIO()):
            verdict = validator.main([str(path), str(truth)])
        assert verdict == (0 if refused is None else 1), f"the oracle says {verdict}, we say {refused}"
    if number < 0 or number % SLOW == 0:
        each_of(lambda: stability(csv=(path, folder / "other.csv"), truth=truth, out=scratch / "stability.json"))
    if refused is not None:
        raise refused


def oracle() -> ModuleType | None:
    """The independent validator, where it lies beside the repository."""
    if "oracle" not in sys.modules and ORACLE.is_file():
        spec = importlib.util.spec_from_file_location("oracle", ORACLE)
        assert spec is not None and spec.loader is not None
        sys.modules["oracle"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules.get("oracle")
