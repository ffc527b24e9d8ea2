"""What folds and pseudo-labels gain: ensembles scored on a test file whose labels nobody trained on or chose by.

    python run_search.py search --data DATA --space quick --name first --trials 4 --epochs 9 --top-k 2 \
        --ensemble-size 256 --set image_size=96 batch_size=16
    cp -r runs/first runs/folded
    python run_search.py folds runs/folded --folds 4
    python run_search.py pseudo runs/first --images DATA/test.json --trials 3
    python -m experiments.recipes.second_rounds --data DATA --runs runs/first runs/folded runs/first-pseudo

2026-11-24, garbage6 (279 train, 98 val, 91 test photos), 96 px, on 2 cores that others used too (load about 25). The
search's best trial reached val mIoU 0.621 and is the ensemble. One search and one seed: the intervals on test are
12 points wide, and say nothing of another seed.

    ensemble        models  held out                 test mIoU                gain on test
    first           1       0.621 (98 val photos)    0.526 (0.462 to 0.586)
    first-pseudo    1       0.631 (98 val photos)    0.566 (0.503 to 0.625)   +0.040 ± 0.018
    folded          4       0.617 (all 377 labelled) 0.585 (0.518 to 0.645)   +0.059 ± 0.021

Folds of 98, 93, 93 and 93 photos. Scored were the four models of the best configuration (`ensemble runs/folded --top-k
1 --tta none`), so that neither a second configuration nor mirroring takes part, as in the first. They train on 281 to
284 photos, the search's on 279; up to 3 are left out because they look like a held-out one. Alone on test: the
search's model 0.526, the three others 0.580, 0.559 and 0.577. So averaging adds 0.005 to the best of them, and most of
the gain comes with the models that see val. Val and test come from one folder of the source here, which train does
not: that may be why, and was not tested.

Pseudo-labels: 89 of the 91 test photos chosen, three trials (`pseudo_ratio` 0.28, 0.29, 0.33), of which one passed the
first rung. Held out they gain 0.010 ± 0.018, less than one error, so that the verdict is to stay with the first search.
The gain on test is on the very photos whose pseudo-labels were trained on; for others it was not measured. That second
round trained the best configuration alone, stopped poor trials early, and had none without pseudo-labels to compare
with; `pseudo` now trains the top-k, 0 included, to the end.

That was run once, on 2026-11-29 at load 20: 64 px, a search of 3 trials of up to 6 epochs (11 minutes), then `pseudo
--top-k 2 --trials 5` (18 minutes), 66 photos chosen. Trials with pseudo-labels gained 0.009 ± 0.011 held out over those
without, the ensemble -0.004 ± 0.021: not accepted. On test the second ensemble had 0.478 after 0.489, -0.010 ± 0.018.
With the other seed alone, the best configuration's val mIoU fell from 0.530 to 0.522.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro

from experiments.manifest import read_manifest
from experiments.terminal import progress_line
from trashseg_core.confusion import count_confusion, miou
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.ensemble.crossfit import interval, paired_error
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.inference.ensemble_predict import predict_photos


def score_on(folder: DataFolder, ensemble_dir: Path) -> np.ndarray:
    """Per-image confusion matrices of an ensemble on the photos of a folder's val file, int64 (N, C, C)."""
    split, ensemble = folder.read("val"), read_ensemble(ensemble_dir)
    labels, class_names = folder.labels(split)
    places = [(folder.photo_path(photo), (photo.height, photo.width)) for photo in split.photos]
    show, counts = progress_line("photos predicted"), []
    predicted = predict_photos(load_ensemble(ensemble_dir, ensemble), places)
    for photo, said in zip(split.photos, predicted, strict=True):
        truth = paint(split.annotations[photo.id], labels, photo.height, photo.width)
        counts.append(count_confusion(truth, said.labels, len(class_names)))
        show(len(counts), len(places))
    return np.stack(counts)


def main(data: Path, runs: tuple[Path, ...], test_file: str = "test.json") -> None:
    """Print each run's score on the test file, and what it gains over the first run.

    Args:
        data: data folder
        runs: run folders, the one to compare with first
        test_file: labelled annotation file in it, which no run has trained on or chosen by
    """
    folder = replace(DataFolder(str(data.absolute())), val_file=test_file)
    scored = {run: score_on(folder, run / "ensemble") for run in runs}
    first = scored[runs[0]]
    for run, confusions in scored.items():
        low, high = interval(confusions)
        reached = float(miou(confusions.sum(axis=0)))
        gain, error = reached - float(miou(first.sum(axis=0))), paired_error(confusions, first)
        count = len(read_ensemble(run / "ensemble").members)
        print(
            f"{read_manifest(run).settings.name}: {count} model(s), test mIoU {reached:.4f} ({low:.3f} to {high:.3f}), "
            f"gain {gain:+.4f} ± {error:.4f}"
        )


if __name__ == "__main__":
    tyro.cli(main)
