"""One thread that does the blocking work of a store, in the order in which it was asked for.

What was asked for in one turn of the event loop is handed over together, and what has queued up is done as one group:
so many commits cost one wait for the disk, and each wakes the other side once.
Does not know what the work is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any

GROUP = 100
"""About the most jobs that share one commit."""
LINGER = 0.005
"""Seconds that a job which is in no hurry waits for others to share its commit."""


class _Job:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self._work = work
        self._result: Any = None
        self._error: Exception | None = None

    def attempt(self) -> None:
        self._result = self._error = None
        try:
            self._result = self._work()
        except Exception as e:  # noqa: BLE001  # whoever asked gets it
            self._error = e

    def fail(self, error: Exception) -> None:
        self._error = self._error or error

    def answer(self) -> None:
        """On the event loop of whoever asked, who may have given up meanwhile."""
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


class Worker:
    """The thread. It is a daemon: a disk that hangs does not keep the program from ending.

    Each job must undo its own part when it raises. `batch` makes one commit of what is done inside. One event loop at a
    time may ask.
    """

    def __init__(self, name: str) -> None:
        self.batch: Callable[[], AbstractContextManager[None]] = nullcontext
        self._asked: list[_Job] = []
        self._waits: asyncio.Handle | None = None
        self._jobs: SimpleQueue[Sequence[_Job]] = SimpleQueue()
        self._last: _Job | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[], Any], *, hurry: bool = True) -> asyncio.Future[Any]:
        """Have it done, also if whoever awaits it is cancelled. The answer comes when it is durable, with the job's own
        error if there is one. Without `hurry` it waits a little for others, in the order in which they are asked for.
        """
        job = _Job(work)
        loop, is_first = job.loop, not self._asked or self._asked[-1].loop is not job.loop
        self._asked.append(job)
        if is_first and not hurry:
            self._waits = loop.call_later(LINGER, self._hand_over)
        elif is_first or (hurry and isinstance(self._waits, asyncio.TimerHandle)):
            if self._waits is not None:
                self._waits.cancel()
            self._waits = loop.call_soon(self._hand_over)
        return job.future

    def finish(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Have it done as the very last thing. Nothing may be asked afterwards; finishing twice is one finish."""
        if self._last is None:
            self._last = _Job(work)
            self._asked.append(self._last)
            self._hand_over()
        return self._last.future

    def _hand_over(self) -> None:
        asked, self._asked = self._asked, []
        if asked:
            self._jobs.put(asked)

    def _run(self) -> None:
        while True:
            jobs = self._next()
            if jobs[-1] is self._last:
                self._do_group(jobs[:-1])
                self._last.attempt()
                _answer([self._last])
                return
            self._do_group(jobs)

    def _next(self) -> list[_Job]:
        jobs = [*self._jobs.get()]
        while len(jobs) < GROUP and jobs[-1] is not self._last:
            try:
                jobs += self._jobs.get_nowait()
            except Empty:
                break
        return jobs

    def _do_group(self, jobs: list[_Job]) -> None:
        try:
            self._do(jobs)
        except Exception as e:  # noqa: BLE001  # nothing of the group was saved
            self._do_apart(jobs, e)
        _answer(jobs)

    def _do(self, jobs: list[_Job]) -> None:
        with self.batch():
            for job in jobs:
                job.attempt()

    def _do_apart(self, jobs: list[_Job], error: Exception) -> None:
        """Do again what failed together, one by one: each gets its own answer."""
        if len(jobs) == 1:
            jobs[0].fail(error)
            return
        for job in jobs:
            try:
                self._do([job])
            except Exception as e:  # noqa: BLE001  # whoever asked gets it
                job.fail(e)


def _answer(jobs: Iterable[_Job]) -> None:
    """Give the answers on the event loops that they were asked for on. A loop that is closed asks no more."""
    for loop, some in groupby(jobs, key=lambda job: job.loop):
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_give, tuple(some))


def _give(jobs: Iterable[_Job]) -> None:
    for job in jobs:
        job.answer()
