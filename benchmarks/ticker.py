"""The program with a ticker beside it, which says how long its event loop is held up, and by what.

    python -m benchmarks.ticker FILE WORDS…

Runs `keepcurrent WORDS…`, and writes to FILE how late each tick was, from the first look at an author on. Whoever is at
work when a tick is overdue is interrupted by a signal, and the code that it was in is kept.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

from bot import cli
from bot.poll import Poller

TICK = 0.005
OVERDUE = 0.025
_OURS = f"{Path(cli.__file__).parent}/"


class Ticker:
    """Ticks; `late` are the seconds that each tick came too late, `causes` what held the worst ones up."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.causes: list[tuple[float, list[str]]] = []
        self.begun = False
        self._seen: list[str] = []

    async def tick(self) -> None:
        """Until it is cancelled."""
        signal.signal(signal.SIGALRM, self._overdue)
        try:
            while True:
                await self._tick()
        finally:
            # An alarm that came when Python is on its way out would kill it.
            signal.setitimer(signal.ITIMER_REAL, 0)

    async def _tick(self) -> None:
        due = time.perf_counter() + TICK
        signal.setitimer(signal.ITIMER_REAL, TICK + OVERDUE, OVERDUE)
        await asyncio.sleep(TICK)
        late = time.perf_counter() - due
        if self.begun:
            self.late.append(late)
            if self._seen:
                self.causes.append((late, self._seen))
        self._seen = []

    def _overdue(self, _number: int, frame: FrameType | None) -> None:
        main = threading.main_thread().ident
        others = [held for ident, held in sys._current_frames().items() if ident != main]  # noqa: SLF001
        self._seen += [place(frame), *(f"beside {place(other)}" for other in others)]

    def document(self) -> dict[str, Any]:
        """As JSON, the worst first."""
        return {"late": self.late, "causes": sorted(self.causes, reverse=True)[:10]}


def place(frame: FrameType | None) -> str:
    """Where a thread is: the innermost lines of ours, and the innermost of all."""
    stack = traceback.extract_stack(frame)
    ours = [one for one in stack if one.filename.startswith(_OURS)][-2:]
    lines = (f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in (*ours, stack[-1]))
    return " > ".join(dict.fromkeys(lines))


def main(target: Path, words: list[str]) -> int:
    """Run the program with a ticker in its event loop."""
    ticker, run, poll = Ticker(), asyncio.run, Poller.poll

    async def with_ticker(work: Coroutine[Any, Any, Any]) -> object:
        ticking = asyncio.create_task(ticker.tick())
        try:
            return await work
        finally:
            ticking.cancel()
            await asyncio.wait((ticking,))

    async def first_poll(self: Poller, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401
        ticker.begun = True
        return await poll(self, *args, **kwargs)

    def run_with_ticker(work: Coroutine[Any, Any, Any]) -> object:
        return run(with_ticker(work))

    asyncio.run = run_with_ticker  # type: ignore[assignment]
    Poller.poll = first_poll  # type: ignore[assignment,method-assign]
    try:
        sys.argv[1:] = words
        return cli.program()
    finally:
        target.write_text(json.dumps(ticker.document()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
