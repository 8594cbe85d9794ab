"""What stands behind a content warning, or stood there, and what an address of a feed holds: in no notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.compose import Limits, compose
from bot.model import Author, Batch, Delivery, Entry, Feed, Item, Post

THEN = datetime(2026, 11, 1, tzinfo=UTC)
ANN = Author(handle="ann", url="https://m.example/@ann")
WALK = Post(id="1", text="A walk in the park that went on for hours.")
BUTLER = Post(id="2", text="SECRET: the butler did it.", warning="spoiler")


def thread(*posts, key="k"):
    return Entry(
        feed_id="f", key=key, url="https://m.example/1", author=ANN, posts=posts, post_count=len(posts), whole=True
    )


def told(*threads, before=None, url=""):
    """The notice, all of its forms in one text."""
    items = tuple(
        Item(
            delivery=Delivery(
                id=f"d{n}",
                batch="d",
                feed_id="f",
                entry_key=entry.key,
                channel="me",
                created_at=THEN,
                due_at=THEN,
                event="grown" if before else "new",
                since=1 if before else 0,
                version=2 if before else 1,
            ),
            feed=Feed(id="f", source="s", address="@ann", author=ANN, url=url),
            entry=replace(entry, version=2 if before else 1),
            before=before,
        )
        for n, entry in enumerate(threads)
    )
    limits = Limits(html=100_000, markdown=60_000, form="mail")
    message = compose(Batch(id="d", channel="me", items=items), limits, zone=UTC)
    return "\n".join((message.title, message.text, message.html, message.markdown, *message.links))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((WALK, BUTLER), (WALK,), id="removed"),
        pytest.param((WALK, replace(BUTLER, warning="")), (WALK, BUTLER), id="hidden later"),
        pytest.param((WALK, BUTLER), (WALK, replace(BUTLER, text="SECRET: it was the cook.")), id="edited"),
    ],
)
def test_what_is_hidden_in_one_of_two_versions_is_told_in_neither(before, after):
    assert "SECRET" not in told(thread(*after), before=thread(*before))


def test_what_stood_there_open_is_told_when_it_is_removed():
    assert "the butler" in told(thread(WALK), before=thread(WALK, replace(BUTLER, warning="")))


def test_an_address_that_lets_its_reader_in_is_in_no_digest():
    many = [thread(WALK, key=f"k{n}") for n in range(12)]

    assert "TOKEN" not in told(*many, url="https://paid.example/rss?auth=TOKEN")
