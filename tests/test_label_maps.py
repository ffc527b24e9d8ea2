"""Painted label maps equal those of two independent rasterisers, byte for byte."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trashseg_core.data.coco import label_table, read_split
from trashseg_core.data.label_maps import paint


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, dict]:
    document = json.loads((shared / "oracles" / "paint_cases.json").read_text(encoding="utf-8"))
    return {case["name"]: case["coco"] for case in document["cases"]}


def paint_file(path: Path) -> dict[str, np.ndarray]:
    """Label map of each photo of an annotation file."""
    split = read_split(path)
    assert split.findings == []
    labels, _ = label_table(split.categories)
    return {
        photo.file_name: paint(split.annotations[photo.id], labels, photo.height, photo.width) for photo in split.photos
    }


def test_every_oracle_case_is_painted_byte_for_byte(shared: Path, cases: dict[str, dict], tmp_path: Path) -> None:
    expected = np.load(shared / "oracles" / "paint_cases.npz")
    different = []
    for name, document in cases.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        for file_name, painted in paint_file(path).items():
            truth = expected[file_name.removesuffix(".png")]
            if painted.dtype != truth.dtype or not np.array_equal(painted, truth):
                different.append(f"{name}/{file_name}")
    assert (len(cases), different) == (26, [])


@pytest.mark.parametrize(("split", "folder", "number"), [("train", "train", 279), ("val", "valid", 98)])
def test_every_real_photo_is_painted_as_its_published_mask(
    garbage6: Path, split: str, folder: str, number: int
) -> None:
    painted = paint_file(garbage6 / f"{split}.json")
    different = []
    for file_name, label_map in painted.items():
        truth = np.asarray(Image.open(garbage6 / "masks" / folder / f"{Path(file_name).stem}.png"))
        if not np.array_equal(label_map, truth):
            different.append(file_name)
    assert (len(painted), different) == (number, [])
