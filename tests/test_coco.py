"""An annotation file is read entry by entry; what is wrong is named with file, JSON pointer and remedy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tiny import annotation, coco
from trashseg_core.data.coco import label_table, read_split
from trashseg_core.data.segmentations import segmentation_fault
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("annotation-files")

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a document (or raw text) as train.json."""

    def to(document: Any) -> Path:
        path = tmp_path / "train.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return to


def photo(**replaced: Any) -> dict[str, Any]:
    return {**coco()["images"][0], **replaced}


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def test_a_valid_file_is_read_without_findings(write: Write) -> None:
    split = read_split(write(coco()))
    assert split.findings == []
    assert [(one.id, one.file_name, one.height, one.width) for one in split.photos] == [(0, "a.png", 30, 40)]
    assert split.categories == {1: "paper", 2: "metal"}
    assert [one.area for one in split.annotations[0]] == [64.0]


def test_a_byte_order_mark_is_accepted(write: Write) -> None:
    assert read_split(write("\ufeff" + json.dumps(coco()))).findings == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("<html>", "not valid JSON .line 1, column 1"),
        ('{"images": [', "not valid JSON .line 1, column 13"),
        ("[]", "the top level is a list, but must be an object"),
        ('"text"', "the top level is a str, but must be an object"),
        ('{"images": [], "images": []}', "key 'images' occurs twice"),
        ('{"images": NaN}', "NaN is not a JSON number"),
        ('{"images": -Infinity}', "-Infinity is not a JSON number"),
        ("[" * 100_000, "nested too deeply|not valid JSON|recursion"),
        ('{"images": ' + "9" * 5000 + "}", "Exceeds the limit"),
    ],
)
def test_text_that_is_no_annotation_file_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_split(write(text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="train.json: cannot be read .No such file"):
        read_split(tmp_path / "train.json")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read .Is a directory"):
        read_split(tmp_path)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BadInput, match="not UTF-8 text .byte 7"):
        read_split(tmp_path / "train.json")


def test_a_file_above_the_cap_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "train.json", "wb") as stream:
        stream.truncate(600_000_000)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(BadInput, match="600.0 MB is above the cap of 512 MB. Raise `--max-json-mb`"):
        read_split(tmp_path / "train.json")


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"images": None}, "/images is a NoneType, but must be a list"),
        ({"annotations": {}}, "/annotations is a dict, but must be a list"),
        ({"images": [1]}, "/images/0 is a int, but must be an object"),
        ({"images": []}, "/images is empty"),
        ({"categories": []}, "/categories has 0 entries, but must have 1 to 254"),
        ({"categories": [{"id": i, "name": str(i)} for i in range(255)]}, "/categories has 255 entries"),
        ({"categories": [{"id": -1, "name": "a"}]}, "/categories/0/id is -1, but must be an integer from 0"),
        ({"categories": [{"id": "1", "name": "a"}]}, "/categories/0/id is '1', but must be an integer"),
        ({"categories": [{"name": "a"}]}, "/categories/0/id is missing"),
        ({"categories": [{"id": 1}]}, "/categories/0/name is None, but must be a text"),
        ({"categories": [{"id": 1, "name": " "}]}, "/categories/0/name is ' ', but must be a text"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "/categories/1/id 1 occurs twice"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, "/categories/1/name 'a' occurs twice"),
        ({"images": [photo(), photo(file_name="b.png")]}, "/images/1/id 0 is taken by /images/0 already"),
        ({"images": [photo(file_name="")]}, "/images/0/file_name is '', but must be a path"),
        ({"images": [photo(file_name=7)]}, "/images/0/file_name is 7, but must be a path"),
        ({"images": [photo(file_name="a\nb.png")]}, r"/images/0/file_name 'a\\nb.png' holds a control character"),
        ({"images": [photo(file_name="a\x85.png")]}, r"/images/0/file_name 'a\\x85.png' holds a control character"),
        ({"images": [photo(height=0)]}, "/images/0/height is 0, but must be an integer from 1"),
        ({"images": [photo(width=-3)]}, "/images/0/width is -3, but must be an integer from 1"),
        ({"images": [photo(width="40")]}, "/images/0/width is '40', but must be an integer"),
        ({"images": [photo(width=2**70)]}, "/images/0/width is 1180591620717411303424, but must be"),
        ({"images": [photo(width=True)]}, "/images/0/width is True, but must be an integer"),
        ({"images": [without(photo(), "width")]}, "/images/0/width is missing, but must be an integer"),
        ({"annotations": [annotation(category_id=9)]}, "/annotations/0/category_id is 9, but /categories does not"),
        ({"annotations": [without(annotation(), "category_id")]}, "/annotations/0/category_id is missing"),
        ({"annotations": [without(annotation(), "image_id")]}, "/annotations/0/image_id is missing"),
        ({"annotations": [annotation(area="64")]}, "/annotations/0/area is '64', but must be a number"),
        ({"annotations": [annotation(area=True)]}, "/annotations/0/area is True, but must be a number"),
        ({"annotations": [annotation(area=10**400)]}, "/annotations/0/area is 1000.*, but must be a number"),
        ({"annotations": [annotation(iscrowd=2)]}, "/annotations/0/iscrowd is 2, but must be 0 or 1"),
        ({"annotations": [annotation(iscrowd=True)]}, "/annotations/0/iscrowd is True, but must be 0 or 1"),
        ({"annotations": [annotation(iscrowd=[])]}, r"/annotations/0/iscrowd is a list, but must be 0 or 1"),
    ],
)
def test_an_entry_that_no_flag_can_excuse_is_refused(write: Write, replaced: Any, message: str) -> None:
    with pytest.raises(BadInput, match=f"train.json:? {message}|train.json {message}"):
        read_split(write(coco(**replaced)))


@pytest.mark.parametrize("key", ["images", "categories", "annotations"])
def test_a_missing_list_is_named(write: Write, key: str) -> None:
    with pytest.raises(BadInput, match=f"/{key} is missing, but must be a list"):
        read_split(write(without(coco(), key)))


def test_a_test_set_needs_no_annotations(write: Write) -> None:
    assert len(read_split(write(without(coco(), "annotations")), needs_annotations=False).photos) == 1


@pytest.mark.parametrize(
    ("replaced", "finding"),
    [
        ({"annotations": [annotation(image_id=5)]}, "/annotations/0: image_id 5 is not in /images"),
        ({"images": [photo(), photo(id=1)]}, "/images/1: a.png is listed by /images/0 already"),
        ({"images": [photo(), photo(id=1, file_name="./a.png")]}, "/images/1: ./a.png is listed by /images/0 already"),
        ({"annotations": [annotation(segmentation=[])]}, "/annotations/0: no segmentation"),
    ],
)
def test_an_entry_that_can_be_skipped_is_a_finding(write: Write, replaced: Any, finding: str) -> None:
    split = read_split(write(coco(**replaced)))
    assert [finding in str(found) for found in split.findings] == [True]


SQUARE = [0, 0, 10, 0, 10, 10, 0, 10]
GOOD_RLE = {"size": [30, 40], "counts": [0, 10, 1190]}


@pytest.mark.reliability("segmentations")
@pytest.mark.parametrize(
    ("segmentation", "fault"),
    [
        (None, "no segmentation"),
        ([], "no segmentation"),
        (7, "no segmentation"),
        ([[]], "fewer than 3 points"),
        ([[1, 1]], "fewer than 3 points"),
        ([[1, 1, 2, 2]], "fewer than 3 points"),
        ([SQUARE + [3]], "odd number of coordinates"),
        ([["a", *SQUARE[1:]]], "no finite number ('a')"),
        ([[True, *SQUARE[1:]]], "no finite number (True)"),
        ([[float("nan"), *SQUARE[1:]]], "no finite number (nan)"),
        ([[10**400, *SQUARE[1:]]], "no finite number (1000"),
        ([[1e8, *SQUARE[1:]]], "far outside the picture (1e+08)"),
        ([[-1e9, *SQUARE[1:]]], "far outside the picture (-1e+09)"),
        ([[50, 2, 60, 2, 60, 9]], "wholly outside the picture"),
        ([[3, 3, 5, 5, 7, 7]], "without area"),
        ([[3, 3, 3, 9, 3, 5]], "without area"),
        ([SQUARE, [1, 1]], "fewer than 3 points"),
        ({**GOOD_RLE, "size": [40, 30]}, "swapped? expected [height, width]"),
        ({**GOOD_RLE, "size": None}, "RLE size None"),
        ({"size": [30, 40]}, "RLE without counts"),
        ({**GOOD_RLE, "counts": []}, "RLE without counts"),
        ({**GOOD_RLE, "counts": [0, 10]}, "sum to 10, not 30 x 40 = 1200"),
        ({**GOOD_RLE, "counts": [-1, 1201]}, "no natural number (-1)"),
        ({**GOOD_RLE, "counts": [1.5]}, "no natural number (1.5)"),
        ({**GOOD_RLE, "counts": [True]}, "no natural number (True)"),
        ({**GOOD_RLE, "counts": "\u00e9"}, "cannot be decoded"),
        ({**GOOD_RLE, "counts": "ooo"}, "cannot be decoded (cut off)"),
        ({**GOOD_RLE, "counts": "o" * 99}, "longer than 30 bits"),
    ],
)
def test_a_segmentation_that_pycocotools_must_not_see_is_named(segmentation: Any, fault: str) -> None:
    assert fault in (segmentation_fault(segmentation, 30, 40) or "")


@pytest.mark.reliability("segmentations")
@pytest.mark.parametrize("segmentation", [[SQUARE], [SQUARE, SQUARE], GOOD_RLE, [[-1, -1, 10, 0, 10, 10]]])
def test_a_good_segmentation_has_no_fault(segmentation: Any) -> None:
    assert segmentation_fault(segmentation, 30, 40) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["size", "counts", "x"]), inner),
    max_leaves=12,
)


@pytest.mark.reliability("segmentations")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON)
def test_no_json_value_crashes_the_check_of_a_segmentation(value: Any) -> None:
    fault = segmentation_fault(value, 30, 40)
    assert fault is None or isinstance(fault, str)


def test_labels_are_ranks_of_ids_and_an_id_0_is_a_class() -> None:
    assert label_table({7: "c", 0: "a", 3: "b"}) == ({0: 1, 3: 2, 7: 3}, ["Background", "a", "b", "c"])


def test_a_category_called_background_is_refused_with_the_flag_that_maps_it() -> None:
    with pytest.raises(BadInput, match="Category 4 is called 'background'.*--background-category background"):
        label_table({4: "background", 5: "paper"})


def test_the_named_background_category_maps_to_0() -> None:
    assert label_table({0: "Background", 5: "paper"}, "Background") == ({0: 0, 5: 1}, ["Background", "paper"])


def test_an_unknown_background_category_lists_the_categories() -> None:
    with pytest.raises(BadInput, match="--background-category floor` is not a category. Categories: metal, paper"):
        label_table({1: "paper", 2: "metal"}, "floor")


def test_the_real_taco_annotations_read_without_findings(shared: Path) -> None:
    split = read_split(shared / "data" / "taco_meta" / "annotations.json")
    assert split.findings == []
    assert (len(split.photos), sum(map(len, split.annotations.values())), len(split.categories)) == (1500, 4784, 60)
    assert label_table(split.categories)[0][0] == 1
