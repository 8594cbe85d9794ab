"""The authors who are followed, as lists for other programs have them.

Where the service offers a feed of an author, other readers are given that; an address of our own stands beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bot.exchange.opml import Outline
from bot.exchange.wanted import web
from bot.model import Feed


def outlines(feeds: Iterable[Feed]) -> tuple[Outline, ...]:
    """Every author as a feed of an OPML file; the feeds of one person in a folder of that name."""
    feeds = tuple(feeds)
    sizes = Counter(_person(feed) for feed in feeds)
    first = {feed.id: feed for feed in feeds}
    # Those of one person together, where the first of them stands.
    places: dict[str, int] = {}
    for feed in feeds:
        places.setdefault(_person(feed), len(places))
    ordered = sorted(feeds, key=lambda feed: places[_person(feed)])
    return tuple(_outline(feed, _folder(feed, sizes, first)) for feed in ordered)


def _person(feed: Feed) -> str:
    return feed.person or feed.id


def _folder(feed: Feed, sizes: Mapping[str, int], first: Mapping[str, Feed]) -> tuple[str, ...]:
    person = _person(feed)
    return (title(first.get(person, feed)),) if sizes[person] > 1 else ()


def _outline(feed: Feed, folder: tuple[str, ...]) -> Outline:
    url = feed_url(feed)
    return Outline(
        title=title(feed),
        xml_url=url,
        html_url=feed.author.url or (feed.url if web(feed.url) and feed.url != url else ""),
        folder=folder,
        address="" if feed.source == "syndication" and url else feed.address,
        kind="rss" if url else "",
    )


def title(feed: Feed) -> str:
    """What people call the author."""
    return feed.author.label or feed.address


def feed_url(feed: Feed) -> str:
    """The address of a feed of this author that any reader can read, "" where the service has none."""
    name = feed.id.removeprefix(f"{feed.source}:")
    match feed.source:
        case "syndication":
            # Where it is read now: it may have moved since.
            return next((url for url in (feed.url, feed.address.removeprefix("syndication:")) if web(url)), "")
        case "mastodon":
            user, _, host = account(feed).partition("@")
            return f"https://{host}/@{user}.rss" if host else ""
        case "bluesky":
            return f"https://bsky.app/profile/{feed.author.key or name}/rss"
        case _:
            return ""


def account(feed: Feed) -> str:
    """`user@host` of an author on Mastodon, "" for one elsewhere."""
    names = (feed.author.handle, feed.id.removeprefix("mastodon:")) if feed.source == "mastodon" else ()
    return next((name for name in names if "@" in name), "")
