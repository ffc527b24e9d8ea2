"""What a user does on a machine without a way out: a search, the verbs after it, the UI; and what listened meanwhile.

python tests/reliability/lonely_machine.py DATA OUT FOUND.json

The working directory is the data folder, where somebody has left modules with the names of libraries.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[0] = str(ROOT)  # as `python run_search.py` has it

import psutil  # noqa: E402

PORTS = ["localhost:{}", "127.0.0.1:{}", "10.evil.com", "evil.com:{}", "127.0.0.1.evil.com:{}", "localhost.evil.com"]
"""Host headers that the UI is asked with; the last four are what a page that rebinds its name would send."""


class Ears(threading.Thread):
    """Notes every socket that this process and its descendants listen at: process name and address."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.heard: set[tuple[str, str]] = set()
        self.files: dict[str, bool] = {}
        """Sockets with a name in the file system: whether one of the folders above is closed to others."""
        self.over = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self.over.wait(0.5):
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    found = process.net_connections("inet")
                    self.heard |= {(process.name(), one.laddr.ip) for one in found if one.status == psutil.CONN_LISTEN}
                    names = [one.laddr for one in process.net_connections("unix") if one.laddr.startswith("/")]
                    self.files |= {name: is_closed(Path(name)) for name in names if Path(name).exists()}
                except (psutil.Error, OSError):  # it has ended
                    continue


def is_closed(path: Path) -> bool:
    """Whether others are kept away from a file by one of the folders above it."""
    return any(not parent.stat().st_mode & 0o077 for parent in path.parents)


def verbs(data: str, out: str) -> list[list[str]]:
    """The command lines, in their order."""
    run = f"{out}/lonely"
    search = ["search", "--data", data, "--space", "quick", "--name", "lonely", "--out", out, "--trials", "1"]
    return [
        ["check", data],
        [*search, "--epochs", "1", "--set", "image_size=64", "batch_size=4"],
        ["ensemble", run],
        ["predict", f"{run}/ensemble", f"{data}/test.json", "--out", f"{out}/labels", "--overlays"],
        ["submit", run],
        ["report", run],
    ]


def ask_ui(run: str) -> dict[str, int]:
    """Start the UI, ask for a page by several host names, and end it; return the answers' codes."""
    words = [sys.executable, str(ROOT / "run_search.py"), "ui", run, "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as ui:
        assert ui.stdout is not None
        line = next((line for line in ui.stdout if line.startswith("MLflow UI: http")), "")
        port = int(line.split(":")[3].split("/")[0])
        try:
            return {host: status(port, host.format(port)) for host in PORTS}
        finally:
            os.kill(ui.pid, signal.SIGINT)


def status(port: int, host: str) -> int:
    """Code of the answer to a request for a page."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def main(data: str, out: str, found: str) -> None:
    """Do everything and write down what was found."""
    import run_search

    ears = Ears()
    ears.start()
    codes = {words[0]: run_search.main(words) for words in verbs(data, out)}
    seen: dict[str, Any] = {"codes": codes, "hosts": ask_ui(f"{out}/lonely")}
    ears.over.set()
    ears.join()
    Path(found).write_text(json.dumps({**seen, "listening": sorted(ears.heard), "files": ears.files}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
