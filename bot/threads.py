"""Blocking calls in daemon threads, few at a time, awaited with a limit.

Not one of Python's pools: it joins their threads at exit, and a send that hangs would hold the whole program
(Apprise with a Matrix server that answers 429 "wait 90 s": no exit for five minutes). Does not retry and does
not stop a call: nothing can. A call that ran out of time goes on by itself; its `Job` tells how it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any

IDLE = 10.0
"""Seconds that a thread waits for a further call. Begun anew for each, under load it holds up the event loop, which
waits until the thread has had its first turn."""


class Job:
    """A call that has a thread to itself; `result` is what it returned."""

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        self.error: BaseException | None = None
        self.result: Any = None
        self.name = name
        self._call = call
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], None]] = []

    @property
    def ended(self) -> bool:
        """Whether the call has returned or raised (then `error` is set)."""
        return self._ended.is_set()

    async def wait(self, limit: float) -> None:
        """Wait until the call ends; raises `TimeoutError` after `limit` seconds. The call itself goes on."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def wake() -> None:
            # The loop may be gone by the time an abandoned call ends.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        with self._lock:
            if self.ended:
                return
            self._wakers.append(wake)
        async with asyncio.timeout(limit):
            await woken.wait()

    def run(self) -> None:
        """Call, in this thread. Nothing that the call sets for its own context outlives it."""
        try:
            self.result = Context().run(self._call)
        except BaseException as error:  # noqa: BLE001  whoever asks for the outcome raises it again
            self.error = error
        with self._lock:
            self._ended.set()
        for wake in self._wakers:
            wake()


class _Thread(threading.Thread):
    """Does one job after another, until none comes for a while. It is a daemon."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.jobs: SimpleQueue[Job] = SimpleQueue()

    def run(self) -> None:
        while (job := self._next()) is not None:
            self.name = job.name
            job.run()
            del job  # while it waits, it keeps nobody's result
            _idle.append(self)

    def _next(self) -> Job | None:
        try:
            return self.jobs.get(timeout=IDLE)
        except Empty:
            return self._last()

    def _last(self) -> Job | None:
        """What came in the moment of leaving."""
        try:
            _idle.remove(self)
        except ValueError:  # somebody has taken it out, to give it a job
            return self.jobs.get()
        return None


_idle: list[_Thread] = []
"""Threads that have nothing to do, the last one last. To append, pop and remove is each one step of Python's."""


def _begin(job: Job) -> None:
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
        thread.start()
    thread.jobs.put(job)


class Threads:
    """At most `most` calls alive at once; one that nobody waits for any more still counts until it ends."""

    def __init__(self, name: str, most: int = 2) -> None:
        self._name = name
        self._most = most
        self._jobs: list[Job] = []

    @property
    def full(self) -> bool:
        """Whether no further call can be started now."""
        self._jobs = [job for job in self._jobs if not job.ended]
        return len(self._jobs) >= self._most

    def start(self, call: Callable[[], Any]) -> Job:
        """Start `call`. Only while not `full`."""
        if self.full:
            raise RuntimeError(f"{self._name}: all {self._most} threads are busy")
        job = Job(call, self._name)
        self._jobs.append(job)
        _begin(job)
        return job
