"""Words that a command line may get in the place of a value, and complete commands of every verb to put them into."""

from pathlib import Path

import run_search
from experiments.verbs.flags import Flag, flags_of

NUMBERS = (
    "-1",
    "0",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e308",
    "-0.0",
    "",
    "9" * 23,
    "1.5",
    "0x10",
    "1,5",
    "１",
    "1" * 5000,
)
LONG = "x" * 5000
TEXTS = (
    "",
    LONG,
    "y" * 300,
    "a\0b",
    "a\nb",
    "folder",
    "pipe",
    "empty",
    "bytes",
    "loop",
    "bytes/x",
    "missing/x",
    "ä𝒳\u202e",
)
TEXTS += ("-", "http://127.0.0.1:9/x", "\udcff", "a;rm", "~", "{}", "%s", "<b>", "packed.zip")
PINS = ("=", "lr=", "=1", "lr=1e400", "lr=nan", "seed=-1", "seed=1.5", "image_size=1e400", "image_size=nan", "lr=1=2")
PINS += ("encoder_name=", f"encoder_name={'x' * 900}", "encoder_name=../../x", "compile=maybe", "batch_size=1e30", "lr")


def fill(folder: Path) -> None:
    """Put down what some of the words name: a folder, a FIFO, a file, an archive, a loop of links."""
    import os
    import zipfile

    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "empty").touch()
    (folder / "bytes").write_bytes(bytes(range(256)) * 9)
    (folder / "loop").symlink_to("loop")
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("train.json", "{}")


def commands(run: str) -> dict[str, list[str]]:
    """A whole command of every verb, which is refused late: the data folder is missing."""
    ensemble = f"{run}/ensemble"
    return {
        **{verb: [run] for verb in ("resume", "folds", "status", "leaderboard", "ensemble", "submit", "report")},
        **{verb: [run] for verb in ("ui", "sync")},
        "search": ["--data", "nodata", "--space", "quick", "--name", "n"],
        "pseudo": [run, "--images", "nodata"],
        "compare": [run, run],
        "predict": [ensemble, "nodata", "--out", "labels"],
        "export-onnx": [ensemble, "--out", "onnx", "--photos", "nodata"],
        "train": ["--data", "nodata", "--out", "single"],
        "check": ["nodata"],
        "sample-data": ["drawn", "--images", "6"],
        "import-taco": ["taco", "out1"],
        "import-masks": ["photos", "masks", "out2"],
        "import-yolo": ["yolo", "out3"],
        "export-study": [run, "--out", "study.db"],
        "stability": [run, "--out", "stability.json"],
        "completion": ["bash"],
    }


def nonsense(verb: str, run: str, flag: Flag) -> list[list[str]]:
    """The verb's command with each nonsense value of the flag's type in the place of its own."""
    found = []
    values = NUMBERS if flag.values.split("|")[0] in ("N", "X") else TEXTS + (PINS if flag.name == "set" else ())
    for value in values:
        words = list(commands(run)[verb])
        if flag.positional:
            words[[one.name for one in flags_of(run_search.VERBS[verb]) if one.positional].index(flag.name)] = value
        else:
            if f"--{flag.name}" in words:
                at = words.index(f"--{flag.name}")
                del words[at : at + 2]
            words += [f"--{flag.name}", value]
        found.append([verb, *words])
    return found
