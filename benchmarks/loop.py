"""How long the event loop is held up in each kind of round, and by what at the worst."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench
from benchmarks.children import cost_of, python
from benchmarks.figures import Figure, at_most
from benchmarks.product import Folder

AUTHORS = 1_000
NEWS = 10


def loop(bench: Bench) -> Iterator[Figure]:
    """A ticker beside the first round, one with nothing new, one with fresh tokens, and one with news."""
    folder = bench.product("loop", bench.sized(AUTHORS))
    bench.site.conduct()
    yield from _figures("first round", ticked(folder))
    yield from _figures("nothing new", ticked(folder))
    bench.site.conduct(news=1, authors_with_news=NEWS)
    yield from _figures("some news", ticked(folder))
    bench.site.conduct(token=True, news=1, authors_with_news=NEWS)
    yield from _figures("fresh tokens", ticked(folder))


def ticked(folder: Folder) -> dict[str, Any]:
    """One round with a ticker."""
    target = folder.path / "ticks.json"
    cost_of(python("-m", "benchmarks.ticker", target, *folder.command("poll", "--all")[3:]), folder.path)
    ticks: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return ticks


def _figures(what: str, ticks: dict[str, Any]) -> Iterator[Figure]:
    late = sorted(1000 * one for one in ticks["late"])
    worst = "; ".join(dict.fromkeys(ticks["causes"][0][1])) if ticks["causes"] else ""
    yield Figure(what=f"{what}: ticks late, p99", value=late[int(len(late) * 0.99)], unit="ms", bar=at_most(25))
    yield Figure(what=f"{what}: latest tick", value=late[-1], unit="ms", bar=at_most(150), against=worst)
