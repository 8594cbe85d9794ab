"""An event loop on which waiting takes a small part of the time, and working as long as ever.

Only what the loop waits for runs fast: a second of computing is a second, so that a busy machine does not make
time-outs run out. A server in the same loop answers in its own working time. Waits for a disk or a thread count as
long ones.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


class _FastSelector(selectors.BaseSelector):
    """The system's selector, which waits for less, and says how much it left out."""

    def __init__(self, factor: float) -> None:
        self._behind = selectors.DefaultSelector()
        self._factor = factor
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        events = self._behind.select(None if timeout is None else timeout / self._factor)
        self.skipped += (time.monotonic() - began) * (self._factor - 1)
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._behind.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._behind.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._behind.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._behind.get_map()

    def close(self) -> None:
        self._behind.close()


class FastLoop(asyncio.SelectorEventLoop):
    """The loop. `time()` is what its timers, and whatever measures spans by it, go by."""

    def __init__(self, factor: float = 2000.0) -> None:
        self._fast = _FastSelector(factor)
        super().__init__(self._fast)

    def time(self) -> float:
        return super().time() + self._fast.skipped

    def clock_from(self, start: datetime) -> FastClock:
        """A wall clock that says `start` now, and keeps step with the loop."""
        return FastClock(self, start)


class FastClock:
    """A wall clock that keeps step with a loop."""

    def __init__(self, loop: FastLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._began = loop.time()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds())

    def seconds(self) -> float:
        """Since the start."""
        return self._loop.time() - self._began

    def jump(self, to: datetime) -> None:
        """Say `to` from now on; that is the start then."""
        self._start, self._began = to, self._loop.time()
