"""Pure: what was measured, against what, with which bar, and as a line of a table. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What the figure, or its ratio where there is one, must be."""

    sign: Literal["≤", "≥"]
    value: float

    def is_met(self, value: float) -> bool:
        """Whether the value keeps it."""
        return value <= self.value if self.sign == "≤" else value >= self.value


def at_most(value: float) -> Bar:
    """Not more than that."""
    return Bar(sign="≤", value=value)


def at_least(value: float) -> Bar:
    """Not less than that."""
    return Bar(sign="≥", value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement. `ratio` is what the bar is for, where the figure is compared; a figure without bar is told."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    bar: Bar | None = None

    @property
    def is_met(self) -> bool:
        """Whether the bar is kept; one that is not there is."""
        judged = self.value if self.ratio is None else self.ratio
        return self.bar is None or self.bar.is_met(judged)


def cheaper(what: str, ours: float, theirs: float, bar: Bar | None, whose: str, unit: str = "CPU s") -> Figure:
    """How many times less ours is than theirs."""
    return Figure(what=what, value=ours, unit=unit, ratio=theirs / ours, against=f"{whose} {shown(theirs)}", bar=bar)


def dearer(what: str, ours: float, floor: float, bar: Bar | None, whose: str, unit: str) -> Figure:
    """How many times the floor ours is."""
    return Figure(what=what, value=ours, unit=unit, ratio=ours / floor, against=f"{whose} {shown(floor)}", bar=bar)


def shown(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(row: str, figures: Iterable[Figure]) -> Iterator[str]:
    """The lines of one row of the issue, in Markdown."""
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
        bar = "" if figure.bar is None else f"{figure.bar.sign} {figure.bar.value:g}"
        met = "" if figure.bar is None else "yes" if figure.is_met else "**no**"
        cells = (row, figure.what, f"{shown(figure.value)} {figure.unit}", figure.against, ratio, bar, met)
        yield "| " + " | ".join(cells) + " |"


HEAD = ("| row | measured | ours | against | ratio | bar | met |", "|---|---|--:|--:|--:|--:|---|")
