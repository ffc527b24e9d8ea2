"""Writing that is killed: at any of the system calls by which files come to be, whoever makes them (Python, C, Rust).

A forked process writes under ptrace. The call that is chosen never happens; of a write, the first half does. Linux
on x86-64 and aarch64 only.
"""

import ctypes
import os
import platform
import signal
import struct
import traceback
from collections.abc import Callable
from pathlib import Path

TRACEME, SYSCALL, CONT, SETOPTIONS, GET_SYSCALL_INFO, GETREGSET, SETREGSET = 0, 24, 7, 0x4200, 0x420E, 0x4204, 0x4205
SYSGOOD, TRACECLONE, EXITKILL = 1, 8, 0x100000
WALL, PRSTATUS, ENTRY = 0x40000000, 1, 1
NAMES = {
    "x86_64": {1: "write", 18: "pwrite64", 20: "writev", 296: "pwritev", 74: "fsync", 75: "fdatasync", 76: "truncate"}
    | {77: "ftruncate", 82: "rename", 264: "renameat", 316: "renameat2", 83: "mkdir", 258: "mkdirat", 84: "rmdir"}
    | {87: "unlink", 263: "unlinkat", 86: "link", 265: "linkat", 88: "symlink", 90: "chmod", 91: "fchmod"}
    | {268: "fchmodat", 2: "open", 257: "openat", 26: "msync", 326: "copy_file_range", 40: "sendfile"},
    "aarch64": {64: "write", 68: "pwrite64", 66: "writev", 70: "pwritev", 82: "fsync", 83: "fdatasync", 45: "truncate"}
    | {46: "ftruncate", 38: "renameat", 276: "renameat2", 34: "mkdirat", 35: "unlinkat", 37: "linkat"}
    | {36: "symlinkat", 52: "fchmod", 53: "fchmodat", 56: "openat", 227: "msync", 285: "copy_file_range"}
    | {71: "sendfile"},
}.get(platform.machine(), {})
COUNT_AT = {"x86_64": 12 * 8, "aarch64": 2 * 8}.get(platform.machine(), 0)
"""Where the third argument, the number of bytes, lies among the registers."""
DESCRIPTORS = {"write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "ftruncate", "fchmod", "copy_file_range"}
OUT_FIRST = {"sendfile"}
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def can_trace() -> bool:
    """Whether this machine lets a process be traced by its parent."""
    try:
        return bool(NAMES) and count_calls(lambda: None, Path("/nowhere")) == []
    except OSError:
        return False


def count_calls(write: Callable[[], object], folder: Path) -> list[str]:
    """Write in a process of its own that nobody kills; return the names of the calls that touched `folder`."""
    return _traced(write, folder, None)


def kill_at(number: int, write: Callable[[], object], folder: Path) -> str:
    """Write in a process of its own that is killed at the call of this number, from 0; return the call's name."""
    return _traced(write, folder, number)[-1]


def _traced(write: Callable[[], object], folder: Path, number: int | None) -> list[str]:
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            if _libc.ptrace(TRACEME, 0, None, None) == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
                write()
                os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    return _Tracer(pid, str(folder), number).run()


class _Tracer:
    """Lets a process and its threads go from call to call."""

    def __init__(self, pid: int, folder: str, number: int | None) -> None:
        self.pid, self.folder, self.number = pid, folder, number
        self.calls: list[str] = []
        self.halved: int | None = None

    def run(self) -> list[str]:
        """Until its end.

        Raises:
            OSError: tracing is not allowed here.
            AssertionError: the process ended in a way that nobody wanted.
        """
        os.waitpid(self.pid, WALL)
        if _libc.ptrace(SETOPTIONS, self.pid, None, SYSGOOD | TRACECLONE | EXITKILL) != 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, WALL)
            raise OSError(ctypes.get_errno(), "no tracing here")
        self._go_on(self.pid, 0)
        while True:
            thread, status = os.waitpid(-self.pid, WALL)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                if thread != self.pid:
                    continue
                killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and self.number is not None
                # Threads make a call more or less, so that the last one may not come: then it has written all.
                assert killed or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0), f"ended with {status}"
                return self.calls
            self._go_on(thread, self._signal_at(thread, os.WSTOPSIG(status), status >> 16))

    def _signal_at(self, thread: int, stopped_by: int, event: int) -> int:
        """Look at a stop, kill if it is the one, and return the signal to pass on."""
        if stopped_by == signal.SIGTRAP | 0x80:
            self._look(thread)
            return 0
        return 0 if event or stopped_by in (signal.SIGTRAP, signal.SIGSTOP) else stopped_by

    def _look(self, thread: int) -> None:
        told = ctypes.create_string_buffer(128)
        if _libc.ptrace(GET_SYSCALL_INFO, thread, len(told), ctypes.addressof(told)) <= 0:
            return
        is_entry = told.raw[0] == ENTRY
        if self.halved == thread and not is_entry:
            os.kill(self.pid, signal.SIGKILL)
            return
        if not is_entry or self.halved is not None:
            return
        number, *arguments = struct.unpack_from("=7Q", told.raw, 24)
        name = NAMES.get(number)
        if name is None or not self._touches(thread, name, arguments):
            return
        self.calls.append(name)
        if self.number is not None and len(self.calls) == self.number + 1:
            if name in ("write", "pwrite64") and arguments[2] > 1 and self._halve(thread, arguments[2]):
                self.halved = thread
            else:
                os.kill(self.pid, signal.SIGKILL)

    def _touches(self, thread: int, name: str, arguments: list[int]) -> bool:
        """Whether a call changes something below the folder."""
        if name in ("open", "openat"):
            flags = arguments[1] if name == "open" else arguments[2]
            if not flags & (os.O_CREAT | os.O_TRUNC):
                return False
            return self.folder in self._text(thread, arguments[0] if name == "open" else arguments[1])
        if name in DESCRIPTORS | OUT_FIRST:
            which = arguments[2] if name == "copy_file_range" else arguments[0]
            try:
                return os.readlink(f"/proc/{thread}/fd/{which}").startswith(self.folder)
            except OSError:
                return False
        if name == "msync":
            return True
        texts = [self._text(thread, one) for one in arguments[:4] if one > 4096]
        return any(self.folder in text for text in texts) or (name == "unlinkat" and int(arguments[0]) < 2**31)

    def _text(self, thread: int, address: int) -> str:
        try:
            with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
                memory.seek(address)
                return memory.read(512).split(b"\0")[0].decode("utf-8", "replace")
        except (OSError, ValueError, OverflowError):
            return ""

    def _halve(self, thread: int, size: int) -> bool:
        """Let a write take only the first half of what it was given."""
        registers = ctypes.create_string_buffer(512)
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(registers), len(registers))
        if _libc.ptrace(GETREGSET, thread, PRSTATUS, ctypes.addressof(vector)) != 0:
            return False
        struct.pack_into("=Q", registers, COUNT_AT, size // 2)
        return _libc.ptrace(SETREGSET, thread, PRSTATUS, ctypes.addressof(vector)) == 0

    def _go_on(self, thread: int, number: int) -> None:
        _libc.ptrace(SYSCALL, thread, None, number)
