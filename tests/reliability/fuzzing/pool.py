"""Pool: worker processes that are watched. Whoever dies or falls silent is replaced, and its case is lost."""

import multiprocessing
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from tests.reliability.fuzzing.case import Case, Judge
from tests.reliability.fuzzing.worker import Answer, Job, work

SILENCE_S = 60.0
"""A case that takes longer hangs: some take a second on a quiet machine, and ten on a busy one."""
START_S = 300.0
SERVER = multiprocessing.get_context("forkserver")
"""A fresh process imports everything once, and workers are forks of it: to start one takes no time."""
SERVER.set_forkserver_preload(["tests.reliability.fuzzing.campaigns"])

Told = Callable[[int, Case, Answer], None]


class Pool:
    """Judges cases by several processes; each case goes to whoever is free."""

    def __init__(self, judge: Judge, valid: Path, place: Path, tell: Told, size: int = 2) -> None:
        """Start the workers.

        Args:
            judge: of the row.
            valid: folder of valid files.
            place: folder for the workers, and for the cases that were lost.
            tell: called with every answer, one at a time.
        """
        self._judge, self._valid, self._place, self._tell = judge, valid, place, tell
        self._cases: queue.Queue[tuple[int, Case] | None] = queue.Queue(maxsize=64)
        self._lock, self._started = threading.Lock(), 0
        self._broken: list[BaseException] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def submit(self, number: int, case: Case) -> None:
        """Queue a case; waits while many are queued."""
        while not self._broken:
            try:
                return self._cases.put((number, case), timeout=1)
            except queue.Full:
                continue
        raise self._broken[0]

    def close(self) -> None:
        """Wait for all cases, and end the workers."""
        for _ in self._threads:
            self._cases.put(None)
        for thread in self._threads:
            thread.join()
        if self._broken:
            raise self._broken[0]

    def _serve(self) -> None:
        process: Worker | None = None
        try:
            while (item := self._cases.get()) is not None:
                number, case = item
                process = process or self._start()
                answer = process.ask(self._write(number, case))
                if answer.outcome != "crash":
                    shutil.rmtree(self._place / f"case_{number:06d}")
                if not process.is_alive():
                    process = None
                with self._lock:
                    self._tell(number, case, answer)
        except BaseException as error:
            self._broken.append(error)
        finally:
            if process is not None:
                process.end()

    def _start(self) -> "Worker":
        with self._lock:
            self._started += 1
            sandbox = self._place / f"worker_{self._started:04d}"
        return Worker(self._judge, self._valid, sandbox)

    def _write(self, number: int, case: Case) -> Job:
        """Put the files of a case on disk, where they stay if it is lost."""
        folder, replaced = self._place / f"case_{number:06d}", dict[str, str | None]()
        folder.mkdir(parents=True)
        for index, (name, content) in enumerate(case.files.items()):
            replaced[name] = None
            if content is not None:
                path = folder / f"{index}_{Path(name).name}"
                path.write_bytes(content)
                replaced[name] = str(path)
        return Job(number, replaced)


class Worker:
    """One process and the pipe to it."""

    def __init__(self, judge: Judge, valid: Path, sandbox: Path) -> None:
        """Start it and wait until it has judged the valid files."""
        self._pipe: Connection
        self._pipe, other = SERVER.Pipe()
        self._sandbox = sandbox
        self._process = SERVER.Process(target=work, args=(other, judge, str(valid), str(sandbox)), daemon=True)
        self._process.start()
        other.close()
        try:
            ready = self._pipe.poll(START_S) and self._pipe.recv() == "ready"
        except EOFError:
            ready = False
        if not ready:
            self.end()
            raise RuntimeError(f"the valid files are not fine, or take too long: {self._last_words()}")

    def is_alive(self) -> bool:
        """Whether it takes further cases."""
        return self._process.is_alive()

    def ask(self, job: Job) -> Answer:
        """Have a case judged; a death or a long silence is a crash."""
        try:
            self._pipe.send(job)
            if self._pipe.poll(SILENCE_S):
                answer = self._pipe.recv()
                assert isinstance(answer, Answer)
                return answer
            what = f"no answer for {SILENCE_S:.0f} s"
            os.kill(self._process.pid or 0, signal.SIGABRT)  # leaves the stack
        except (EOFError, OSError):
            what = "the process died"
        self._process.join(5)
        code = self._process.exitcode
        self.end()
        return Answer("crash", f"{what} (exit {code}): {self._last_words()}", SILENCE_S)

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _last_words(self) -> str:
        path = self._sandbox / "stderr.txt"
        return path.read_text(errors="replace")[-3000:] if path.is_file() else ""
