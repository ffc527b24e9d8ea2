"""Fixtures that several test files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.reliability.cases import KEY, Cases
from tests.spread import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401 (hooks)
from tests.tiny import Reports, listing
from tests.whole_search import run, search_words
from trashseg_core.data.sample_data import write_sample_data

settings.register_profile("trashseg", database=None, deadline=None, derandomize=True)
settings.load_profile("trashseg")

SHARED = Path(__file__).parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much the tests of reliability try; `python -m tests.reliability` tries more."""
    parser.addoption("--rounds", type=int, default=3, help="kills at random moments")
    parser.addoption("--fuzz-cases", type=int, default=5_400, help="mutated files, all in all")
    parser.addoption("--reliability-log", type=Path, help="write a line per case of fuzzing and per kill here")


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Cases:
    """Counts the cases that a test of reliability tries."""
    return request.node.stash.setdefault(KEY, Cases())


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """Number of kills at random moments."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test touches the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("TRASHSEG_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums in one order, so that equal trainings are bit-equal; and two test runs side by side stay quick."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of oracles and data beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the oracles and data lie outside the repository")
    return SHARED


@pytest.fixture(scope="session")
def garbage6(shared: Path) -> Path:
    """468 real photos of 6 classes with their label maps; read only."""
    return shared / "data" / "garbage6"


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated data folder: 16 train, 4 val and 4 test photos of 64 px; read only."""
    folder = tmp_path_factory.mktemp("sample") / "data"
    write_sample_data(folder, num_images=24, image_size=64)
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with nothing in it, to be copied: its 50 migrations take seconds."""
    from experiments.tracking.connection import connect

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A generated data folder, and a folder for runs; whatever searched, nothing is written into the first."""
    base = tmp_path_factory.mktemp("whole")
    write_sample_data(base / "data", num_images=60, image_size=96)
    (base / "runs").mkdir()
    before = listing(base / "data")
    yield base / "data", base / "runs"
    assert listing(base / "data") == before, "something was written into the data folder"


@pytest.fixture(scope="session")
def finished(folders: tuple[Path, Path]) -> Path:
    """The run folder of a search that nobody disturbed; its store may hold others."""
    data, out = folders
    run(*search_words(data, out, "calm", trials=3, epochs=4), cwd=out)
    return out / "calm"


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    """A `report` callable for `train` that keeps metrics and checkpoint folders."""
    folder = tmp_path / "reports"
    folder.mkdir()
    return Reports(folder)
