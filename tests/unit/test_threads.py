"""Blocking calls in daemon threads: few at a time, one thread for many calls, none of them waited for at the exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from bot import threads
from bot.threads import Threads


async def ended(job: threads.Job) -> threads.Job:
    await job.wait(5)
    return job


async def until_idle() -> threading.Thread:
    """The thread that has nothing to do."""
    while not threads._idle:
        await asyncio.sleep(0.001)
    return threads._idle[-1]


async def test_a_call_gives_its_result_or_its_error():
    """Whoever waits may ask for either."""
    some = Threads("some")
    well, ill = await ended(some.start(lambda: 1)), await ended(some.start(lambda: 1 / 0))

    assert (well.result, well.error, well.ended) == (1, None, True)
    assert isinstance(ill.error, ZeroDivisionError)


async def test_one_thread_does_many_calls():
    """A thread that has nothing to do takes the next, under that one's name."""
    some = Threads("some")
    before = await ended(some.start(threading.current_thread))
    await until_idle()
    after = await ended(Threads("other").start(lambda: (threading.current_thread(), threading.current_thread().name)))

    assert after.result == (before.result, "other")


async def test_what_a_call_sets_for_itself_does_not_reach_the_next():
    """Each has a context of its own, as a thread of its own would have."""
    var: ContextVar[str] = ContextVar("var", default="none")
    some = Threads("some")
    await ended(some.start(lambda: var.set("mine")))
    await until_idle()

    assert (await ended(some.start(var.get))).result == "none"


async def test_no_more_calls_than_allowed():
    """One that hangs counts, also when nobody waits for it any more."""
    some, hangs = Threads("some", most=1), threading.Event()
    job = some.start(hangs.wait)
    with pytest.raises(TimeoutError):
        await job.wait(0.01)

    assert some.full
    with pytest.raises(RuntimeError):
        some.start(int)
    hangs.set()
    await ended(job)
    assert not some.full


async def test_a_thread_that_has_nothing_to_do_ends(monkeypatch):
    """A bot that sends once a day keeps none."""
    monkeypatch.setattr(threads, "IDLE", 0.01)
    monkeypatch.setattr(threads, "_idle", [])
    thread = (await ended(Threads("some").start(threading.current_thread))).result
    await asyncio.to_thread(thread.join, 5)

    assert (thread.is_alive(), threads._idle) == (False, [])


async def test_calls_that_come_as_threads_leave_are_done(monkeypatch):
    """None is lost between a thread's last look and its end."""
    monkeypatch.setattr(threads, "IDLE", 0.0005)
    monkeypatch.setattr(threads, "_idle", [])
    some, count = Threads("some"), 0
    for _ in range(300):
        count += (await ended(some.start(lambda: 1))).result
        await asyncio.sleep(0.0005)

    assert count == 300


def test_a_call_that_hangs_does_not_hold_up_the_exit():
    """Nor does a thread that waits for the next one."""
    code = (
        "import time; from bot.threads import Threads\n"
        "some = Threads('some'); some.start(int); some.start(lambda: time.sleep(60))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=20).returncode == 0
