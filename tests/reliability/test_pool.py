"""The pool notices what it is there for: a crash, a death, a hang, a changed folder, too much memory."""

import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.reliability.fuzzing import pool as pool_module
from tests.reliability.fuzzing.case import Case
from tests.reliability.fuzzing.pool import Pool
from tests.reliability.fuzzing.worker import Answer
from trashseg_core.errors import BadInput

SAID = {
    "good": ("fine", ""),
    "refused": ("bad input", "refused"),
    "raises": ("crash", "KeyError"),
    "dies": ("crash", f"exit {-signal.SIGSEGV}"),
    "hangs": ("crash", "no answer for"),
    "writes": ("crash", "the folder changed"),
    "strays": ("crash", "written elsewhere"),
    "grows": ("crash", "MemoryError"),
}


def obey(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Do what the file says."""
    match (folder / "order.txt").read_text():
        case "refused":
            raise BadInput("refused")
        case "raises":
            raise KeyError("x")
        case "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hangs":
            time.sleep(300)
        case "writes":
            (folder / "new.txt").write_text("")
        case "strays":
            Path("new.txt").write_text("")
        case "grows":
            bytearray(8 * 2**30)


@pytest.mark.slow
def test_every_way_to_be_lost_is_noticed_and_the_next_case_is_judged_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "SILENCE_S", 5.0)
    valid, answers = tmp_path / "valid", dict[str, Answer]()
    valid.mkdir()
    (valid / "order.txt").write_text("good")

    def tell(number: int, case: Case, answer: Answer) -> None:
        answers[case.summary] = answer

    pool = Pool(obey, valid, tmp_path, tell, size=1)
    for number, order in enumerate((*SAID, "again")):
        pool.submit(number, Case({"order.txt": order.encode()}, order))
    pool.close()
    assert {order: answer.outcome for order, answer in answers.items()} == {
        **{order: outcome for order, (outcome, _) in SAID.items()},
        "again": "fine",
    }
    assert all(SAID[order][1] in answers[order].detail for order in SAID)
    kept = sorted(path.name for path in tmp_path.glob("case_*"))
    assert kept == [f"case_{number:06d}" for number, order in enumerate(SAID) if SAID[order][0] == "crash"]
