"""A round over authors whose site is far away: what counts is that requests run side by side."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import CONCURRENCY, Bench
from benchmarks.contest import interleaved, wall
from benchmarks.figures import Figure, at_most, dearer

AUTHORS = 300
LATENCY, JITTER = 0.05, 0.02


def latency(bench: Bench) -> Iterator[Figure]:
    """Nothing new, each answer after 50 ± 20 ms."""
    n = bench.sized(AUTHORS)
    ours, nobody = bench.looked_at("latency", n), bench.looked_at("nobody", 0)
    bench.site.conduct(latency=LATENCY, jitter=JITTER)
    costs = interleaved({"ours": ours.poll, "our start": nobody.poll}, bench.times)
    counted = bench.site.counts()
    start = wall(costs["our start"])
    floor = n / CONCURRENCY * LATENCY + start
    yield Figure(what="our start, alone", value=start, unit="s")
    yield dearer(f"{n} authors at 50 ± 20 ms", wall(costs["ours"]), floor, at_most(1.5), "floor with start", "s")
    yield Figure(what="most requests at once", value=counted["most_in_flight"], unit="", bar=at_most(CONCURRENCY))
    yield Figure(what="connections per round", value=(counted["connections"] - 1) / bench.times, unit="")
