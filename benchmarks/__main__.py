"""`python -m benchmarks [ROW…] [--small] [--times N] [--peers FOLDER]`: measure, and print the table.

Exit status 1 if a bar is not met. Needs this repository with its test requirements, and PyPI for the peers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks import figures, servers
from benchmarks.bench import Bench
from benchmarks.peers import DEFAULT_FOLDER

ROWS = {
    "unchanged": "rounds:unchanged",
    "token": "rounds:token",
    "first": "rounds:first",
    "news": "rounds:news",
    "large": "large:large",
    "latency": "latency:latency",
    "idle": "idle:idle",
    "deliveries": "deliveries:deliveries",
    "starts": "starts:starts",
    "loop": "loop:loop",
    "ladder": "ladder:ladder",
}


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what a round costs.")
    parser.add_argument("row", nargs="*", metavar="ROW", help=f"only these: {', '.join(ROWS)}")
    parser.add_argument("--small", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="how often each runs (5)")
    parser.add_argument(
        "--peers", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help="where peers are installed"
    )
    args = parser.parse_args()
    if unknown := set(args.row) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    print("\n".join(figures.HEAD), flush=True)
    met = [_measured(row, args) for row in args.row or ROWS]
    return 0 if all(met) else 1


def _measured(row: str, args: argparse.Namespace) -> bool:
    """Measure one row, in a folder and with a site of its own."""
    module, _, name = ROWS[row].partition(":")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keepcurrent-") as folder, servers.site() as site:
        bench = Bench(folder=Path(folder), site=site, peers_folder=args.peers, small=args.small, times=args.times)
        found = tuple(getattr(import_module(f"benchmarks.{module}"), name)(bench))
    print("\n".join(figures.table(row, found)), flush=True)
    print(f"{row}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return all(figure.is_met for figure in found)


if __name__ == "__main__":
    sys.exit(main())
