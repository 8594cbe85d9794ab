"""Fuzzing at length: every parser and composer, with what `tests.hostile.fuzzing` throws at them."""

from __future__ import annotations

import time

from tests.hostile.fuzzing import Target, Tried, attempt, targets
from tests.trials.figures import Figures, Options

EXAMPLES = 20_000
SECONDS = 60.0
"""For each target, whichever comes first."""
SLOWEST = 10.0
"""Seconds of the processor that one example may take."""
LEAST = 50
SLICE = 250
"""Examples at a time: hypothesis remembers every one of a run, which came to 1.8 GB."""


def trial(options: Options) -> Figures:
    """Try as many examples of each target as its time allows."""
    counted: dict[str, float] = {}
    found: list[str] = []
    crashes = live = 0
    slowest = 0.0
    for target in targets():
        examples = max(int(EXAMPLES * options.size), LEAST)
        until = time.monotonic() + SECONDS * options.size
        tried = _at_length(target, examples, options.seed, until)
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


def _at_length(target: Target, examples: int, seed: int, until: float) -> Tried:
    """Try so many examples in slices, each with a seed of its own that follows from `seed`."""
    every = Tried()
    while every.examples < examples and (time.monotonic() < until or not every.examples):
        size = min(SLICE, examples - every.examples)
        tried = attempt(target, size, seed=seed * 1_000_003 + every.examples, until=until)
        if not tried.examples:
            break
        every.examples += tried.examples
        every.slowest = max(every.slowest, tried.slowest)
        every.crashes |= tried.crashes
        every.live |= tried.live
    return every
