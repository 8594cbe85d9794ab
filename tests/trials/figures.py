"""What a trial is told and what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`size` scales a trial: 1.0 is what the project promises to have tried, `--quick` is a small part of it."""

    size: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`counted` is what happened; `bars` names the most that a figure may be, `least` the least.

    `found` says in words what was wrong, one line each.
    """

    trial: str
    counted: Mapping[str, float]
    bars: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    found: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """The bars that were not kept, in words."""
        over = [f"{name} {self.counted[name]:g}, not above {bar:g}" for name, bar in self.bars.items()
                if self.counted[name] > bar]
        under = [f"{name} {self.counted[name]:g}, at least {bar:g}" for name, bar in self.least.items()
                 if self.counted[name] < bar]
        return (*over, *under)
