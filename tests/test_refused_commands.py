"""Settings that no search could use are refused with one line, exit code 2, and nothing done."""

from pathlib import Path
from typing import Annotated

import pytest
import tyro

from experiments.verbs.command_line import run_command
from tests.test_cli import Capture, data, own_signal_handlers, refused, search_words

pytestmark = pytest.mark.reliability("command-line")

__all__ = ["data", "own_signal_handlers"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--set", "weight_decey=1"), "Unknown hyperparameter `weight_decey`. Did you mean `weight_decay`?"),
        (("--set", "leraning_rate=1"), "Unknown hyperparameter `leraning_rate`. Did you mean `lr`?"),
        (("--set", "optimizer=adam"), "must be one of madgrad, adamw, sgd, lion. Did you mean `adamw`?"),
        (("--set", "loss_mix=dicee"), "Did you mean `dice`?"),
        (("--set", "augment=hard"), "The value of `augment` is 'hard', but must be one of none, light, strong."),
        (("--set", "encoder_name=resnet1818"), "neither smp nor timm has. Did you mean `resnet18`?"),
        (("--set", "lr=nan"), "The value of `lr` is nan, but must be finite."),
        (("--objective", "f1"), "The value of `--objective` is 'f1', but must be one of val_miou, val_miou_low."),
        (("--mode", "maximum"), "`search` has no flag `--mode`."),
        (("--grace-period", "31"), "The value of `--grace-period` is 31, above the 30 epochs."),
        (("--reduction-factor", "1"), "The value of `--reduction-factor` is 1.0, but must be above 1."),
        (("--full-trials", "0"), "The value of `--full-trials` is 0, but must be 1 or more."),
        (("--full-trials", "2", "--scheduler", "asha"), "`--scheduler asha` stops trials for good. Take promotion for"),
        (("--gpus-per-trial", "99"), "`--gpus-per-trial 99`, but there are"),
        (("--concurrent", "many"), "The value of `--concurrent` is 'many', but must be a whole number or auto."),
        (("--warm-start", "nowhere"), "nowhere: there is no search here"),
        (("--enqueue", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--set", "lr"), "`--set lr` has no `=`. Write `--set field=value`."),
        (("--set", "lr=fast"), "The value of `lr` is 'fast', but must be a number."),
        (("--set", "image_size=100"), "The value of `image_size` is 100, but must be a multiple of 32."),
        (("--set", "decoder_name=unett"), "The value of `decoder_name` is 'unett', but must be one of"),
        (("--trials", "0"), "The value of `--trials` is 0, but must be 1 or more."),
        (("--space", "quik"), "Unknown space `quik`. Spaces: baseline, pseudo, quick, wide"),
        (("--tracking-uri", "./mlruns"), "The value of `--tracking-uri` is './mlruns'"),
    ],
)
def test_a_bad_setting_is_refused_before_any_work(
    capsys: Capture, data: Path, more: tuple[str, ...], message: str
) -> None:
    words = search_words(data, *more)
    assert message in refused(capsys, *words)
    assert not (Path("runs") / "first" / "manifest.json").exists()


@pytest.mark.parametrize("flag", ["--out", "--storage"])
def test_a_place_that_cannot_be_written_to_is_refused(capsys: Capture, data: Path, tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").write_text("x")
    assert f"`{flag} file`: {tmp_path / 'file'}" in refused(capsys, *search_words(data, flag, "file"))


def make(folder: Annotated[Path, tyro.conf.Positional], /) -> None:
    """Make a folder."""
    folder.mkdir(parents=True, exist_ok=True)


def read(file: Annotated[Path, tyro.conf.Positional], /) -> None:
    """Read a file."""
    file.read_bytes()


@pytest.mark.parametrize("place", ["file", "/proc/none", "/proc/none/deeper"])
def test_a_folder_that_cannot_be_where_it_is_wanted_needs_another_path(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    assert run_command({"make": make, "read": read}, "", ["make", place]) == 2
    err = capsys.readouterr().err
    assert place.removesuffix("/deeper") in err and err.endswith("Give another path.\n") and err.count("\n") == 1


def test_a_missing_file_is_not_taken_for_a_wrong_path(capsys: Capture) -> None:
    assert run_command({"make": make, "read": read}, "", ["read", "/none"]) == 1
    assert "FileNotFoundError" in capsys.readouterr().err


def test_a_space_in_yaml_is_no_space_and_nothing_in_it_is_run(capsys: Capture, data: Path, tmp_path: Path) -> None:
    Path("space.yaml").write_text(f"!!python/object/apply:os.system ['touch {tmp_path / 'ran'}']")
    assert "Unknown space `space.yaml`" in refused(capsys, *search_words(data, "--space", "space.yaml"))
    assert not (tmp_path / "ran").exists()
