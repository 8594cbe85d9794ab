"""The steps of a thread, in words, from what is stored of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.model import Author, Delivery, Feed, Known, Post
from bot.trail import trail
from tests.fakes import START, Thread, entry_of

FEED = Feed(id="fake:ann", source="fake", address="@ann", author=Author(handle="ann"))
KNOWN = Known(feed_id="fake:ann", key="t", url="u", state="announced", first_seen=START, title="A thread")
ROW = Delivery(id="d", batch="b", feed_id="fake:ann", entry_key="t", channel="me", created_at=START, due_at=START)
ENTRY = replace(entry_of(Thread(key="t", published=START)), whole=True, read_at=START)


def said(known: Known = KNOWN, *rows: Delivery, versions: tuple = ()) -> list[str]:
    return [step.what for step in trail(known, FEED, versions, rows)]


def test_steps_come_in_order():
    """By time; what has none at the end."""
    known = replace(KNOWN, published=START - timedelta(days=1), note="a note")

    assert said(known)[0].startswith("written by")
    assert said(known)[-1] == "a note"


def test_a_baseline_is_explained():
    """Why nothing was sent."""
    assert "there before the author was followed: remembered, not announced" in said(replace(KNOWN, state="baseline"))


def test_a_filter_is_named():
    """Which channel did not want it, and why."""
    known = replace(KNOWN, state="filtered", filtered=("me: 2 posts, fewer than min_posts = 3",))

    assert "not wanted by channel me: 2 posts, fewer than min_posts = 3" in said(known)


def test_the_channel_s_answer_is_told():
    """With the tries it took, and why the one before failed."""
    row = replace(ROW, state="sent", sent_at=START, attempts=3, earlier="connection refused", receipt="$event")

    assert said(KNOWN, row)[-1] == (
        "sent: channel me took it at the 3rd attempt (before: connection refused), its answer: $event"
    )


def test_a_delivery_that_waits_says_for_what():
    """And until when."""
    row = replace(ROW, due_at=START + timedelta(hours=9), error="quiet hours")

    assert said(KNOWN, row)[-1] == "to be sent to channel me, not before this time: quiet hours"


def test_the_notice_of_a_thread_that_is_being_written_goes_out_sooner_than_it_is_due():
    """As soon as the thread is finished."""
    known = replace(KNOWN, state="waiting", version=1)
    row = replace(ROW, due_at=START + timedelta(hours=1))

    assert said(known, row)[-1] == "to be sent to channel me, at this time at the latest"


def test_what_changed_between_versions_is_counted():
    """New, inserted, edited and removed posts."""
    grown = replace(ENTRY, version=2, posts=(*ENTRY.posts, Post(id="9", text="more")), read_at=START)

    assert "kept as version 2: 1 new post" in said(versions=(ENTRY, grown))


def test_a_thread_that_is_gone_says_since_when():
    """Both looks that did not find it."""
    known = replace(KNOWN, missing_at=START, gone_at=START + timedelta(hours=1))

    assert said(known)[-1].startswith("not found again, while the site showed others: gone")


def test_what_was_sent_long_ago_is_not_forgotten():
    """The row is gone, the books are not."""
    assert "sent to channel me (new) more than a month ago" in said(replace(KNOWN, pruned=("me",)))
