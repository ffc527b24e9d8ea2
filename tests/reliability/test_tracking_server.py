"""A store that hangs, is locked, broken or of another version costs a search nothing; `sync` brings the rest later."""

import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.journal import JournalReader
from experiments.manifest import Manifest
from experiments.settings import SearchSettings
from experiments.tracking.identity import TRACKING_ID, tracking_id
from experiments.tracking.mirror import WRITING, NotBrought, bring_run_folder
from tests.reliability.cases import Cases
from tests.reliability.damaged_runs import damage
from tests.reliability.outcomes import fault_in, outcome_of
from tests.test_flaky_server import EPOCHS, check_whole, hasty, search_in_moods
from trashseg_core import __version__
from trashseg_core.errors import BadInput

__all__ = ["hasty"]
pytestmark = [pytest.mark.reliability("tracking-server"), pytest.mark.slow]  # MLflow is imported


@pytest.fixture
def hanging() -> Iterator[str]:
    """Address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def settings_in(folder: Path, **more: str) -> SearchSettings:
    return SearchSettings("data", "quick", "first", out=str(folder), trials=1, **more)  # type: ignore[arg-type]


def check_kept(settings: SearchSettings, said: list[str]) -> None:
    """Assert that the search has gone on, said so, and lost nothing."""
    assert "goes on without it" in said[0] and "brings the rest later" in said[-1], said
    assert len(JournalReader(settings.folder / "journal.jsonl").trials["t0000"].epochs) == EPOCHS


def test_a_server_that_never_answers_is_not_waited_for(
    hanging: str, hasty: None, empty_store: Path, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, tracking_uri=hanging)
    _, said = search_in_moods(settings, None, ["well"])
    check_kept(settings, said)
    with WRITING:  # until the request under way has given up
        shutil.copy(empty_store, tmp_path)
    bring_run_folder(replace(settings, tracking_uri=None))
    check_whole(replace(settings, tracking_uri=None).tracking, settings, ["t0000"])


def test_a_database_that_another_process_locks_gets_everything_later(
    hasty: None, empty_store: Path, tmp_path: Path
) -> None:
    shutil.copy(empty_store, tmp_path)
    settings = settings_in(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        _, said = search_in_moods(settings, None, ["well"])
        assert "brings the rest later" in said[-1], said
        holder.execute("ROLLBACK")
    with WRITING:
        pass
    bring_run_folder(settings)
    check_whole(settings.tracking, settings, ["t0000"])


VERSIONS = {"newer": "ffffffffffff", "older": "451aebb31d03"}


@pytest.mark.parametrize("kind", VERSIONS)
def test_a_database_of_another_version_is_said_to_be_and_left_alone(
    hasty: None, empty_store: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copy(empty_store, tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (VERSIONS[kind],))
        database.commit()
    settings = settings_in(tmp_path)
    _, said = search_in_moods(settings, None, ["well"])
    check_kept(settings, said)
    with pytest.raises(NotBrought, match="did not take everything"):
        bring_run_folder(settings)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (VERSIONS[kind],)


@pytest.mark.parametrize("how", ["noise", "cut", "zeros"])
def test_a_broken_database_is_named_with_what_to_do_and_what_it_held_is_written_anew(
    hasty: None, empty_store: Path, tmp_path: Path, how: str
) -> None:
    store = Path(shutil.copy(empty_store, tmp_path))
    damage(store, how)
    before = store.read_bytes()
    settings = settings_in(tmp_path)
    _, said = search_in_moods(settings, None, ["well"])
    check_kept(settings, said)
    Manifest(settings, __version__, {}, {}).write(settings.folder)
    found = outcome_of("sync", str(settings.folder))
    assert fault_in(found) is None and found.code == 2, found
    assert str(store) in found.err and "Move it away" in found.err
    assert store.read_bytes() == before, "nothing is written into what may still be read by somebody"
    store.rename(store.with_suffix(".broken"))
    elsewhere = tmp_path / "again" / "mlflow.db"
    elsewhere.parent.mkdir()
    shutil.copy(empty_store, elsewhere)
    assert outcome_of("sync", str(settings.folder), "--tracking-uri", f"sqlite:///{elsewhere}").code == 0
    check_whole(f"sqlite:///{elsewhere}", settings, ["t0000"])


DAMAGED: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(b"\xff\xfe" * 20),
    "cut": lambda path: path.write_text("abc\n"),
    "a filter": lambda path: path.write_text("' or '1' = '1\n"),
    "a folder": lambda path: path.mkdir(),
}


def test_a_damaged_identity_is_refused_rather_than_bringing_all_a_second_time(tmp_path: Path, cases: Cases) -> None:
    for number, (how, change) in enumerate(DAMAGED.items()):
        cases.add()
        folder = tmp_path / str(number)
        folder.mkdir()
        change(folder / TRACKING_ID)
        with pytest.raises(BadInput, match="tracking_id: damaged. Remove it"):
            tracking_id(folder)
        assert how and (folder / TRACKING_ID).exists()


@pytest.mark.parametrize(
    "uri", ["sqlite://", "sqlite:///", "http://", "ftp://a/b", "x://y", "postgresql://", "https:///a"]
)
def test_an_address_that_no_store_can_have_is_refused_at_the_start(tmp_path: Path, uri: str) -> None:
    with pytest.raises(BadInput, match="but MLflow needs a database or server"):
        settings_in(tmp_path, tracking_uri=uri)
