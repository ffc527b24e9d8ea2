"""Segmentations that no decoder may see are findings; `--skip-bad` goes on without them and counts them."""

import math
from pathlib import Path
from typing import Any

import pytest

import run_search
from tests.reliability.bad_folders import (
    Capture,
    accepted,
    change,
    folder,
    own_signal_handlers,
    read,
    refused,
    words_of,
)
from tests.reliability.cases import Cases
from tests.reliability.test_annotation_entries import deep, put

__all__ = ["folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("segmentations")

SQUARE = [0, 0, 10, 0, 10, 10, 0, 10]
RLE = {"size": [30, 40], "counts": [0, 10, 1190]}
ZIGZAG = [value for step in range(60_000) for value in (40 * (step % 2), step % 29)]
STAR = [20 + 12 * part(4 * math.pi * k / 5) for k in range(5) for part in (math.cos, math.sin)]
BAD: dict[str, tuple[Any, str]] = {
    "null": (None, "no segmentation"),
    "empty": ([], "no segmentation"),
    "number": (7, "no segmentation"),
    "text": ("M 0 0 L 10 0", "no segmentation"),
    "true": (True, "no segmentation"),
    "empty-polygon": ([[]], "a polygon with fewer than 3 points"),
    "flat-polygon": (SQUARE, "a polygon with fewer than 3 points"),
    "one-point": ([[1, 1]], "a polygon with fewer than 3 points"),
    "two-points": ([[1, 1, 2, 2]], "a polygon with fewer than 3 points"),
    "polygon-in-a-polygon": ([[SQUARE]], "a polygon with fewer than 3 points"),
    "points-as-pairs": ([[[0, 0], [9, 0], [9, 9], [0, 9], [0, 5], [0, 4]]], "no finite number (a list)"),
    "points-as-objects": ([[{"x": 1}] * 6], "no finite number (a dict)"),
    "deep": (deep(900), "a polygon with fewer than 3 points"),
    "deep-coordinate": ([[deep(900), *SQUARE[1:]]], "no finite number (a list)"),
    "odd": ([[*SQUARE, 3]], "an odd number of coordinates"),
    "text-coordinate": ([["0", *SQUARE[1:]]], "no finite number ('0')"),
    "null-coordinate": ([[None, *SQUARE[1:]]], "no finite number (None)"),
    "true-coordinate": ([[True, *SQUARE[1:]]], "no finite number (True)"),
    "endless-coordinate": ([[10**4000, *SQUARE[1:]]], "no finite number (1000"),
    "1e8": ([[1e8, *SQUARE[1:]]], "far outside the picture (1e+08)"),
    "1e12": ([[1e12, *SQUARE[1:]]], "far outside the picture (1e+12)"),
    "-1e9": ([[0, -1e9, *SQUARE[2:]]], "far outside the picture (-1e+09)"),
    "1e308": ([[0, 1e308, *SQUARE[2:]]], "far outside the picture (1e+308)"),
    "2-to-64": ([[2**64, *SQUARE[1:]]], "far outside the picture (1.84467e+19)"),
    "outside": ([[50, 2, 60, 2, 60, 9]], "wholly outside the picture"),
    "outside-above": ([[5, -2, 9, -2, 9, -9]], "wholly outside the picture"),
    "on-one-line": ([[3, 3, 5, 5, 7, 7]], "a polygon without area"),
    "on-one-column": ([[3, 3, 3, 9, 3, 5, 3, 6]], "a polygon without area"),
    "one-point-again": ([[3, 3] * 5], "a polygon without area"),
    "second-polygon-bad": ([SQUARE, [1, 1]], "a polygon with fewer than 3 points"),
    "endless-outline": ([ZIGZAG], "an outline of"),
    "endless-outline-in-pieces": ([ZIGZAG[:30_000]] * 4, "an outline of"),
    "rle-empty": ({}, "RLE size None, but the picture is 30 x 40"),
    "rle-swapped": ({**RLE, "size": [40, 30]}, "RLE size 40 x 30, but the picture is 30 x 40 (swapped?"),
    "rle-of-another-size": ({**RLE, "size": [31, 40]}, "RLE size 31 x 40"),
    "rle-size-text": ({**RLE, "size": ["30", "40"]}, "RLE size '30' x '40'"),
    "rle-size-object": ({**RLE, "size": {"h": 30, "w": 40}}, "RLE size a dict"),
    "rle-size-deep": ({**RLE, "size": [deep(900), 40]}, "RLE size a list x 40"),
    "rle-size-three": ({**RLE, "size": [30, 40, 3]}, "RLE size a list"),
    "rle-size-absurd": ({**RLE, "size": [2**40, 2**40]}, "RLE size 1099511627776 x"),
    "rle-without-counts": ({"size": [30, 40]}, "RLE without counts"),
    "rle-counts-null": ({**RLE, "counts": None}, "RLE without counts"),
    "rle-counts-empty": ({**RLE, "counts": []}, "RLE without counts"),
    "rle-counts-number": ({**RLE, "counts": 1200}, "RLE without counts"),
    "rle-short": ({**RLE, "counts": [0, 10]}, "sum to 10, not 30 x 40 = 1200"),
    "rle-long": ({**RLE, "counts": [0, 10, 1191]}, "sum to 1201, not 30 x 40 = 1200"),
    "rle-far-too-long": ({**RLE, "counts": [0, 2**31, 1200]}, "above the 1200 pixels of the picture (2147483648)"),
    "rle-endless": ({**RLE, "counts": [10**4000] * 20}, "above the 1200 pixels of the picture (1000"),
    "rle-wraps-around": ({**RLE, "counts": [2**32 - 1, 1, 1200]}, "above the 1200 pixels of the picture"),
    "rle-negative": ({**RLE, "counts": [-1, 1201]}, "no natural number (-1)"),
    "rle-half": ({**RLE, "counts": [1.5, 1198.5]}, "no natural number (1.5)"),
    "rle-floats": ({**RLE, "counts": [1.0, 1199.0]}, "no natural number (1.0)"),
    "rle-true": ({**RLE, "counts": [True, 1199]}, "no natural number (True)"),
    "rle-null": ({**RLE, "counts": [None, 1200]}, "no natural number (None)"),
    "rle-text": ({**RLE, "counts": ["1200"]}, "no natural number ('1200')"),
    "rle-deep": ({**RLE, "counts": [deep(900)]}, "no natural number (a list)"),
    "compressed-empty": ({**RLE, "counts": ""}, "RLE without counts"),
    "compressed-cut-off": ({**RLE, "counts": "ooo"}, "cannot be decoded (cut off)"),
    "compressed-foreign": ({**RLE, "counts": "\u00e9"}, "cannot be decoded (character '\u00e9')"),
    "compressed-below": ({**RLE, "counts": "/"}, "cannot be decoded (character '/')"),
    "compressed-control": ({**RLE, "counts": "\n\0"}, r"cannot be decoded (character '\n')"),
    "compressed-surrogate": ({**RLE, "counts": "\ud800"}, r"cannot be decoded (character '\ud800')"),
    "compressed-python": ({**RLE, "counts": "b'0a1'"}, "cannot be decoded (character"),
    "compressed-endless": ({**RLE, "counts": "o" * 100_000}, "longer than 30 bits"),
    "compressed-short": ({**RLE, "counts": "0:"}, "sum to 10, not 30 x 40 = 1200"),
    "compressed-negative": ({**RLE, "counts": "O"}, "no natural number (-1)"),
}
GOOD: dict[str, Any] = {
    "two-polygons": [SQUARE, [20, 20, 30, 20, 30, 29]],
    "crosses-itself": [STAR],
    "bow-tie": [[2, 2, 20, 20, 20, 2, 2, 20]],
    "partly-outside": [[-9, -9, 10, 0, 10, 10]],
    "floats-and-whole-numbers": [[0.5, 0, 10, 0.25, 10, 10]],
    "rle": RLE,
    "rle-size-as-floats": {**RLE, "size": [30.0, 40.0]},
    "rle-of-empty-runs": {**RLE, "counts": [0, 0, 0, 10, 0, 0, 1190]},
    "rle-of-everything": {**RLE, "counts": [0, 1200]},
    "rle-of-nothing": {**RLE, "counts": [1200]},
    "rle-with-keys-of-others": {**RLE, "colour": "red"},
    "compressed": {**RLE, "counts": "0:VU1"},
}


@pytest.mark.parametrize("case", BAD)
def test_a_segmentation_that_cannot_be_painted_is_a_finding(
    folder: Path, capsys: Capture, cases: Cases, case: str
) -> None:
    segmentation, said = BAD[case]
    change(folder, put("annotations/1/segmentation", segmentation))
    refused(capsys, cases, folder, f"/annotations/1: {said}" if said.startswith(("a ", "RLE size")) else said)


def test_a_missing_segmentation_is_a_finding(folder: Path, capsys: Capture, cases: Cases) -> None:
    change(folder, lambda document: document["annotations"][1].pop("segmentation"))
    refused(capsys, cases, folder, "/annotations/1: no segmentation", ("check", "train", "search"))


def fill(folder: Path, segmentations: list[Any]) -> None:
    """Put one annotation for each of these on the second train photo."""
    entry = {**read(folder)["annotations"][1], "area": None}
    more = [{**entry, "segmentation": one} for one in segmentations]
    change(folder, lambda document: document["annotations"].extend(more))


def test_all_of_them_together_are_listed_counted_and_left_out(folder: Path, capsys: Capture, cases: Cases) -> None:
    fill(folder, [segmentation for segmentation, _ in BAD.values()])
    cases.add(len(BAD))
    assert run_search.main(words_of("check --all", folder)) == 2
    out, err = capsys.readouterr()
    assert sum(line.startswith(f"{folder}/train.json /annotations/") for line in out.splitlines()) == len(BAD)
    assert f"{len(BAD)} finding(s) in all." in err
    assert f"{len(BAD)} bad entries would be left out" in accepted(capsys, cases, folder, ("--skip-bad",))


@pytest.mark.parametrize("case", GOOD)
def test_a_segmentation_that_can_be_painted_is_let_through(
    folder: Path, capsys: Capture, cases: Cases, case: str
) -> None:
    change(folder, put("annotations/1/segmentation", GOOD[case]))
    said = accepted(capsys, cases, folder)
    assert "3 " in said
    assert ("1 annotations with a polygon that crosses itself" in said) == (case in ("crosses-itself", "bow-tie"))


def test_training_paints_the_good_ones_and_leaves_the_bad_ones_out(folder: Path, capsys: Capture, cases: Cases) -> None:
    fill(folder, [*GOOD.values(), *(segmentation for segmentation, _ in BAD.values())])
    cases.add(len(GOOD) + len(BAD))
    assert run_search.main([*words_of("train", folder), "--skip-bad"]) == 0
    assert "epoch 1/1 val_miou" in capsys.readouterr().out
