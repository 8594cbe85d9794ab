"""Notices to many channels: how near to what their limits allow, and whether a free one waits for a throttled one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.bench import Bench
from benchmarks.children import Failed
from benchmarks.figures import Figure, at_least, at_most, dearer
from benchmarks.product import Folder
from benchmarks.running import running

CHANNELS, EACH = 100, 10
GAP, ANSWER = 0.2, 0.05
SLOW_GAP = 1.2
PATIENCE = 30.0

Arrivals = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One round of notices: from the first arrival to the last answer, the smallest gap at a channel, the CPU."""

    took: float
    gap: float
    cpu: float


def deliveries(bench: Bench) -> Iterator[Figure]:
    """One author has ten new threads, each told to a hundred channels; then the free channel beside the slow one."""
    count = bench.sized(CHANNELS)
    channels = "".join(_channel(bench, f"c{number:03d}", GAP) for number in range(count))
    folder = _of_single_notices(bench, "many", 1, channels)
    sent = [_sent(bench, folder, at * EACH, count) for at in range(1, bench.times + 1)]
    floor = (EACH - 1) * GAP + ANSWER
    took, gap = statistics.median(one.took for one in sent), min(one.gap for one in sent)
    yield dearer(f"{count * EACH:,} notices to {count} channels", took, floor, at_most(2.5), "floor", "s")
    yield dearer("smallest gap between arrivals", 1000 * gap, 1000 * GAP, at_least(0.95), "limit", "ms")
    used = statistics.median(one.cpu for one in sent)
    yield Figure(what="CPU of the round, start included", value=used, unit="CPU s")
    yield _free_beside_slow(bench)


def _channel(bench: Bench, name: str, gap: float, more: str = "") -> str:
    host = bench.site.url.removeprefix("http://")
    return f'[channels.{name}]\nurl = "json://{host}/notify/{name}"\ngap = "{gap:g}s"\n{more}'


def _of_single_notices(bench: Bench, name: str, authors: int, channels: str) -> Folder:
    """A folder in which every thread is a notice of its own, after the first look."""
    folder = bench.product(name, authors, channels)
    settings = folder.path / "settings.toml"
    settings.write_text(settings.read_text("utf-8").replace("[poll]", f"[poll]\nburst = {10 * EACH}"), "utf-8")
    bench.site.conduct()
    folder.poll()
    return folder


def _sent(bench: Bench, folder: Folder, news: int, channels: int) -> Sent:
    bench.site.conduct(news=news, authors_with_news=1, latency=ANSWER)
    cost = folder.poll()
    arrivals: Arrivals = bench.site.counts()["notices"]
    count = sum(map(len, arrivals.values()))
    if count != channels * EACH:
        raise Failed(f"{count} notices arrived, not {channels * EACH}")
    every = [moment for each in arrivals.values() for moment in each]
    return Sent(took=max(every) + ANSWER - min(every), gap=smallest_gap(arrivals), cpu=cost.cpu)


def smallest_gap(arrivals: Arrivals) -> float:
    """Between two notices to one channel."""
    return min(later - earlier for each in arrivals.values() for earlier, later in pairwise(sorted(each)))


def _free_beside_slow(bench: Bench) -> Figure:
    """How long a notice to the free channel takes from its thread's page on, while ten wait for the slow one."""
    channels = _channel(bench, "slow", SLOW_GAP) + _channel(bench, "free", 0.0)
    folder = _of_single_notices(bench, "beside", 0, channels)
    settings = folder.path / "settings.toml"
    quick = settings.read_text("utf-8").replace("[poll]", '[poll]\nmin_interval = "1s"').replace('"12h"', '"1s"')
    follows = '[[follow]]\nauthor = "@author00000{}"\nchannels = ["{}"]\n'
    settings.write_text(quick + follows.format(0, "slow") + follows.format(1, "free"), "utf-8")
    bench.site.conduct()
    with running(folder):
        _until(bench, lambda counted: counted["asked"].get("author 304", 0) >= 2)
        bench.site.conduct(news=EACH, authors_with_news=1)
        _until(bench, lambda counted: len(counted["notices"].get("slow", ())) >= 2)
        bench.site.conduct(news=EACH, authors_with_news=1, next_news=1)
        counted = _until(bench, lambda counted: counted["notices"].get("free"))
    waited = counted["notices"]["free"][0] - counted["read"]["1"]
    return Figure(what="a free channel beside a throttled one", value=1000 * waited, unit="ms", bar=at_most(100))


def _until(bench: Bench, is_there: Callable[[Mapping[str, Any]], object]) -> Mapping[str, Any]:
    latest = time.monotonic() + PATIENCE
    while time.monotonic() < latest:
        counted = bench.site.counts(forget=False)
        if is_there(counted):
            return counted
        time.sleep(0.05)
    raise Failed("what was waited for did not come")
