"""End to end: one command of this project against the plain script, the same trials and epochs, in turn."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.rows import Row

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "garbage6"
TRIALS, EPOCHS, IMAGE_SIZE = 6, 9, 128


def measure(repeats: int) -> list[Row]:
    """Run both `repeats` times in turn, and compare wall times pair by pair."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is missing: the end-to-end bench needs the real photos.")
    pairs = [(_own(), _plain()) for _ in range(repeats)]
    for own, plain in pairs:
        print(json.dumps({"own": own, "plain": plain}), flush=True)

    def median(figure: Any) -> float:
        return statistics.median(figure(own, plain) for own, plain in pairs)

    plain_name = "plain Ray Tune script (tests/bench/plain_peer.py), same trials, epochs and rungs"
    own_epochs, plain_epochs = pairs[0][0]["epochs"], pairs[0][1]["epochs"]
    return [
        Row(
            "wall time, whole command",
            median(lambda own, plain: own["seconds"] / plain["seconds"]),
            "<=",
            0.6,
            "x",
            plain_name,
            f"training: {own_epochs} epochs here, {plain_epochs} there",
        ),
        Row(
            "wall time per trained epoch",
            median(lambda own, plain: own["seconds"] / own["epochs"] / (plain["seconds"] / plain["epochs"])),
            "<=",
            0.6,
            "x",
            plain_name,
            "the model's own arithmetic on 2 cores",
        ),
        Row(
            "ensemble mIoU on val",
            median(lambda own, plain: own["ensemble"]),
            ">=",
            0.68,
            "",
            f"best trial of the plain script: {median(lambda own, plain: plain['val_miou']):.4f}",
            "epochs of the second-best members",
        ),
    ]


def _own() -> dict[str, float]:
    """Run `search` with a cold cache; wall time includes ensemble, submission and report."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        command = [sys.executable, "run_search.py", "search", "--data", str(DATA), "--space", "quick", "--name", "b"]
        command += ["--out", str(out), "--trials", str(TRIALS), "--epochs", str(EPOCHS)]
        command += ["--set", f"image_size={IMAGE_SIZE}"]
        started = time.time()
        environment = {**os.environ, "TRASHSEG_CACHE": str(out / "cache")}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds = time.time() - started
        results = json.loads((out / "b" / "results.json").read_text(encoding="utf-8"))
        ensemble = json.loads((out / "b" / "ensemble" / "ensemble.json").read_text(encoding="utf-8"))
        return {
            "seconds": seconds,
            "epochs": sum(result["epochs_run"] for result in results),
            "val_miou": results[0]["val_miou"],
            "ensemble": ensemble["val_miou"],
            "ensemble_held_out": ensemble["val_miou_crossfit"],
        }


def _plain() -> dict[str, float]:
    """Run the plain script."""
    from experiments.settings import SearchSettings

    grace = SearchSettings("data", "quick", "b", epochs=EPOCHS).first_rung
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "tests.bench.plain_peer", str(DATA), out]
        command += [str(value) for value in (TRIALS, EPOCHS, grace, IMAGE_SIZE)]
        started = time.time()
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return {**json.loads(done.stdout.splitlines()[-1]), "seconds": time.time() - started}
