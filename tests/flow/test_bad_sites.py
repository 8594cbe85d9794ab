"""One author dead, slow, moved or lying, over the real client and source: the others are served, nothing is lost."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.demo.site import author_page, listed_card, thread_page
from tests import pages
from tests.hostile.rounds import HEALTHY, NEW, OLD, Trial, serve
from tests.sites import answer, drip, site

TIMEOUT = 0.8
MANY = [pages.thread(30 + number, f"Thread {number}.", "Second post.") for number in range(5)]
DRIPS = drip(b"x")


@pytest.fixture
async def trial():
    """Two followed authors on one site."""
    async with site() as served:
        made = Trial(served, TIMEOUT)
        await made.follow()
        yield made
        await made.http.close()


def publish_many(trial: Trial, sent) -> None:
    """Five new threads of one author, each of whose own pages is `sent` (None: as it should be)."""
    serve(trial.served, [NEW], [])
    cards = "".join(map(listed_card, (*reversed(MANY), *OLD)))
    trial.served.answers["/user/PolarPetra"] = answer(body=author_page(pages.PETRA, cards).encode())
    for one in MANY:
        trial.served.answers[f"/thread/{one.key}.html"] = sent or answer(body=thread_page(one).encode())


def dripped(trial: Trial) -> int:
    """How many of their pages were asked for."""
    return sum(any(one.key in path for one in MANY) for path in trial.served.paths)


async def known(trial: Trial):
    return {one.key: one for one in await trial.store.threads()}


async def test_one_look_is_as_long_as_its_time_out(trial):
    """Five dripping thread pages take one time-out, not five; those not asked for have no failed look against them."""
    publish_many(trial, DRIPS)
    await trial.round(due=False, hours=1)
    looks = [one.looks for one in (await known(trial)).values() if one.state == "waiting"]

    assert dripped(trial) == 1
    assert sorted(looks) == [0, 0, 0, 0, 1]
    assert trial.arrived() == [HEALTHY.key]


async def test_what_the_time_did_not_suffice_for_arrives_once(trial):
    """Threads whose pages had no time are read as soon as the site answers, and arrive once."""
    publish_many(trial, DRIPS)
    await trial.round(due=False, hours=1)
    publish_many(trial, None)
    for _ in range(3):
        await trial.round(due=True, minutes=5)

    assert sorted(trial.arrived()) == sorted([HEALTHY.key, *(one.key for one in MANY)])


async def test_one_dripping_page_does_not_keep_the_others_from_being_read(trial):
    """Pages that were not asked for yet come first at the next look."""
    publish_many(trial, None)
    trial.served.answers[f"/thread/{MANY[-1].key}.html"] = DRIPS  # the newest, which is read first
    await trial.round(due=False, hours=1)
    for _ in range(2):
        await trial.round(due=False, minutes=4)

    assert set(trial.arrived()) >= {one.key for one in MANY[:-1]}


async def test_a_page_with_little_time_left_has_not_failed(trial):
    """A waiting thread whose page had less than half of the time, because another took it, is not counted as failed."""

    async def slowly(asked, writer):
        await asyncio.sleep(TIMEOUT * 0.3)
        writer.write(answer(body=thread_page(next(one for one in MANY if one.key in asked.path)).encode()))

    publish_many(trial, answer("502 No"))
    await trial.round(due=False, hours=1)
    before = {one.key: one.looks for one in (await known(trial)).values() if one.state == "waiting"}
    publish_many(trial, slowly)
    trial.clock.advance(minutes=10)
    await trial.relooker.look_again(*[one for one in (await known(trial)).values() if one.state == "waiting"])
    still = [one for one in (await known(trial)).values() if one.state == "waiting"]

    assert still
    assert [one.looks for one in still] == [before[one.key] for one in still]


async def test_looks_at_waiting_threads_share_their_time(trial):
    """A round with five waiting threads of a dripping site asks for two at the most: half a time-out, then a whole."""
    publish_many(trial, DRIPS)
    await trial.round(due=False, hours=1)
    trial.served.requests.clear()
    await trial.round(due=False, minutes=30)

    assert 1 <= dripped(trial) <= 2


async def test_a_first_look_may_take_longer(trial):
    """A backfill over many slow pages ends, though together they take longer than one look may."""

    async def slowly(asked, writer):
        await asyncio.sleep(TIMEOUT * 0.25)
        token = int(asked.path.rpartition("=")[2]) if "before" in asked.path else 10**12
        below = [one for one in reversed(threads) if one.time < token][:1]
        cards = "".join(map(listed_card, below))
        writer.write(answer(body=(cards if "before" in asked.path else author_page(loud, cards)).encode()))

    loud = pages.SampleAuthor(handle="slowcoach", name="Slow")
    threads = [pages.thread(number, author=loud) for number in range(5)]
    trial.served.default = slowly
    trial.served.answers |= {f"/thread/{one.key}.html": answer(body=thread_page(one).encode()) for one in threads}
    started = time.monotonic()
    followed = await trial.follower.follow("@slowcoach", (), backfill=5)

    assert len(followed.threads) == 5
    assert time.monotonic() - started > TIMEOUT


async def test_a_dead_host_is_asked_less_and_less_and_all_are_served_when_it_is_back(trial):
    """After five failures of two authors nobody asks; then one probe at a time; once it answers, all news arrive."""
    serve(trial.served, [NEW], [])
    right, trial.served.answers = trial.served.answers, {}
    trial.served.default = answer("502 Bad Gateway")
    for _ in range(3):
        await trial.round(due=False, seconds=1)
    asked = len(trial.served.requests)
    await trial.round(due=False, seconds=1)
    states = [state for _, state in await trial.store.feeds()]
    assert len(trial.served.requests) == asked
    trial.served.answers = right
    for _ in range(2):
        await trial.round(due=True, minutes=61)

    assert [state.held_until for state in states] == [None, None]
    assert sorted(trial.arrived()) == sorted([HEALTHY.key, NEW.key])


async def test_the_words_for_a_dead_host_are_true(trial):
    """A held author is told that the host did not answer, not that it asked for a pause; no failure is counted."""
    trial.served.answers, trial.served.default = {}, answer("502 Bad Gateway")
    for _ in range(3):
        await trial.round(due=False, seconds=1)
    failures = sum(state.failures for _, state in await trial.store.feeds())
    trial.clock.advance(seconds=1)
    polled = await trial.poller.poll("threadreader:loudvoice")

    assert polled.outcome == "held"
    assert polled.error.startswith("127.0.0.1 did not answer others just now; it is asked again at 2026-11-01 12:00:")
    assert sum(state.failures for _, state in await trial.store.feeds()) == failures


async def test_threads_that_wait_for_a_dead_host_stay_due(trial):
    """A look that the hold forbade is made later, and does not count."""
    serve(trial.served, [NEW], [])
    right = dict(trial.served.answers)
    trial.served.answers[f"/thread/{NEW.key}.html"] = answer("502 Bad Gateway")
    await trial.round(due=False, hours=1)
    trial.served.answers, trial.served.default = {}, answer("502 Bad Gateway")
    for _ in range(3):
        await trial.round(due=False, seconds=1)
    await trial.round(due=False, seconds=15)
    waiting = (await known(trial))[NEW.key]
    trial.served.answers = right
    await trial.round(due=True, minutes=30)

    assert (waiting.state, waiting.look_at is not None) == ("waiting", True)
    assert NEW.key in trial.arrived()


async def test_moved_for_good(trial):
    """An author page that moved to another address is followed there, each time anew."""
    serve(trial.served, [NEW], [])
    trial.served.answers["/elsewhere"] = trial.served.answers["/user/PolarPetra"]
    trial.served.answers["/user/PolarPetra"] = answer("301 Moved Permanently", Location="/elsewhere")
    await trial.round(due=False, hours=1)

    assert sorted(trial.arrived()) == sorted([HEALTHY.key, NEW.key])


async def test_a_handle_that_somebody_else_took_over(trial):
    """The new owner's threads are not announced, the old one's stay known, and the error says why."""
    thief = pages.SampleAuthor(handle="PolarPetra", name="Petra", twitter_id="666")
    theirs = pages.thread(12, author=thief)
    page = author_page(thief, listed_card(theirs)).encode()
    serve(trial.served, [], [])
    trial.served.answers["/user/PolarPetra"] = answer(body=page)
    await trial.round(due=False, hours=1)

    assert trial.arrived() == []
    assert {one.key for one in OLD} <= set(await known(trial))
    assert "@PolarPetra is somebody else now than the author followed" in trial.failed


async def test_half_a_page_with_the_etag_of_the_whole(trial):
    """Half a listing that ends properly hides nothing for ever: its validators are not sent back."""
    serve(trial.served, [NEW], [])
    path, etag = "/user/PolarPetra", 'W/"whole"'
    whole = author_page(pages.PETRA, "".join(map(listed_card, (*reversed(OLD), NEW)))).encode()
    half = whole[: whole.index(NEW.key.encode())]

    async def half_first(asked, writer):
        unchanged = asked.headers.get("if-none-match") == etag
        writer.write(answer("304 Not Modified") if unchanged else answer(body=sent, ETag=etag))

    trial.served.answers[path], sent = half_first, half
    await trial.round(due=False, hours=1)
    sent = whole
    await trial.round(due=False, hours=1)

    assert NEW.key in trial.arrived()


async def test_a_thread_without_its_end_is_not_announced_as_whole(trial):
    """A thread's page that stops in its last post, though it ends properly, is read again later."""
    serve(trial.served, [NEW], [])
    path = f"/thread/{NEW.key}.html"
    whole = thread_page(NEW).encode()
    trial.served.answers[path] = answer(body=whole[: whole.index(b"Second") + 4])
    await trial.round(due=False, hours=1)
    before = trial.arrived()
    trial.served.answers[path] = answer(body=whole)
    await trial.round(due=True, minutes=5)

    assert (before, sorted(trial.arrived())) == ([HEALTHY.key], sorted([HEALTHY.key, NEW.key]))
    assert "Second post." in trial.channel.inbox[-1].text
