"""Pure: which feeds a web page points to, and which of them is meant. Asks nothing, and reads no feed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from bot.sources import html
from bot.sources.syndication_addresses import feed_id_of, web_url
from bot.text import one_line, shorten

MOST_LINKS: Final = 50
_FORMATS: Final = ("atom", "json", "rss")
"""The better first: Atom and JSON Feed say which items changed, and which is the author's text."""
_TYPES: Final = {
    "application/atom+xml": "atom",
    "application/feed+json": "json",
    "application/json": "json",
    "application/rss+xml": "rss",
    "application/rdf+xml": "rss",
    "application/x.atom+xml": "atom",
    "text/xml": "rss",
    "application/xml": "rss",
}
_VAGUE: Final = frozenset(("application/json", "text/xml", "application/xml"))
"""WordPress names its JSON API so, too: there the address has to look like a feed's."""
_FEED_LIKE = re.compile(r"feed|rss|atom|\.json(?:$|\?)", re.IGNORECASE)
_NOT_FEED = re.compile(r"wp-json|oembed", re.IGNORECASE)
_COMMENTS = re.compile(r"\b(?:comments?|kommentare?|commentaires?|comentarios|commenti|reacties)\b", re.IGNORECASE)
_FORMAT_WORDS = re.compile(r"\b(?:rss|atom|json|xml|rdf|feeds?)\b|\b[012]\.\d{1,2}\b|[^\w\s]", re.IGNORECASE)
_USER_PAGE = re.compile(r"/\w{1,20}/?")
_WELL_KNOWN: Final = ("/feed", "/rss.xml", "/atom.xml", "/index.xml")
MOST_GUESSES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A feed that a page points to."""

    url: URL
    title: str = ""
    format: str = "rss"


def links_of(body: bytes, url: URL) -> tuple[Link, ...]:
    """The feeds that a page names in its head, each once, in order. Raises `html.TooHeavy`."""
    tree = html.parse(body)
    base = _base(tree, url)
    found: dict[str, Link] = {}
    for node in tree.css("link[href][type]")[: 10 * MOST_LINKS]:
        link = _link(node.attributes, base)
        if link is not None and len(found) < MOST_LINKS:
            found.setdefault(feed_id_of(link.url), link)
    return tuple(found.values())


def _base(tree: LexborHTMLParser, url: URL) -> URL:
    node = tree.css_first("base[href]")
    return _joined(url, (node.attributes.get("href") if node is not None else None) or "") or url


def _link(attributes: dict[str, str | None], base: URL) -> Link | None:
    rel = (attributes.get("rel") or "").casefold().split()
    kind = (attributes.get("type") or "").casefold().partition(";")[0].strip()
    href = (attributes.get("href") or "").strip()
    url = _joined(base, href)
    if url is None or kind not in _TYPES or not {"alternate", "feed"} & set(rel) or "stylesheet" in rel:
        return None
    if _NOT_FEED.search(href) or (kind in _VAGUE and not _FEED_LIKE.search(href)):
        return None
    return Link(url=url, title=shorten(one_line((attributes.get("title") or "")[:1_000]), 100), format=_TYPES[kind])


def _joined(base: URL, href: str) -> URL | None:
    """Where a link leads, never with a name and password."""
    try:
        url = base.join(URL(href))
        return web_url(str(url.with_user(None))) if href else None
    except (ValueError, TypeError):
        return None


def choices_of(links: Iterable[Link]) -> tuple[tuple[Link, ...], ...]:
    """What a reader may mean: one group for each content, its formats in it, the best first. No feeds of comments."""
    links = tuple(links)
    wanted = tuple(link for link in links if not _is_of_comments(link)) or links
    groups: dict[str, list[Link]] = defaultdict(list)
    for link in wanted:
        groups[_about(link)].append(link)
    return tuple(group for about in groups.values() for group in _parted(about))


def _is_of_comments(link: Link) -> bool:
    return bool(_COMMENTS.search(link.title) or re.search(r"/comments?(?:/|$)", link.url.path, re.IGNORECASE))


def _about(link: Link) -> str:
    """The title without the words that only name a format: `Ann's blog (RSS 2.0)` is `ann s blog`."""
    return " ".join(_FORMAT_WORDS.sub(" ", link.title.casefold()).split())


def _parted(links: list[Link]) -> tuple[tuple[Link, ...], ...]:
    """One group if each format is there once; two feeds of one format and title are two contents."""
    formats = [link.format for link in links]
    if len(set(formats)) < len(formats):
        return tuple((link,) for link in links)
    return (tuple(sorted(links, key=lambda link: _FORMATS.index(link.format))),)


def guesses(url: URL) -> tuple[URL, ...]:
    """Where a site that names no feed may still have one, the likeliest first."""
    mirrored = (f"{url.path.rstrip('/')}/rss",) if _USER_PAGE.fullmatch(url.path) else ()
    return tuple(url.origin().with_path(path) for path in (*mirrored, *_WELL_KNOWN)[:MOST_GUESSES])


def asks_for_login(body: bytes) -> bool:
    """Whether a page wants a password. Raises `html.TooHeavy`."""
    return b"password" in body and html.parse(body).css_first('input[type="password"]') is not None
