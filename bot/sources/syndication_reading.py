"""Pure: what one look at a feed has read, in whatever the feed is: a blog's, or a mirror's of an author of X."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import ParseError, SourceRefused
from bot.model import Author, Entry, Feed
from bot.sources import nitter
from bot.sources import syndication_entries as plain
from bot.sources.chains import Wanted, shortest
from bot.sources.feeds import Document, Item
from bot.sources.syndication_cursor import digest_of, marks_of
from bot.sources.syndication_times import is_newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The entries, and what is told with them (see `model.Fetched`). `newest`, `digest`, `home`: see `Bookmark`."""

    author: Author
    entries: tuple[Entry, ...]
    ordered: bool = False
    reaches: datetime | None = None
    newest: int | None = None
    shortest: int = 0
    digest: str = ""
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is read: the feed, the address it was read from, and which threads of a mirrored author are wanted.

    `newest`, `homes`: see `Bookmark`.
    """

    feed: Feed
    url: str
    now: datetime
    posts: Wanted = "threads"
    min_posts: int = 2
    newest: int | None = None
    homes: tuple[str, ...] = ()


def read(asked: Asked, documents: Sequence[Document]) -> Reading:
    """The pages of a feed, the newest first, as one. Raises `SourceError` where they are not what was followed."""
    found = _read(asked, documents)
    return replace(found, digest=digest_of(found.entries, found.author))


def _read(asked: Asked, documents: Sequence[Document]) -> Reading:
    first = documents[0]
    items = tuple(item for document in documents for item in document.items)
    author = author_of(first, asked)
    if author.handle:
        return _mirrored(asked, author, items)
    feed_id = asked.feed.id
    entries = plain.entries_of(
        items, first, feed_id=feed_id, author=author, url=asked.url, now=asked.now, homes=asked.homes
    )
    if items and not entries:
        raise ParseError(feed_id, "nothing in the feed says anything")
    home = plain.home_of(first, asked.url)
    return Reading(author=author, entries=entries, ordered=is_newest_first(items), home=home)


def _mirrored(asked: Asked, author: Author, items: Sequence[Item]) -> Reading:
    if items and not nitter.tweets_of(items, author) and not nitter.has_posts(items):
        raise ParseError(asked.feed.id, "nothing in the feed is a post")
    entries = nitter.entries_of(
        items,
        author,
        feed_id=asked.feed.id,
        posts=asked.posts,
        min_posts=asked.min_posts,
        newer_than=asked.newest,
    )
    newest = nitter.newest(items, author)
    return Reading(
        author=author,
        entries=entries,
        reaches=nitter.reaches(items, author),
        newest=max(filter(None, (newest, asked.newest)), default=None),
        shortest=shortest(asked.posts, asked.min_posts),
    )


def author_of(document: Document, asked: Asked) -> Author:
    """Whose feed it is. Raises `SourceRefused` for a placeholder, `ParseError` for a mirror's feed that is none now."""
    said = nitter.placeholder(document)
    if said:
        raise SourceRefused(asked.feed.id, f"the site sends a placeholder in the place of the feed: {said}")
    mirrored = nitter.author_of(document)
    if mirrored is None and asked.feed.author.handle:
        raise ParseError(asked.feed.id, f"the site sends something else than the posts of @{asked.feed.author.handle}")
    return mirrored or plain.author_of(document, asked.url, asked.feed.author.name)


def item_marks(document: Document) -> tuple[str, ...]:
    """Short marks of the items, the newest first: the same for the same item, whatever stands beside it."""
    marks = marks_of([_own_id(item) for item in document.items])
    return marks if is_newest_first(document.items) else marks[::-1]


def _own_id(item: Item) -> str:
    said = item.id or item.url
    return plain.plain_id(said) if said else plain.content_id(item)
