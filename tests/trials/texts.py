"""Every text of the tables, in every place by itself, through every channel; and the poison with what is behind it."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.flow.test_poison import Tried, queue, through
from tests.hostile.receivers import RECEIVERS, Arrived, Receiver
from tests.hostile.test_texts import shows
from tests.hostile.texts import HARMLESS, HOSTILE, PLACES, VISIBLE, placed
from tests.trials.figures import Figures, Options

Case = tuple[str, str, str]
"""Name, text, place."""


def trial(options: Options) -> Figures:
    """Send them all, or a part of them by chance."""
    return asyncio.run(_trial(options))


async def _trial(options: Options) -> Figures:
    counted: Counter[str] = Counter(dict.fromkeys(("tried", "live marks", "changed", "crashes", "blocked"), 0))
    found: list[str] = []
    hostile = [(one.name, one.text, place) for one in HOSTILE for place in PLACES]
    harmless = [(name, text, place) for name, text in HARMLESS.items() for place in VISIBLE]
    chance = random.Random(options.seed)
    for kind, make in RECEIVERS.items():
        async with make() as receiver:
            for case in _some(hostile, chance, options):
                await _try(receiver, kind, case, counted, found, harmless=False)
            for case in _some(harmless, chance, options):
                await _try(receiver, kind, case, counted, found, harmless=True)
        with tempfile.TemporaryDirectory() as folder:
            _count_poison(kind, await through(kind, Path(folder)), counted, found)
    bars = dict.fromkeys(("live marks", "changed", "crashes", "blocked"), 0)
    return Figures(trial="texts", counted=counted, bars=bars, least={"tried": 100}, found=tuple(found))


def _some(cases: list[Case], chance: random.Random, options: Options) -> Iterable[Case]:
    return cases if options.size >= 1 else chance.sample(cases, max(int(len(cases) * options.size), 20))


async def _try(
    receiver: Receiver, kind: str, case: Case, counted: Counter[str], found: list[str], *, harmless: bool
) -> None:
    name, text, place = case
    counted["tried"] += 1
    try:
        arrived = await receiver.send(placed(text, (place,)), f"{name} {place} {harmless}")
    except Exception as error:  # that is what is looked for
        counted["crashes"] += 1
        found.append(f"{kind}: {name} as {place}: {type(error).__name__}: {error}")
        return
    if arrived.live or arrived == Arrived():
        counted["live marks"] += len(arrived.live)
        counted["crashes"] += arrived == Arrived()
        found.append(f"{kind}: {name} as {place}: {arrived.live or 'did not arrive'}")
    if harmless and not shows(arrived, text, place):
        counted["changed"] += 1
        found.append(f"{kind}: {name} as {place}: changed")


def _count_poison(kind: str, tried: list[Tried], counted: Counter[str], found: list[str]) -> None:
    counted["poison tried"] += len(tried) // 2
    if [one.name for one in tried] != [name for name, _ in queue()]:
        counted["blocked"] += 1
        found.append(f"{kind}: poison: the queue stopped after {len(tried)}")
    for one in tried:
        behind = one.name.startswith("behind ")
        lost = one.outcome not in ("sent", "dead") or (behind and one.outcome != "sent")
        counted["blocked"] += lost
        counted["live marks"] += len(one.live)
        if lost or one.live:
            found.append(f"{kind}: poison: {one.name}: {one.outcome} {one.reason} {one.live}")
