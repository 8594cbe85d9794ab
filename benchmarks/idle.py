"""A bot that has nothing to do for hours: what a minute of it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.children import cpu_of
from benchmarks.figures import Figure, at_most
from benchmarks.running import running

AUTHORS = 1_000
MINUTE = 60
SETTLED = 5.0
"""Seconds after which the start is over: tidying, the first inspection, the declared authors."""


def idle(bench: Bench) -> Iterator[Figure]:
    """Nobody is due; all were looked at just now."""
    folder = bench.looked_at("idle", bench.sized(AUTHORS))
    span = bench.sized(MINUTE)
    bench.site.counts()
    with running(folder) as pid:
        time.sleep(SETTLED)
        before = cpu_of(pid)
        time.sleep(span)
        used = cpu_of(pid) - before
    asked = sum(bench.site.counts()["asked"].values())
    yield Figure(what="CPU in a minute", value=used * MINUTE / span, unit="CPU s", bar=at_most(0.1))
    yield Figure(what="requests meanwhile", value=asked, unit="", bar=at_most(0))
