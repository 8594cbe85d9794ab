"""One dead channel of eight, in every way in which a channel can be dead: do the others notice, and is anything lost?

A table of faults by kinds of channel (`tests.outages`), with the program's own time-outs and back-offs; the clock is
put forward over the back-offs. What the others wait for a new thread is measured before and during the fault.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import traceback
from pathlib import Path

from tests import outages
from tests.outages import CASES, Case, Outcome, attempt
from tests.servers.receiver import slack_here
from tests.trials.figures import Figures, Options

SIDE_BY_SIDE = 4
"""Cases at a time: most of their time they wait."""
LATER = 3.0
"""Seconds that the others may have a new thread later than without the fault."""
FEWEST = 6


def trial(options: Options) -> Figures:
    """Try the table."""
    logging.getLogger().addHandler(logging.NullHandler())  # what fails is told by the figures
    cases = outages.some(CASES, max(round(len(CASES) * options.size), FEWEST), options.seed)
    with tempfile.TemporaryDirectory() as folder, slack_here():
        done = asyncio.run(_all(cases, Path(folder)))
    outcomes = [one for one in done if isinstance(one, Outcome)]
    counted = {
        "cases": len(outcomes),
        "crashes": len(done) - len(outcomes),
        "others later s": max(one.extra for one in outcomes),
        "others at the latest s": max(one.during for one in outcomes),
        "without fault s": max(one.before for one in outcomes),
        "lost": sum(one.lost for one in outcomes),
        "repeated": sum(one.repeated for one in outcomes),
        "out of order": sum(one.disordered for one in outcomes),
        "wrong": sum(len(one.wrong) for one in outcomes),
    }
    bars = dict.fromkeys(("crashes", "lost", "repeated", "out of order", "wrong"), 0.0) | {"others later s": LATER}
    return Figures(trial="channels", counted=counted, bars=bars, least={"cases": len(cases)}, found=_found(done))


async def _all(cases: list[Case], folder: Path) -> list[Outcome | str]:
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(number: int, case: Case) -> Outcome | str:
        async with places:
            try:
                return await attempt(case, folder / str(number))
            except Exception:
                return f"{case}: {traceback.format_exc()[-800:]}"

    return await asyncio.gather(*(one(number, case) for number, case in enumerate(cases)))


def _found(done: list[Outcome | str]) -> tuple[str, ...]:
    found = []
    for one in done:
        if isinstance(one, str):
            found.append(one)
            continue
        counts = {"lost": one.lost, "repeated": one.repeated, "out of order": one.disordered}
        found += [f"{one.case}: {name} {count}" for name, count in counts.items() if count]
        found += [f"{one.case}: {words}" for words in one.wrong]
        if one.extra > LATER:
            found.append(f"{one.case}: the others had it after {one.during:.1f} s, after {one.before:.1f} s without")
    return tuple(found)
