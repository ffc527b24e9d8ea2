"""A full disk: one error that names the file, nothing half-written under a final name, and the rest goes on later."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.checkpoints.keeper import Keeper
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.failures import NO_ROOM
from experiments.journal import Journal
from experiments.results import read_results, write_results
from tests.reliability.cases import Cases
from tests.reliability.faulty_search import Numbers
from tests.reliability.small_disk import empty, fill, small_disk
from tests.test_keeper import LIGHT, WHOLE, Search
from tests.tiny import tiny_config
from trashseg_core.checkpoint import write_checkpoint
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import commit_folder
from trashseg_core.errors import BadInput
from trashseg_core.val_confusions import Confusions

pytestmark = pytest.mark.reliability("disk-full")
BLOCK = 4096


def files(folder: Path) -> list[str]:
    """Names of what stands there under a final name."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("free", [0, 100_000, 150_000])
def test_photos_that_do_not_fit_into_the_cache_are_refused_and_fit_later(
    tmp_path: Path, sample_folder: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    data = DataFolder(str(sample_folder))
    calm = open_split(data, "train", 64)
    with small_disk(tmp_path / "disk", 1) as disk:
        monkeypatch.setenv("TRASHSEG_CACHE", str(disk / "cache"))
        (disk / "cache").mkdir()
        fill(disk, free)
        with pytest.raises(BadInput, match=r"cache: the cache cannot be written \(No space left on device\)"):
            open_split(data, "train", 64)
        assert files(disk / "cache") == []
        empty(disk)
        later = open_split(data, "train", 64)
        for name in ("images", "labels", "native"):
            assert np.array_equal(getattr(calm, name), getattr(later, name))
        del later


def checkpoint(folder: Path) -> None:
    """Write a checkpoint of three files, 400 kB of weights and 400 kB of state, and keep it as an epoch's."""
    source = folder / ".epoch"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 10**9, (200, 20, 20))  # 640 kB that nothing compresses well
    scored = Confusions(noise, [f"{number}.jpg" for number in range(200)], ["x"] * 20)
    write_checkpoint(source, tiny_config(), Numbers(1), {"epoch": 2, "moments": torch.rand(100_000)}, scored)
    commit_folder(source, folder / "epoch_0002")


@pytest.mark.parametrize(
    ("free", "name"), [(0, "model"), (200_000, "model"), (420_000, "state"), (900_000, "confusions")]
)
def test_a_checkpoint_that_does_not_fit_is_an_error_that_names_it_and_the_one_before_stays(
    tmp_path: Path, free: int, name: str
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        trial = disk / "t0000"
        (trial / "epoch_0001").mkdir(parents=True)
        (trial / "epoch_0001" / "whole").write_text("whole")
        fill(disk, free + BLOCK)
        with pytest.raises(OSError, match=rf"No space left on device: .*/{name}\.") as caught:
            checkpoint(trial)
        assert caught.value.errno == errno.ENOSPC
        assert files(trial) == ["epoch_0001"] and (trial / "epoch_0001" / "whole").read_text() == "whole"


def journal_with(path: Path, trials: int) -> Journal:
    journal = Journal(path)
    for _ in range(trials):
        journal.add_trial({"lr": 0.1}, {}, {"lr": 0.1})
    return journal


def test_an_event_that_cannot_be_recorded_stops_the_journal_and_leaves_it_whole(tmp_path: Path, cases: Cases) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        journal = journal_with(disk / "journal.jsonl", 3)
        fill(disk)
        with pytest.raises(OSError, match=r"No space left on device: .*journal.jsonl"):
            for epoch in range(1, 1000):
                cases.add()
                journal.add_epoch("t0001", epoch, {"val_miou": 0.5})
        known = {key: sorted(record.epochs) for key, record in journal.trials.items()}
        empty(disk)
        with pytest.raises(OSError, match="No space left"):
            journal.end_trial("t0002", "finished")  # nobody goes on unrecorded
        journal.close()
        content = (disk / "journal.jsonl").read_bytes()
        assert content.endswith(b"}\n") and b"t0002" in content and b"finished" not in content
        again = Journal(disk / "journal.jsonl")
        assert {key: sorted(record.epochs) for key, record in again.trials.items()} == known
        assert again.add_trial({}, {}, {}).key == "t0003"
        again.close()


def test_results_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        search = Search(disk)
        search.run(500, status="finished")
        write_results(disk / "results.json", [])
        old = (disk / "results.json").read_bytes()
        fill(disk)
        many = [row(number) for number in range(100)]
        with pytest.raises(OSError, match=r"No space left on device: .*/results.json"):
            write_results(disk / "results.json", many)
        assert (disk / "results.json").read_bytes() == old and files(disk) == ["ballast", "results.json", "run"]
        empty(disk)
        write_results(disk / "results.json", many)
        assert len(read_results(disk / "results.json")) == 100


def row(number: int) -> Any:
    from experiments.results import TrialResult

    return TrialResult(f"t{number:04d}", "finished", 0.5, 0.4, 1, 1, {}, None, 1.0, None)


def test_a_trial_that_a_full_disk_ended_keeps_all_that_it_needs_and_goes_on_when_the_search_is_resumed(
    tmp_path: Path,
) -> None:
    search = Search(tmp_path, top_k=1, keep=1)
    record = search.run(300, 100)
    search.journal.end_trial(record.key, "failed", f"{NO_ROOM}No space left on device in trials.")
    search.run(200, status="finished")
    search.run(900, status="finished")
    Keeper(search.journal, search.settings).tidy()
    assert search.files("t0000") == {"epoch_0001": WHOLE, "epoch_0002": WHOLE}
    assert search.files("t0001") == {"epoch_0001": LIGHT}
    search.journal.close()
    journal = Journal(search.folder / "journal.jsonl")
    journal.retry_what_had_no_room()
    journal.close()
    again = Journal(search.folder / "journal.jsonl").trials["t0000"]
    assert (again.status, again.error, sorted(again.epochs)) == (None, None, [1, 2])
    last = TrialFolder(search.folder / "trials" / "t0000", "val_miou").last()
    assert last is not None and last.name == "epoch_0002"
