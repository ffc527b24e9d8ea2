"""Entries of annotation files: wrong types, ids and sizes are named by their JSON pointer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.bad_folders import (
    Capture,
    Document,
    accepted,
    change,
    ensemble,
    folder,
    own_signal_handlers,
    refused,
)
from tests.reliability.cases import Cases

__all__ = ["ensemble", "folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("annotation-files")

TOO_BIG = 10**4000
LIMITS = f"must be an integer from {-(2**53)} to {2**53}"


def put(pointer: str, value: Any) -> Callable[[Document], None]:
    """Set the value at a JSON pointer."""
    *path, last = [int(part) if part.isdigit() else part for part in pointer.strip("/").split("/")]

    def mutate(document: Any) -> None:
        for part in path:
            document = document[part]
        document[last] = value

    return mutate


def drop(pointer: str) -> Callable[[Document], None]:
    """Take the key at a JSON pointer out."""
    *path, last = [int(part) if part.isdigit() else part for part in pointer.strip("/").split("/")]

    def mutate(document: Any) -> None:
        for part in path:
            document = document[part]
        del document[last]

    return mutate


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


BAD: dict[str, tuple[Callable[[Document], Any], str]] = {
    **{
        f"{key}-{given}": (put(key, value), f"/{key} is {said}, but must be a list")
        for key in ("images", "annotations", "categories")
        for given, value, said in [("null", None, "a NoneType"), ("object", {}, "a dict"), ("number", 7, "a int")]
    },
    **{
        f"{key}-missing": (drop(key), f"/{key} is missing, but must be a list")
        for key in ("images", "annotations", "categories")
    },
    **{
        f"{key}-of-numbers": (put(f"{key}/1", 7), f"/{key}/1 is a int, but must be an object")
        for key in ("images", "annotations", "categories")
    },
    **{
        f"image-{key}-{given}": (put(f"images/1/{key}", value), f"/images/1/{key} is {said}, but must be an integer")
        for key in ("id", "width", "height")
        for given, value, said in [
            ("text", "1", "'1'"),
            ("true", True, "True"),
            ("half", 1.5, "1.5"),
            ("null", None, "None"),
            ("list", [1], "a list"),
            ("deep", deep(900), "a list"),
            ("2-to-70", 2**70, "1180591620717411303424"),
        ]
    },
    **{
        f"image-{key}-{given}": (put(f"images/1/{key}", value), f"/images/1/{key} is {value}, but must be an integer")
        for key in ("width", "height")
        for given, value in [("0", 0), ("negative", -30), ("above-any-picture", 100_001)]
    },
    "image-id-endless": (put("images/1/id", TOO_BIG), "/images/1/id is 1000"),
    "image-width-endless": (put("images/1/width", TOO_BIG), "/images/1/width is 1000"),
    "image-id-missing": (drop("images/1/id"), "/images/1/id is missing"),
    "image-width-missing": (drop("images/1/width"), "/images/1/width is missing"),
    "image-id-twice": (put("images/2/id", 0), "/images/2/id 0 is taken by /images/0 already"),
    "image-id-twice-as-float": (put("images/2/id", 0.0), "/images/2/id 0 is taken by /images/0 already"),
    "image-larger-than-the-cap": (
        lambda document: document["images"][1].update(width=100_000, height=100_000),
        "train/1.png: 100000 x 100000 px is above the cap of 50 megapixels",
    ),
    "no-images": (put("images", []), "/images is empty"),
    "no-categories": (put("categories", []), "/categories has 0 entries, but must have 1 to 254"),
    "255-categories": (
        put("categories", [{"id": number, "name": f"{number}"} for number in range(255)]),
        "/categories has 255 entries",
    ),
    "a-hundred-thousand-categories": (
        put("categories", [{"id": number, "name": f"{number}"} for number in range(100_000)]),
        "/categories has 100000 entries",
    ),
    "category-id-negative": (put("categories/0/id", -1), "/categories/0/id is -1, but must be an integer from 0"),
    "category-id-text": (put("categories/0/id", "1"), "/categories/0/id is '1', but must be an integer"),
    "category-id-true": (put("categories/0/id", True), "/categories/0/id is True, but must be an integer"),
    "category-id-missing": (drop("categories/0/id"), "/categories/0/id is missing"),
    "category-id-twice": (put("categories/1/id", 1), "/categories/1/id 1 occurs twice"),
    "category-name-twice": (put("categories/1/name", "paper"), "/categories/1/name 'paper' occurs twice"),
    "category-name-missing": (drop("categories/0/name"), "/categories/0/name is None, but must be a text"),
    "category-name-number": (put("categories/0/name", 7), "/categories/0/name is 7, but must be a text"),
    "category-name-blank": (put("categories/0/name", " \t"), "/categories/0/name is ' \\t', but must be a text"),
    "category-name-lines": (put("categories/0/name", "a\nb"), "/categories/0/name 'a\\nb' holds a control character"),
    "category-name-escape": (put("categories/0/name", "\x1b[2J"), "'\\x1b[2J' holds a control character"),
    "category-name-nul": (put("categories/0/name", "a\0"), "'a\\x00' holds a control character"),
    "category-name-surrogate": (put("categories/0/name", "\ud83d"), "'\\ud83d' is no valid Unicode text"),
    "category-name-endless": (put("categories/0/name", "x" * 100_000), "/categories/0/name has 100000 characters"),
    "category-background": (put("categories/0/name", " BackGround"), "Add `--background-category"),
    "annotation-image-missing": (drop("annotations/1/image_id"), "/annotations/1/image_id is missing"),
    "annotation-image-text": (put("annotations/1/image_id", "0"), f"/annotations/1/image_id is '0', but {LIMITS}"),
    "annotation-image-deep": (put("annotations/1/image_id", deep(900)), "/annotations/1/image_id is a list"),
    "annotation-image-unknown": (put("annotations/1/image_id", 99), "/annotations/1: image_id 99 is not in /images"),
    "annotation-category-missing": (drop("annotations/1/category_id"), "/annotations/1/category_id is missing"),
    "annotation-category-true": (put("annotations/1/category_id", True), "/annotations/1/category_id is True, but"),
    "annotation-category-unknown": (
        put("annotations/1/category_id", 9),
        "/annotations/1/category_id is 9, but /categories does not list it",
    ),
    "area-text": (put("annotations/1/area", "64"), "/annotations/1/area is '64', but must be a number"),
    "area-true": (put("annotations/1/area", True), "/annotations/1/area is True, but must be a number"),
    "area-deep": (put("annotations/1/area", deep(900)), "/annotations/1/area is a list, but must be a number"),
    "area-endless": (put("annotations/1/area", TOO_BIG), "/annotations/1/area is 1000"),
    "crowd-2": (put("annotations/1/iscrowd", 2), "/annotations/1/iscrowd is 2, but must be 0 or 1"),
    "crowd-true": (put("annotations/1/iscrowd", True), "/annotations/1/iscrowd is True, but must be 0 or 1"),
    "crowd-text": (put("annotations/1/iscrowd", "0" * 9999), "/annotations/1/iscrowd is '0000"),
    "crowd-deep": (put("annotations/1/iscrowd", deep(900)), "/annotations/1/iscrowd is a list"),
}
GOOD: dict[str, Callable[[Document], Any]] = {
    "image-ids-as-floats": lambda document: [one.update(id=float(one["id"])) for one in document["images"]],
    "image-ids-negative": lambda document: [
        one.update({key: one[key] - 9}) for kind, key in (("images", "id"), ("annotations", "image_id"))
        for one in document[kind]
    ],
    "annotation-ids-twice": lambda document: [one.update(id=1) for one in document["annotations"]],
    "annotation-ids-missing": lambda document: [one.pop("id") for one in document["annotations"]],
    "box-absurd": put("annotations/1/bbox", [-5, 1e300, "wide"]),
    "area-negative": put("annotations/1/area", -1.5),
    "no-annotations": put("annotations", []),
    "keys-of-others": put("info", {"contributor": "<script>alert(1)</script>"}),
    "annotation-keys-of-others": put("annotations/1/attributes", {"occluded": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_entry_is_named_by_its_pointer(folder: Path, capsys: Capture, cases: Cases, case: str) -> None:
    mutate, said = BAD[case]
    change(folder, mutate)
    refused(capsys, cases, folder, said)


@pytest.mark.parametrize("case", ["image-width-text", "image-id-twice", "image-width-0", "category-name-escape"])
def test_the_test_file_s_entries_are_read_with_the_same_care(
    folder: Path, capsys: Capture, cases: Cases, ensemble: Path, case: str
) -> None:
    mutate, said = BAD[case]
    for name in ("b.png", "c.png"):  # as many images as the train file has
        change(folder, lambda document, name=name: document["images"].append({
            "id": len(document["images"]), "file_name": name, "width": 40, "height": 30
        }), "test")  # fmt: skip
    change(folder, mutate, "test")
    refused(capsys, cases, folder, said, ("check", "search", "predict", "submit"), ensemble=ensemble)


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
@pytest.mark.parametrize("key", ["id", "width", "height", "area", "image_id"])
def test_numbers_beyond_all_floats_are_refused(
    folder: Path, capsys: Capture, cases: Cases, key: str, number: str
) -> None:
    where = "annotations/1" if key in ("area", "image_id") else "images/1"
    change(folder, put(f"{where}/{key}", "THE NUMBER"))
    text = (folder / "train.json").read_text()
    (folder / "train.json").write_text(text.replace('"THE NUMBER"', number))
    refused(capsys, cases, folder, f"/{where}/{key} is {'-' * (number[0] == '-')}inf, but must be")


@pytest.mark.parametrize("case", GOOD)
def test_what_does_not_matter_is_let_through(folder: Path, capsys: Capture, cases: Cases, case: str) -> None:
    change(folder, GOOD[case])
    accepted(capsys, cases, folder)


def test_ids_with_gaps_in_any_order_are_ranked(folder: Path, capsys: Capture, cases: Cases) -> None:
    for split in ("train", "val", "test"):
        change(folder, lambda document: document["categories"].append({"id": 0, "name": "glass"}), split)
        change(folder, lambda document: document["categories"].append({"id": 2**40, "name": "tin"}), split)
    lines = [line for line in accepted(capsys, cases, folder).splitlines() if line.startswith("│")]
    names = ["Background", "glass", "paper", "metal", "tin"]
    assert [name in line for name, line in zip(names, lines, strict=True)] == [True] * 5


def test_classes_without_a_sample_and_areas_that_are_missing_are_told(
    folder: Path, capsys: Capture, cases: Cases
) -> None:
    change(folder, lambda document: document["annotations"].pop(1))
    change(folder, drop("annotations/0/area"))
    said = accepted(capsys, cases, folder)
    assert "warning: no annotation of metal in train" in said
    assert "1 annotations without `area`" in said
