"""The thread that does a store's blocking work: what it puts together, and in which order."""

import asyncio
from contextlib import contextmanager

import pytest

from bot.stores.worker import Worker


class Batches:
    """Counts the commits, and remembers what was done in each."""

    def __init__(self):
        self.all = []

    @contextmanager
    def __call__(self):
        self.all.append([])
        yield

    def does(self, what):
        return lambda: self.all[-1].append(what)


@pytest.fixture
def worker():
    made = Worker("test")
    made.batch = Batches()
    return made


async def test_what_is_asked_in_one_turn_is_one_commit(worker):
    """Jobs of one turn of the event loop share a commit, in the order in which they were asked for."""
    await asyncio.gather(*(worker.ask(worker.batch.does(number)) for number in range(5)))

    assert worker.batch.all == [[0, 1, 2, 3, 4]]
    await worker.finish(int)


async def test_what_is_asked_later_is_a_commit_of_its_own(worker):
    """A job that waits for the one before cannot share its commit."""
    await worker.ask(worker.batch.does("first"))
    await worker.ask(worker.batch.does("then"))

    assert worker.batch.all == [["first"], ["then"]]
    await worker.finish(int)


async def test_what_is_in_no_hurry_waits_for_company(worker):
    """Jobs of several turns share a commit, and whoever is in a hurry takes them along, in order."""
    asked = []
    for number in range(3):
        asked.append(worker.ask(worker.batch.does(number), hurry=False))
        await asyncio.sleep(0)
    await worker.ask(worker.batch.does("now"))
    await asyncio.gather(*asked)

    assert worker.batch.all == [[0, 1, 2, "now"]]
    await worker.finish(int)


async def test_what_is_in_no_hurry_is_done_without_company(worker):
    """Nobody else need ask; nor does it keep what is asked later from being done."""
    await worker.ask(worker.batch.does("alone"), hurry=False)
    await worker.ask(worker.batch.does("then"))

    assert worker.batch.all == [["alone"], ["then"]]
    await worker.finish(int)


async def test_what_waits_for_company_is_not_lost_at_the_end(worker):
    """Finishing takes it along."""
    done = []
    worker.ask(lambda: done.append("waited"), hurry=False).cancel()
    await worker.finish(lambda: done.append("last"))

    assert done == ["waited", "last"]


async def test_the_last_job_comes_after_all_that_was_asked_before(worker):
    """Finishing in the same turn leaves nothing out."""
    done = []
    asked = [worker.ask(lambda number=number: done.append(number)) for number in range(3)]
    last = worker.finish(lambda: done.append("last"))
    await asyncio.gather(*asked, last)

    assert done == [0, 1, 2, "last"]


async def test_a_job_is_done_though_nobody_waits_for_it_any_more(worker):
    """Cancelling who asked does not take the job back."""
    done = []
    worker.ask(lambda: done.append("this")).cancel()
    await worker.finish(int)

    assert done == ["this"]


def test_a_loop_that_ended_at_once_holds_up_no_other(worker):
    """What was asked for in the last turn of an event loop is done with what is asked on the next loop."""
    done = []
    loop = asyncio.new_event_loop()

    async def ask():
        worker.ask(lambda: done.append("before"))

    with pytest.raises(StopIteration):
        ask_once(loop, ask())
    loop.close()

    async def go_on():
        await worker.ask(lambda: done.append("after"))
        await worker.finish(int)

    asyncio.run(go_on())
    assert done == ["before", "after"]


def ask_once(loop, coroutine):
    """Run a coroutine up to its end on a loop that has no turn after that."""
    asyncio._set_running_loop(loop)
    try:
        coroutine.send(None)
    finally:
        asyncio._set_running_loop(None)


async def test_an_error_is_the_answer_of_its_own_job(worker):
    """Of jobs that share a commit each has its own outcome."""
    asked = [worker.ask(lambda: 1), worker.ask(lambda: 1 / 0), worker.ask(lambda: 3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in answers] == [int, ZeroDivisionError, int]
    await worker.finish(int)
