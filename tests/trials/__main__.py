"""`python -m tests.trials [NAME…] [--quick] [--seed N]`: run the long trials and print their figures.

Exit status 1 if a bar was not kept. Each trial stops by itself; a seed makes it repeatable.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module

from tests.trials.figures import Figures, Options

TRIALS: tuple[str, ...] = ("kills", "store", "channels", "soak", "pages", "texts", "fuzz")
QUICK = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trials", description="Run the long trials.")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"only these: {', '.join(TRIALS)}")
    parser.add_argument("--quick", action="store_true", help="a small part of each")
    parser.add_argument("--seed", type=int, default=1, help="what chance starts from (1)")
    args = parser.parse_args()
    if unknown := set(args.name) - set(TRIALS):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    options = Options(size=QUICK if args.quick else 1.0, seed=args.seed)
    kept = [_run(name, options) for name in args.name or TRIALS]
    return 0 if all(kept) else 1


def _run(name: str, options: Options) -> bool:
    started = time.monotonic()
    figures: Figures = import_module(f"tests.trials.{name}").trial(options)
    took = time.monotonic() - started
    print(f"{figures.trial}: {', '.join(f'{key} {value:g}' for key, value in figures.counted.items())} ({took:.0f} s)")
    for line in figures.found:
        print(f"  {line}")
    for line in figures.broken:
        print(f"  BAR NOT KEPT: {line}")
    sys.stdout.flush()
    return not figures.broken


if __name__ == "__main__":
    sys.exit(main())
