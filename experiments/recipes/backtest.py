"""Which rule chooses ensembles best: labelled photos dealt into val, public and private parts, many times.

    python -m experiments.recipes.backtest pool GARBAGE6 DATA --files val.json test.json
    python run_search.py search --data DATA --follow-links --train-file train_lt.json --val-file pooled.json --name lt \
        --space quick --trials 14 --epochs 9 --grace-period 9 --top-k 14 --keep 14 --ensemble-size 256 \
        --set image_size=128
    python -m experiments.recipes.backtest test runs/lt

2026-11-24, garbage6 with its long-tailed training list, val and test pooled (189 photos), 14 trials, 200 splits, mIoU
on thirds of 63 photos: on the public and on the private third, private score of the worst decile of splits, mean rank,
and how far the mean lies behind the winner's, with the standard error of that difference over the splits:

    rule         public  private worst   rank  behind
    refined      0.5643  0.5564  0.5133  3.81  +0.0000 ± 0.0000
    greedy       0.5641  0.5554  0.5074  3.56  +0.0010 ± 0.0003
    pairwise     0.5630  0.5554  0.5134  4.17  +0.0010 ± 0.0006
    greedy-low   0.5624  0.5546  0.5100  3.94  +0.0018 ± 0.0007
    uniform      0.5616  0.5539  0.5091  4.13  +0.0025 ± 0.0007
    auto         0.5599  0.5530  0.5015  3.83  +0.0034 ± 0.0008
    single       0.5599  0.5527  0.5051  3.88  +0.0038 ± 0.0011
    single-low   0.5588  0.5507  0.4999  4.17  +0.0057 ± 0.0012
    bagged       0.5543  0.5477  0.5063  6.44  +0.0087 ± 0.0009

The errors say how sure the order is on these photos; the splits share them, so other photos may order close rules
anew. `auto`, the default of `--method`, is behind by more than one error; `--method backtest` takes the winner.
"""

from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from experiments.manifest import read_manifest
from experiments.pool import open_pool
from experiments.terminal import progress_line
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.ensemble.backtest import NUM_SPLITS, Backtest, run_backtest
from trashseg_core.ensemble.disagreement import find_disagreement
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.errors import BadInput

POOLED = "pooled.json"


def pool(
    data: Annotated[Path, tyro.conf.Positional], out: Annotated[Path, tyro.conf.Positional], /, files: tuple[str, ...]
) -> None:
    """Make a data folder with links to all that is in another one, and one annotation file out of several.

    Args:
        data: data folder
        out: folder to make
        files: annotation files of it, e.g. val.json test.json; their photos and categories are the same kind
    """
    out.mkdir(parents=True)
    for entry in data.iterdir():
        (out / entry.name).symlink_to(entry.absolute())
    write_json(out / POOLED, pool_documents([read_json(data / name) for name in files]))
    print(f"{out / POOLED}: written")


def pool_documents(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """One COCO document out of several with the same categories; ids are given anew from 0.

    Raises:
        BadInput: the categories differ.
    """
    categories = documents[0]["categories"]
    if any(one["categories"] != categories for one in documents):
        raise BadInput("The files' categories differ. Pool files of one data set.")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for document in documents:
        ids = {image["id"]: len(images) + number for number, image in enumerate(document["images"])}
        images += [{**image, "id": ids[image["id"]]} for image in document["images"]]
        for one in document["annotations"]:
            annotations.append({**one, "id": len(annotations), "image_id": ids[one["image_id"]]})
    return {"images": images, "annotations": annotations, "categories": categories}


def test(run: Annotated[Path, tyro.conf.Positional], /, splits: int = NUM_SPLITS, seed: int = 0) -> None:
    """Backtest the candidates of a search on its val file; the table is also kept in RUN/backtest.json.

    Args:
        run: run folder
        splits: how often the photos are dealt
        seed: of the splits
    """
    pool = open_pool(run, read_manifest(run).settings, Evidence())
    predictions = pool.predict(list(range(len(pool.ids))))
    pixels = find_disagreement(predictions, pool.grid, pool.store)
    tested = run_backtest(pixels, splits=range(splits), seed=seed, progress=progress_line("splits tested"))
    write_json(run / "backtest.json", {"splits": splits, "winner": tested.winner, "rows": tested.rows()})
    print_backtest(tested)


def print_backtest(tested: Backtest) -> None:
    """Print one line a rule."""
    columns = ("rule", "public", "private", "worst decile", "mean rank", "behind the winner")
    table = Table(*columns, title=f"mIoU over {len(tested.private)} splits; the winner is {tested.winner}")
    for row in tested.rows():
        scores = [f"{row[name]:.4f}" for name in ("public", "private", "worst_decile")]
        table.add_row(row["rule"], *scores, f"{row['rank']:.2f}", f"{row['behind']:+.4f} ± {row['error']:.4f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"pool": pool, "test": test})
