"""Runs one command and says what it cost: CPU of the whole process tree, time, memory, bytes handed to the disk.

Does not repeat or compare.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took: `cpu` and `wall` in seconds, `rss` and `written` in bytes.

    `rss`: of the largest process of the tree. `written`: by `write` and its kind, to files and pipes, not to sockets.
    """

    cpu: float
    wall: float
    rss: int
    written: int


class Failed(Exception):
    """A command that is measured did not do its work."""


def environment(**more: str) -> dict[str, str]:
    """Ours, without the settings of who runs this."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPCURRENT_", "PYTHON"))}
    return mine | {"PYTHONPATH": str(ROOT), "TZ": "UTC", **more}


def cost_of(command: Sequence[str | Path], folder: Path, *, codes: Sequence[int] = (0,), **env: str) -> Cost:
    """Run `command` in `folder`. Raises `Failed` if it ends with another status than `codes`."""
    output = folder / "output"
    with output.open("wb") as out:
        began = time.monotonic()
        words, nothing = list(map(str, command)), subprocess.DEVNULL
        child = subprocess.Popen(words, cwd=folder, env=environment(**env), stdin=nothing, stdout=out, stderr=out)
        # Not reaped before its counters are read.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - began
        written = written_by(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise Failed(f"{command[0]} … {command[-1]} ended with {child.returncode}: {tail(output)}")
    return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, rss=usage.ru_maxrss * 1024, written=written)


def written_by(pid: int) -> int:
    """The bytes that a process has written; 0 where the system does not count them."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("wchar")), 0)


def cpu_of(pid: int) -> float:
    """The CPU seconds of a process that runs, its threads together, also those that have ended, to the nanosecond."""
    # As `clock_getcpuclockid` of Linux makes it. The threads' own counters go with them.
    return time.clock_gettime((~pid << 3) | 2)


def tail(output: Path) -> str:
    """The end of what a command said."""
    return output.read_bytes()[-600:].decode(errors="replace").strip()


def python(*arguments: str | Path) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *map(str, arguments)]
