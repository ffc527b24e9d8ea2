"""A cache folder is built once, replaced when its sources change, and never half there."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.preflight import build_caches
from tests.tiny import tiny_config, write_folder
from trashseg_core.data import cache
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.cache_store import cache_root, cached_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_label_map, fit_photo
from trashseg_core.errors import BadInput

SHAPES = [(30, 40), (48, 24), (32, 32)]
SIZE = 32


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache root for one test."""
    monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> DataFolder:
    return DataFolder(str(write_folder(tmp_path / "data", {"train": SHAPES, "val": SHAPES[:1]})))


def folders(root: Path) -> list[str]:
    """Names of everything under the cache root but the lock files."""
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "read_photo", lambda *_, **__: pytest.fail("a photo was decoded again"))


def test_arrays_hold_what_reading_and_painting_each_photo_gives(folder: DataFolder) -> None:
    opened, split = open_split(folder, "train", SIZE), folder.read("train")
    labels, _ = folder.labels(split)
    for index, photo in enumerate(split.photos):
        painted = paint(split.annotations[photo.id], labels, photo.height, photo.width)
        assert np.array_equal(opened.truth(index), painted)
        assert np.array_equal(opened.labels[index], fit_label_map(painted, SIZE))
        assert np.array_equal(opened.images[index], fit_photo(read_photo(folder.photo_path(photo)), SIZE))


def test_the_table_names_photos_classes_and_native_sizes(folder: DataFolder) -> None:
    opened = open_split(folder, "train", SIZE)
    assert opened.file_names == ["train/0.png", "train/1.png", "train/2.png"]
    assert opened.class_names == ["Background", "paper", "metal"]
    assert opened.sizes.tolist() == [list(shape) for shape in SHAPES]


def test_the_extent_is_where_the_padding_ends(folder: DataFolder) -> None:
    opened = open_split(folder, "train", SIZE)
    assert [opened.extent(index) for index in range(3)] == [(24, 32), (32, 16), (32, 32)]
    for index in range(3):
        height, width = opened.extent(index)
        outside = np.ones((SIZE, SIZE), bool)
        outside[:height, :width] = False
        assert ((opened.labels[index] == 255) == outside).all()


def test_arrays_are_memory_mapped_read_only(folder: DataFolder) -> None:
    opened = open_split(folder, "train", SIZE)
    for array in (opened.images, opened.labels, opened.native):
        assert isinstance(array, np.memmap) and not array.flags.writeable


def test_a_second_open_decodes_nothing(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_split(folder, "train", SIZE)
    forbid_decoding(monkeypatch)
    second = open_split(folder, "train", SIZE)
    assert (first.key, first.images.tobytes()) == (second.key, second.images.tobytes())


def build_again(folder: DataFolder, first: CachedSplit, root: Path) -> CachedSplit:
    """Open again and require one new folder that replaced the old one."""
    before = folders(root)
    second = open_split(folder, "train", SIZE)
    assert second.key != first.key
    assert (len(before), len(folders(root)), before == folders(root)) == (1, 1, False)
    return second


def test_a_touched_photo_replaces_the_cache(folder: DataFolder, root: Path) -> None:
    first = open_split(folder, "train", SIZE)
    os.utime(Path(folder.path) / "train/1.png", ns=(1, 1))
    build_again(folder, first, root)


def test_a_changed_annotation_file_replaces_the_cache(folder: DataFolder, root: Path) -> None:
    first = open_split(folder, "train", SIZE)
    path = folder.split_path("train")
    path.write_text(path.read_text(encoding="utf-8").replace('"metal"', '"glass"'), encoding="utf-8")
    assert build_again(folder, first, root).class_names[2] == "glass"


def test_another_size_has_a_cache_of_its_own(folder: DataFolder, root: Path) -> None:
    small, large = open_split(folder, "train", SIZE), open_split(folder, "train", 64)
    assert (small.images.shape[1], large.images.shape[1], len(folders(root))) == (SIZE, 64, 2)


def test_train_and_val_keep_each_their_own_cache(folder: DataFolder, root: Path) -> None:
    train, val = open_split(folder, "train", SIZE), open_split(folder, "val", SIZE)
    assert (len(train), len(val), len(folders(root))) == (3, 1, 2)


def test_arrays_stay_readable_after_their_folder_was_replaced(folder: DataFolder) -> None:
    first = open_split(folder, "train", SIZE)
    os.utime(Path(folder.path) / "train/1.png", ns=(1, 1))
    assert open_split(folder, "train", SIZE).images.tobytes() == first.images.tobytes()


def test_a_failure_in_the_middle_leaves_nothing_under_the_final_name(folder: DataFolder, root: Path) -> None:
    photo = Path(folder.path) / "train/2.png"
    photo.write_bytes(photo.read_bytes()[:60])
    with pytest.raises(BadInput, match="train/2.png: cannot be decoded"):
        open_split(folder, "train", SIZE)
    assert folders(root) == []


def damage(folder: DataFolder, *names: str) -> DataFolder:
    """Cut photos off; return the folder with `skip_bad` on."""
    for name in names:
        photo = Path(folder.path) / name
        photo.write_bytes(photo.read_bytes()[:60])
    return replace(folder, skip_bad=True)


@pytest.mark.reliability("photos")
def test_skip_bad_leaves_an_undecodable_photo_out_of_arrays_and_table(folder: DataFolder) -> None:
    whole = open_split(folder, "train", SIZE)
    opened = open_split(damage(folder, "train/1.png"), "train", SIZE)
    assert (opened.file_names, opened.num_skipped) == (["train/0.png", "train/2.png"], 1)
    for array in ("images", "labels", "sizes"):
        assert np.array_equal(getattr(opened, array), getattr(whole, array)[[0, 2]])
    assert np.array_equal(opened.truth(1), whole.truth(2)) and len(opened.native) == 30 * 40 + 32 * 32


def test_a_split_of_which_no_photo_can_be_decoded_is_refused_even_with_skip_bad(folder: DataFolder) -> None:
    with pytest.raises(BadInput, match="val.json: no usable photo is left. First: .*val/0.png: cannot be decoded"):
        open_split(damage(folder, "val/0.png"), "val", SIZE)


def test_preflight_says_how_many_photos_are_left_out(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    tolerant = damage(folder, "train/1.png")
    build_caches(tolerant, [tiny_config(image_size=SIZE)], {name: tolerant.read(name) for name in ("train", "val")})
    told = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert told == ["train: 1 bad entries left out, 2 photos used"]


def test_photos_above_the_folder_s_cap_are_refused_or_skipped(folder: DataFolder) -> None:
    capped = replace(folder, max_megapixels=0.00115)
    with pytest.raises(BadInput, match="train/0.png: 40 x 30 px is above the cap"):
        open_split(capped, "train", SIZE)
    assert open_split(replace(capped, skip_bad=True), "train", SIZE).file_names == ["train/2.png"]


@pytest.mark.parametrize("choice", [{"skip_bad": True}, {"background_category": "paper"}])
def test_searches_with_other_choices_keep_each_their_own_cache(
    folder: DataFolder, root: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any]
) -> None:
    open_split(folder, "train", SIZE)
    open_split(replace(folder, **choice), "train", SIZE)
    assert len(folders(root)) == 2
    forbid_decoding(monkeypatch)
    open_split(folder, "train", SIZE)


def test_a_cache_that_another_search_removes_before_it_is_opened_is_built_again(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, removed = cache._load, []

    def remove_first(path: Path, key: str) -> CachedSplit:
        if not removed:
            removed.append(path)
            shutil.rmtree(path)
        return load(path, key)

    monkeypatch.setattr(cache, "_load", remove_first)
    assert len(open_split(folder, "train", SIZE)) == 3 and removed


@pytest.mark.reliability("half-writes")
def test_what_a_killed_builder_left_is_removed(folder: DataFolder, root: Path) -> None:
    first = open_split(folder, "train", SIZE)
    (root / f".{folders(root)[0]}.killed").mkdir()
    os.utime(Path(folder.path) / "train/1.png", ns=(1, 1))
    assert open_split(folder, "train", SIZE).key != first.key
    assert len(folders(root)) == 1


def test_progress_counts_every_photo_in_order(folder: DataFolder) -> None:
    calls: list[tuple[int, int]] = []
    open_split(folder, "train", SIZE, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_root_that_cannot_be_written_is_refused(root: Path) -> None:
    root.write_text("a file where the folder belongs", encoding="ascii")
    with pytest.raises(BadInput, match="the cache cannot be written .*Set TRASHSEG_CACHE"):
        cached_folder("slot", "key", lambda target: None)


def test_without_the_variable_the_cache_lies_in_the_user_s_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRASHSEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "trashseg"


BUILDER = """
import sys, time
from pathlib import Path
from trashseg_core.data.cache_store import cached_folder

def build(target):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (target / "a").write_text("half")
    time.sleep(1)
    (target / "b").write_text("whole")

path = cached_folder("slot", "key", build)
print(path.name, sorted(entry.name for entry in path.iterdir()))
"""


def test_two_processes_that_build_at_once_build_once(root: Path, tmp_path: Path) -> None:
    command, cwd = [sys.executable, "-c", BUILDER, str(tmp_path / "log")], Path(__file__).parents[1]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert outputs[0] == outputs[1] and "['a', 'b']" in outputs[0]
    assert (tmp_path / "log").read_text(encoding="ascii") == "built\n"
