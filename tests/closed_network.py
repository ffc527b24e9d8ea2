"""A network that leads nowhere and notes what tries to leave it: a tunnel that nobody but this process reads.

unshare --net --map-root-user python tests/closed_network.py LOG COMMAND ...

LOG gets a line for each packet: its destination, and the name that a DNS question asks for.
"""

import fcntl
import functools
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

SET_UP, DEVICE, TUNNEL_WITHOUT_HEADER = 0x400454CA, b"out0", 0x0001 | 0x1000  # TUNSETIFF, IFF_TUN | IFF_NO_PI
STEPS = (
    "link set lo up",
    "addr add 198.51.100.1/24 dev out0",
    "link set out0 up",
    "route add default dev out0",
)
SWITCHES = ("RAY_USAGE_STATS_ENABLED", "MLFLOW_DISABLE_TELEMETRY", "NO_ALBUMENTATIONS_UPDATE", "HF_HUB_OFFLINE")


def command(log: Path, *words: str) -> list[str]:
    """The command line that runs `words` in such a network."""
    return [*_unshare(), sys.executable, __file__, str(log), *words]


def environment() -> dict[str, str]:
    """This process's environment without the switches that keep libraries quiet: the project has to set them itself."""
    others = {"CI", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST", "PYTHONPATH"}  # reasons to be quiet for some of them
    return {name: value for name, value in os.environ.items() if name not in {*others, *SWITCHES}}


@functools.cache
def is_possible() -> bool:
    """Whether this machine lets us make a network of our own."""
    if shutil.which("ip") is None or shutil.which("unshare") is None or not Path("/dev/net/tun").exists():
        return False
    words = [*_unshare(), "ip", "tuntap", "add", "dev", "out0", "mode", "tun"]
    return subprocess.run(words, capture_output=True).returncode == 0


def _unshare() -> list[str]:
    return ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--"]


def main(log: str, *words: str) -> int:
    """Set the network up, run the command in it, and return its exit code."""
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tunnel, SET_UP, struct.pack("16sH22x", DEVICE, TUNNEL_WITHOUT_HEADER))
    Path("/proc/sys/net/ipv6/conf/out0/disable_ipv6").write_text("1")  # it would look for neighbours by itself
    for step in STEPS:
        subprocess.run(["ip", *step.split()], check=True)
    with open(log, "w", encoding="utf-8", buffering=1) as stream:
        threading.Thread(target=_note, args=(tunnel, stream), daemon=True).start()
        return subprocess.run(words).returncode


def _note(tunnel: int, stream: object) -> None:
    while packet := os.read(tunnel, 65536):
        names = re.findall(rb"(?:[\x01-\x3f][\w-]+){2,}", packet[28:])
        asked = " ".join(re.sub(rb"[\x00-\x20]", b".", name).decode() for name in names[:1])
        print(".".join(map(str, packet[16:20])), asked, file=stream)  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
