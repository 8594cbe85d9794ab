"""Pure: the items of a feed as entries: what each is known by, and what of it is shown.

Does not parse (`feeds`), and does not say what is news.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from bot.model import Author, Entry
from bot.sources.feeds import Document, Item
from bot.sources.feeds_text import as_post
from bot.sources.syndication_addresses import web_url
from bot.sources.syndication_times import written
from bot.text import is_web_link, one_line, shorten, title_of_posts

LONGEST_KEY: Final = 200
_LONGEST_TITLE: Final = 200
_PLAIN_KEY = re.compile(rf"[!#-&(-;=?-~]{{1,{LONGEST_KEY}}}")
"""Printable ASCII without quotes and angle brackets."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def author_of(document: Document, url: str, known_as: str = "") -> Author:
    """Whose feed it is: a name and a home page; a feed has no handle. `known_as`: its name before."""
    name = shorten(one_line(document.title[:2_000]) or one_line(document.author[:2_000]), _LONGEST_TITLE)
    return Author(
        handle="", name=name or known_as or _SCHEME.sub("", url), url=document.url if is_web_link(document.url) else url
    )


def entries_of(
    items: Sequence[Item],
    document: Document,
    *,
    feed_id: str,
    author: Author,
    url: str,
    now: datetime,
    homes: Sequence[str] = (),
) -> tuple[Entry, ...]:
    """One entry for each item that says something, in the listing's order. `homes`: where the site was before."""
    named = identified(items, not_theirs=(url, document.url, document.self_url, document.id))
    home = home_of(document, url)
    return tuple(
        _entry(item, (*ids, *_earlier(ids, home, homes)), feed_id=feed_id, author=author, now=now)
        for ids, item in named
    )


def home_of(document: Document, url: str) -> str:
    """The host of the site whose feed it is."""
    home = web_url(document.url) or web_url(url)
    return (home.host_port_subcomponent or "") if home is not None else ""


def _earlier(ids: Iterable[str], home: str, homes: Iterable[str]) -> Iterator[str]:
    """What the same item was known by while the site was elsewhere: else all would be news when a site moves."""
    for one in ids:
        yield from (f"{before}{one.removeprefix(home)}" for before in homes if before != home and _is_at(one, home))


def _is_at(one: str, home: str) -> bool:
    return bool(home) and one.startswith(f"{home}/")


def _entry(item: Item, ids: tuple[str, ...], *, feed_id: str, author: Author, now: datetime) -> Entry:
    post = as_post(item, ids[0])
    # An id that is an address is that of the page, nearly always (JSON Feed asks for it).
    url = next(filter(is_web_link, (item.url, item.id)), author.url)
    title = shorten(one_line(item.title[:2_000]), _LONGEST_TITLE) or title_of_posts((post,))
    return Entry(
        feed_id=feed_id,
        key=ids[0],
        url=url,
        author=author,
        title=title or _SCHEME.sub("", url),
        aliases=ids[1:],
        published=written(item, now),
        post_count=1,
        posts=(post,),
        whole=True,
    )


# -- what an item is known by -------------------------------------------------------------------------


def identified(items: Sequence[Item], not_theirs: Iterable[str] = ()) -> list[tuple[tuple[str, ...], Item]]:
    """Each item once, with its ids, its key first; without items that say nothing.

    The key is the guid where only this item has it, else the link where only this item has it, else a hash of title
    and content. The link is an alias, so that a feed may lose its guids. `not_theirs`: addresses of the feed itself,
    which some feeds put in the place of both.
    """
    shared = {plain_id(one) for one in not_theirs} | {""}
    listed = [item for item in _once(items) if item.id or item.url or item.title or item.html or item.media]
    guids = Counter(plain_id(item.id) for item in listed)
    links = Counter(plain_id(item.url) for item in listed)
    return _each_once((_ids(item, guids, links, shared), item) for item in listed)


def _ids(item: Item, guids: Counter[str], links: Counter[str], shared: set[str]) -> tuple[str, ...]:
    guid, link = plain_id(item.id), plain_id(item.url)
    # An id that is another item's link as well is nobody's.
    own_guid = guid not in shared and guids[guid] == 1 and links[guid] == (guid == link)
    own_link = link not in shared and links[link] == 1 and guids[link] == (guid == link)
    found = dict.fromkeys([guid] * own_guid + [link] * own_link)
    return tuple(found) or (content_id(item),)


def plain_id(value: str) -> str:
    """An id that can be kept and shown: without the scheme of a web address, hashed where it is long or odd.

    Sites move from http to https, and then every item of theirs would be news.
    """
    value = _SCHEME.sub("", value.strip(), count=1) if value else ""
    return value if not value or _PLAIN_KEY.fullmatch(value) else _digest(value)


def content_id(item: Item) -> str:
    """What an item is known by that says nothing of it: what it says."""
    return _digest(f"{item.title}\0{item.html}")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _once(items: Sequence[Item]) -> list[Item]:
    """The items without older forms of the same one: some feeds list an item again when it was changed."""
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in dict.fromkeys(items):
        groups[item.id, item.url].append(item)
    kept = {
        item
        for (guid, link), group in groups.items()
        for item in ([max(group, key=_changed)] if guid and link else group)
    }
    return [item for item in dict.fromkeys(items) if item in kept]


def _changed(item: Item) -> float:
    when = item.updated or item.published
    return when.timestamp() if when else 0.0


def _each_once(named: Iterable[tuple[tuple[str, ...], Item]]) -> list[tuple[tuple[str, ...], Item]]:
    first: dict[str, tuple[tuple[str, ...], Item]] = {}
    for ids, item in named:
        first.setdefault(ids[0], (ids, item))
    return list(first.values())
