"""Threads, batches and messages for tests of what is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.model import Author, Batch, Delivery, Entry, Feed, Item, Media, Message, Post

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
AUTHOR = Author(handle="ada_example", name="Ada Example", url="https://threads.example/user/ada_example")
FEED = Feed(id="demo:ada_example", source="demo", address="@ada_example", author=AUTHOR, url=AUTHOR.url)

POSTS = (
    Post(id="1", text="1/ Why do bridges hum? A thread about <wind>, `cables` & patience.\n\nFirst, the wind."),
    Post(
        id="2",
        text="@bob_example @eve It is called vortex shedding: Vec<String> a < b && c, snake_case, *not bold*.",
        reply_to=("bob_example", "eve"),
        links=("https://physics.example/vortex?page=2&lang=en",),
    ),
    Post(
        id="3",
        text="Full paper: https://papers.example/bridges_(2019).pdf, free to read. 👩🏽‍🔬🇫🇷",
        links=("https://papers.example/bridges_(2019).pdf",),
        media=(Media(kind="image", url="https://img.example/1.jpg", alt="A bridge in fog"),),
    ),
    Post(
        id="4",
        text="שלום לכולם — and that is all. @room <!channel> <@U123>",
        quotes=("https://x.example/eve/status/77",),
    ),
)


def entry(key: str = "100", **changes: object) -> Entry:
    """One whole thread."""
    whole = Entry(
        feed_id=FEED.id,
        key=key,
        url=f"https://threads.example/thread/{key}.html",
        author=AUTHOR,
        title="Why do bridges hum?",
        published=datetime(2026, 11, 21, 17, 4, tzinfo=UTC),
        post_count=len(POSTS),
        posts=POSTS,
        whole=True,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def batch(*entries: Entry, doubtful: bool = False, key: str = "batch-1") -> Batch:
    """A batch that carries these threads."""
    deliveries = tuple(
        Delivery(
            id=f"d{number}",
            batch=key,
            feed_id=FEED.id,
            entry_key=one.key,
            channel="me",
            created_at=NOW,
            due_at=NOW,
            doubtful=doubtful,
        )
        for number, one in enumerate(entries)
    )
    items = (Item(delivery=delivery, feed=FEED, entry=one) for delivery, one in zip(deliveries, entries, strict=True))
    return Batch(id=key, channel="me", items=tuple(items))


def message(key: str = "key-1", **changes: object) -> Message:
    """A small message as `compose` makes it, for channels that take HTML and those that do not."""
    plain = Message(
        key=key,
        title="Ada: a < b & <!channel>",
        text="First line\nhttps://threads.example/thread/100.html\n*stars* _lines_ `ticks` <@U1> &amp;",
        links=("https://threads.example/thread/100.html",),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
