"""Bad pages, again and again: the whole table with the program's own time-outs, then with mutations by chance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.trials.figures import Figures, Options

ROUNDS = 8
"""Times the table is tried, at full size; the first time as it is, with the program's own time-outs."""
LONGEST = 3_600


def trial(options: Options) -> Figures:
    """Try the table in a process of its own, whose memory is then that of the pages."""
    times = max(2, round(ROUNDS * options.size))
    command = [sys.executable, "-m", "tests.hostile.mutated", str(options.seed), str(times)]
    command += [] if options.size < 1 else ["--real-timeouts"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        return Figures(trial="pages", counted={"crashes": 1}, bars={"crashes": 0}, found=(done.stderr[-500:],))
    counted = json.loads(done.stdout)
    found = tuple(counted.pop("found"))
    bars = {
        "crashes": 0,
        "false notices": 0,
        "lost": 0,
        "to foreign hosts": 0,
        "wrong": 0,
        "longest round s": 30,
        "peak MB": 300,
    }
    return Figures(trial="pages", counted=counted, bars=bars, least={"bad pages": 60}, found=found)
