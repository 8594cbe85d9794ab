"""Runs contenders side by side, again and again, and takes medians. Knows nothing of what they are."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.children import Cost

Contender = Callable[[], Cost]


def interleaved(contenders: Mapping[str, Contender], times: int) -> dict[str, tuple[Cost, ...]]:
    """Each runs once, then each once more: what slows the machine down for a while slows all of them down."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, run in contenders.items():
            costs[name].append(run())
    return {name: tuple(each) for name, each in costs.items()}


def cpu(costs: Sequence[Cost]) -> float:
    """The median of the CPU seconds."""
    return statistics.median(cost.cpu for cost in costs)


def wall(costs: Sequence[Cost]) -> float:
    """The median of the seconds."""
    return statistics.median(cost.wall for cost in costs)


def rss(costs: Sequence[Cost]) -> int:
    """The largest memory."""
    return max(cost.rss for cost in costs)
