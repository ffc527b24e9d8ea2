"""The manifest says what a run was started with, and refuses to go on with something else."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.manifest import FILE, Manifest, check_unchanged, fingerprint, read_manifest
from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput

DOMAINS = {"lr": ["0.1 to 0.2"], "optimizer": ["one of ['sgd']"]}
DATA = {"train": "abc", "val": "def"}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), set=("lr=0.1",), gpus_per_trial=0.5)
    made = Manifest(settings, "0.1", DOMAINS, DATA)
    settings.folder.mkdir()
    made.write(settings.folder)
    return made


def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    assert read_manifest(manifest.settings.folder) == manifest


def test_a_moved_run_folder_goes_by_its_new_place(manifest: Manifest, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    shutil.move(manifest.settings.folder, moved)
    assert read_manifest(moved).settings.folder == moved


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"there is no search here \(manifest.json is missing\). Start one with `search`"
    ):
        read_manifest(tmp_path)


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize("schema", [2, 0, None, "1"])
def test_an_unknown_schema_is_refused(manifest: Manifest, schema: Any) -> None:
    path = manifest.settings.folder / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": schema}))
    with pytest.raises(BadInput, match="manifest.json: unknown schema. This version reads schema 1"):
        read_manifest(path.parent)


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize(
    "replaced",
    [{"settings": 5}, {"settings": {}}, {"settings": {"set": 5}}, {"settings": {"set": [], "bogus": 1}}, {"bogus": 1}],
)
def test_a_damaged_manifest_is_refused(manifest: Manifest, replaced: dict[str, Any]) -> None:
    path = manifest.settings.folder / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **replaced}))
    with pytest.raises(BadInput, match="manifest.json: damaged .*Restore it from a backup"):
        read_manifest(path.parent)


@pytest.mark.parametrize("word", (2, ["lr=0.1"]))
def test_an_assignment_that_is_no_text_is_damage(manifest: Manifest, word: Any) -> None:
    path = manifest.settings.folder / FILE
    document = json.loads(path.read_text())
    document["settings"]["set"] = [word]
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="manifest.json: damaged"):
        read_manifest(manifest.settings.folder)


@pytest.mark.parametrize("content", ["", "{", "[1"])
def test_a_manifest_that_is_not_json_is_refused(manifest: Manifest, content: str) -> None:
    (manifest.settings.folder / FILE).write_text(content)
    with pytest.raises(BadInput, match="manifest.json: not valid JSON"):
        read_manifest(manifest.settings.folder)


def test_the_same_space_and_data_go_on(manifest: Manifest) -> None:
    check_unchanged(manifest, dict(DOMAINS), dict(DATA))


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({**DOMAINS, "lr": ["0.1 to 0.3"]}, r"`lr` was \['0.1 to 0.2'\], is \['0.1 to 0.3'\]"),
        ({"lr": DOMAINS["lr"]}, r"`optimizer` was .*, is not in it"),
        ({**DOMAINS, "warmup": ["0 to 1"]}, r"`warmup` was not in it, is \['0 to 1'\]"),
    ],
)
def test_a_changed_space_is_refused_with_what_changed(
    manifest: Manifest, domains: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(BadInput, match=f"The space changed since the search was started: {message}"):
        check_unchanged(manifest, domains, DATA)


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize("split", ["train", "val"])
def test_changed_data_are_refused_with_the_split(manifest: Manifest, split: str) -> None:
    with pytest.raises(BadInput, match=f"The {split} data changed since the search was started"):
        check_unchanged(manifest, DOMAINS, {**DATA, split: "other"})


def test_a_hop_is_done_once_it_is_marked_even_after_reading_anew(manifest: Manifest, tmp_path: Path) -> None:
    source = tmp_path / "results.json"
    source.write_text("[]")
    assert not manifest.is_done("ensemble", source, "top_k=5")
    manifest.mark_done(manifest.settings.folder, "ensemble", source, "top_k=5")
    assert read_manifest(manifest.settings.folder).is_done("ensemble", source, "top_k=5")


def test_a_hop_whose_inputs_changed_is_not_done(manifest: Manifest, tmp_path: Path) -> None:
    source = tmp_path / "results.json"
    source.write_text("[]")
    manifest.mark_done(manifest.settings.folder, "ensemble", source, "top_k=5")
    assert not manifest.is_done("ensemble", source, "top_k=6")
    source.write_text("[1]")
    assert not manifest.is_done("ensemble", source, "top_k=5")


def test_fingerprints_tell_where_one_input_ends() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_another_budget_is_no_other_space(manifest: Manifest) -> None:
    manifest.settings = replace(manifest.settings, trials=99)
    check_unchanged(manifest, DOMAINS, DATA)
