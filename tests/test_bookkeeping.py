"""Tune's bookkeeping goes where `--storage` says."""

from pathlib import Path

import pytest

from experiments.placement.bookkeeping import tune_storage
from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput


def settings(storage: str | None) -> SearchSettings:
    return SearchSettings("data", "quick", "first", storage=storage)


def test_by_default_it_lies_in_the_run_folder() -> None:
    assert tune_storage(settings(None)) == {"storage_path": str(Path("runs/first/ray").absolute())}


def test_a_folder_is_made_absolute() -> None:
    assert tune_storage(settings("shared")) == {"storage_path": str(Path("shared").absolute())}


def test_a_uri_of_pyarrow_is_left_to_ray() -> None:
    assert tune_storage(settings("file:///shared")) == {"storage_path": "file:///shared"}


def test_any_other_uri_goes_through_fsspec() -> None:
    storage = tune_storage(settings("memory:///shared"))
    assert storage["storage_path"] == "/shared"
    assert storage["storage_filesystem"].type_name.startswith("py::fsspec")


@pytest.mark.parametrize("uri", ["nonsense://bucket", "abfs://bucket/runs"], ids=["unknown", "package missing"])
def test_a_uri_that_nobody_can_open_is_refused(uri: str) -> None:
    with pytest.raises(BadInput, match=f"`--storage {uri}`: .*Give a folder that all nodes share, or an fsspec URI"):
        tune_storage(settings(uri))
