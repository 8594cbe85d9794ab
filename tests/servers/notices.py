"""Threads, batches and messages for tests of what is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.model import Author, Batch, Delivery, Entry, EventKind, Feed, Item, Media, Message, Post

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


def batch(*told: Entry | Item, doubtful: bool = False, key: str = "batch-1") -> Batch:
    """A batch that tells of these threads: as new, where nothing else is said."""
    items = (one if isinstance(one, Item) else happened(one) for one in told)
    named = (
        replace(item, delivery=replace(item.delivery, id=f"d{number}", batch=key, doubtful=doubtful))
        for number, item in enumerate(items)
    )
    return Batch(id=key, channel="me", items=tuple(named))


def happened(
    one: Entry,
    event: EventKind = "new",
    *,
    feed: Feed = FEED,
    before: Entry | None = None,
    first: Delivery | None = None,
) -> Item:
    """An event of a thread."""
    delivery = Delivery(
        id="d0",
        batch="batch-1",
        feed_id=feed.id,
        entry_key=one.key,
        channel="me",
        created_at=NOW,
        due_at=NOW,
        event=event,
    )
    return Item(delivery=delivery, feed=feed, entry=one, before=before, first=first)


EVE_NAME = Author(handle="eve_example", name="إيف", url="https://threads.example/user/eve_example")
EVE = Feed(id="demo:eve_example", source="demo", address="@eve_example", author=EVE_NAME, url=EVE_NAME.url)

LESSONS = (
    "Four lessons from twenty years of building bridges that hum. A thread 👇",
    "1/ Listen before you measure. The first bridge told us in March what the instruments said in June. #bridges",
    "2/ A gap of four millimetres can wake a village. We found ours with a stethoscope.",
    "3/ Damping is cheaper than mass: two small dampers did what eleven tonnes of concrete could not.",
    "4/ Write down what failed. Our worst report is our most read one: https://papers.example/report",
    "Thank you for reading. With @bob_example and the people of the valley.",
)
BRIDGES = entry(
    "200",
    title="Four lessons from twenty years of building bridges that hum",
    posts=tuple(Post(id=str(number), text=text) for number, text in enumerate(LESSONS)),
    post_count=len(LESSONS),
    read_at=NOW,
)
BEFORE = replace(
    BRIDGES,
    posts=(
        BRIDGES.posts[0],
        Post(id="1", text="1/ Measure before you listen."),
        *BRIDGES.posts[2:4],
        Post(id="x", text="This one was taken back."),
    ),
    post_count=5,
    read_at=NOW - timedelta(days=1),
)
FIRST = Delivery(
    id="d9",
    batch="b9",
    feed_id=FEED.id,
    entry_key="200",
    channel="me",
    created_at=NOW - timedelta(days=1),
    due_at=NOW - timedelta(days=1),
    state="sent",
    sent_at=NOW - timedelta(days=1),
    titled="Ada Example: Four lessons from twenty years of building bridges… (5 posts)",
    receipt="$first",
)
THEIRS = entry(
    "300",
    title="جسور الريح",
    author=EVE_NAME,
    posts=(
        Post(id="1", text="مرحبا، هذا موضوع عن الجسور https://a.example/x"),
        Post(id="2", text="日本語の投稿です。"),
    ),
    post_count=2,
)


def message(key: str = "key-1", **changes: object) -> Message:
    """A small message as `compose` makes it, for channels that take HTML and those that do not."""
    plain = Message(
        key=key,
        title="Ada: a < b & <!channel>",
        text="First line\nhttps://threads.example/thread/100.html\n*stars* _lines_ `ticks` <@U1> &amp;",
        links=("https://threads.example/thread/100.html",),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
