"""Room for predictions: what the candidates predict decides on the grid, more views take what is left."""

from functools import partial
from pathlib import Path

import pytest

from experiments import pool as pools
from tests.test_ensemble import checkpoint
from tests.test_ensembling import built, finished, make_run, row
from tests.tiny import write_folder
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.grid import open_grid
from trashseg_core.ensemble.probabilities import predict_folds

SIZES = {"train": [(40, 40)] * 4, "val": [(300, 320)] * 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("data"), SIZES)))


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("trials")
    return [checkpoint(root / str(number), number) for number in range(2)]


def gigabytes(data: DataFolder, predictions: float) -> float:
    """What so many predictions of native size take; a little more, for their states."""
    return (predictions * open_grid(open_split(data, "val", 64)).num_bytes + 5_000) / 1e9


@pytest.mark.parametrize("tta", ["auto", "flip"])
def test_without_room_for_more_views_val_is_predicted_at_native_size_and_they_are_not_tried(
    tmp_path: Path, data: DataFolder, trials: list[Path], tta: str
) -> None:
    run = make_run(tmp_path / "run", data, trials)
    ensemble = built(run, data, method="uniform", tta=tta, crf="on", store_gb=gigabytes(data, 2.5))
    assert ensemble.provenance["pixels"] == "native" and row(ensemble, "CRF")["kept"]
    why = row(ensemble, "TTA flip")["why"]
    assert why.startswith("not tried: there is no room") and "`--store-gb`" in why
    assert {member.tta for member in ensemble.members} == {"none"}
    assert len(finished(run)) == 2


def test_more_views_need_room_for_the_members_only(tmp_path: Path, data: DataFolder, trials: list[Path]) -> None:
    run = make_run(tmp_path / "run", data, trials)
    ensemble = built(run, data, method="single", tta="flip", store_gb=gigabytes(data, 3))
    assert [member.tta for member in ensemble.members] == ["flip"]
    assert len(finished(run)) == 3


def test_views_that_nobody_needs_any_more_give_way_to_those_of_the_members(
    tmp_path: Path, data: DataFolder, trials: list[Path]
) -> None:
    run = make_run(tmp_path / "run", data, trials)
    built(run, data, method="single", tta="flip", store_gb=gigabytes(data, 3))
    before = finished(run)
    ensemble = built(run, data, method="single", tta="flips", store_gb=gigabytes(data, 3))
    assert [member.tta for member in ensemble.members] == ["flips"]
    assert len(finished(run)) == 3 and len(before.items() & finished(run).items()) == 2


def test_a_run_that_was_killed_within_a_prediction_fits_again(
    tmp_path: Path, data: DataFolder, trials: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, most = make_run(tmp_path / "run", data, trials), gigabytes(data, 2)

    def interrupt(done: int, total: int) -> None:
        if finished(run):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pools, "predict_folds", partial(predict_folds, progress=interrupt))
        built(run, data, tta="none", method="single", store_gb=most)
    before = finished(run)
    ensemble = built(run, data, tta="none", method="single", store_gb=most)
    assert ensemble.provenance["pixels"] == "native" and before and finished(run).items() >= before.items()
