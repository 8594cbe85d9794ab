"""Ten thousand authors with two hundred thousand known threads: a round, a commit, the start, the memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import committing
from benchmarks.bench import Bench
from benchmarks.contest import Contender, cpu, interleaved, rss, wall
from benchmarks.figures import Figure, at_least, at_most, cheaper, dearer
from benchmarks.product import Folder
from benchmarks.rounds import peer_contenders

AUTHORS = 10_000
FEW = 50
"""Authors with a thousand threads together."""


def large(bench: Bench) -> Iterator[Figure]:
    """The whole row."""
    n = bench.sized(AUTHORS)
    ours, nobody = bench.looked_at("large", n), bench.looked_at("nobody-large", 0)
    contenders: dict[str, Contender] = {
        "ours": ours.poll,
        "our start": nobody.poll,
        "nothing due": lambda: ours.cost("poll"),
        "floor": lambda: bench.floor(n),
        "floor start": lambda: bench.floor(0),
        **peer_contenders(bench, bench.peers("reader")[0], n),
    }
    costs = interleaved(contenders, min(bench.times, 3))
    mine = cpu(costs["ours"]) - cpu(costs["our start"])
    theirs = cpu(costs["reader"]) - cpu(costs["reader start"])
    floor = cpu(costs["floor"]) - cpu(costs["floor start"])
    yield cheaper(f"{n:,} authors, nothing new (304)", mine, theirs, at_least(10), "reader")
    yield dearer("slope per author", 1e6 * mine / n, 1e6 * floor / n, None, "bare GET", "µs")
    yield Figure(what="memory", value=rss(costs["ours"]) / 2**20, unit="MiB", bar=at_most(200))
    yield Figure(what="start, with nobody due", value=wall(costs["nothing due"]), unit="s", bar=at_most(5))
    yield from _commits(bench, ours)


def _commits(bench: Bench, ours: Folder) -> Iterator[Figure]:
    few = bench.looked_at("few", FEW)
    at_many = committing.measured(ours.copy(bench.folder / "many-copy"))
    at_few = committing.measured(few.copy(bench.folder / "few-copy"))
    for what, unit in (("cpu", "CPU µs"), ("wall", "µs")):
        many, base = 1e6 * at_many[what], 1e6 * at_few[what]
        yield dearer(f"commit of one look ({what})", many, base, at_most(2), "at 1,000 threads", unit)
