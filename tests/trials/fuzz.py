"""Fuzzing at length: every parser and composer, with what `tests.hostile.fuzzing` throws at them."""

from __future__ import annotations

import time

from tests.hostile.fuzzing import attempt, targets
from tests.trials.figures import Figures, Options

EXAMPLES = 20_000
SECONDS = 60.0
"""For each target, whichever comes first."""
SLOWEST = 10.0
"""Seconds that one example may take, on a machine that does other things too."""
LEAST = 50


def trial(options: Options) -> Figures:
    """Try as many examples of each target as its time allows."""
    counted: dict[str, float] = {}
    found: list[str] = []
    crashes = live = 0
    slowest = 0.0
    for target in targets():
        examples = max(int(EXAMPLES * options.size), LEAST)
        until = time.monotonic() + SECONDS * options.size
        tried = attempt(target, examples, seed=options.seed, until=until)
        counted[f"{target.name} tried"] = tried.examples
        crashes, live = crashes + len(tried.crashes), live + len(tried.live)
        slowest = max(slowest, tried.slowest)
        found += [f"{target.name}: {words}" for words in (*tried.crashes.values(), *tried.live.values())]
    return Figures(
        trial="fuzz",
        counted={**counted, "crashes": crashes, "live marks": live, "slowest example, s": round(slowest, 2)},
        bars={"crashes": 0, "live marks": 0, "slowest example, s": SLOWEST},
        least=dict.fromkeys(counted, 1),
        found=tuple(found),
    )
