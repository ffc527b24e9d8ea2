"""A disk that fills up in a training outside a search and while photos are labelled: one line, and it goes on later."""

from pathlib import Path

import pytest

import run_search
from tests.reliability.cases import Cases
from tests.reliability.small_disk import empty, fill, small_disk
from tests.reliability.test_disk_full_stages import contents
from tests.test_killed_labelling import labelled_calmly, listed, same_labels, wish
from tests.tiny import FASTEST
from trashseg_core.checkpoint import WEIGHTS, read_weights
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.full_disk import is_full
from trashseg_core.pseudo.labelling import label_photos

pytestmark = [pytest.mark.slow, pytest.mark.reliability("disk-full")]
EPOCHS = 3


def test_a_training_whose_disk_fills_up_says_so_and_goes_on_from_its_last_whole_checkpoint(
    tmp_path: Path, sample_folder: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    assignments = [f"{name}={value}" for name, value in {**FASTEST, "epochs": EPOCHS}.items()]
    words = ["train", "--data", str(sample_folder), "--set", *assignments, "--out"]
    assert run_search.main([*words, str(tmp_path / "calm")]) == 0
    last = f"epoch_{EPOCHS:04d}"
    calm = read_weights(tmp_path / "calm" / last / WEIGHTS)
    size = sum(map(len, contents(tmp_path / "calm" / last).values()))
    with small_disk(tmp_path / "disk", 5 * size / 2**20) as disk:
        fill(disk, free=round(1.5 * size))
        for _ in range(2):
            cases.add()
            capsys.readouterr()
            assert run_search.main([*words, str(disk / "one")]) == 1
            (line,) = capsys.readouterr().err.splitlines()[-1:]
            assert "No space left on device" in line and str(disk / "one") in line
            (kept,) = (disk / "one").glob("epoch_*")
            assert kept.name == "epoch_0001" and read_weights(kept / WEIGHTS)
        empty(disk)
        capsys.readouterr()
        assert run_search.main([*words, str(disk / "one")]) == 0
        assert "epoch 1/3" not in capsys.readouterr().out
        after = read_weights(disk / "one" / last / WEIGHTS)
        assert all(value.equal(after[name]) for name, value in calm.items())


def test_a_labelling_whose_disk_fills_up_keeps_its_label_maps_and_goes_on(tmp_path: Path, cases: Cases) -> None:
    cases.add()
    root = labelled_calmly(tmp_path / "labelling")
    data = DataFolder(str(root / "data"))
    with small_disk(tmp_path / "disk", 4) as disk:
        fill(disk, free=60_000)
        with pytest.raises(OSError) as raised:
            label_photos(wish(root), data, disk / "pseudo")
        assert is_full(raised.value) and str(disk) in str(raised.value)
        assert not (disk / "pseudo").exists()
        empty(disk)
        label_photos(wish(root), data, disk / "pseudo")
        assert listed(disk / "pseudo") == listed(root / "calm") and same_labels(disk / "pseudo", root / "calm")
