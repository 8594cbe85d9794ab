"""Pure: which web addresses may be feeds, and what a feed is known by. Does not say whether there is one.

A feed's id is its address without what changes while the feed stays the same: the scheme (sites move to https) and a
slash at the end.
"""

from __future__ import annotations

import re
from typing import Final

from yarl import URL

from bot.model import Located
from bot.sources import typed

KIND: Final = "syndication"

LONGEST: Final = 2_000
_PREFIX = re.compile(r"(?:syndication|feed):(?://(?!/))?", re.IGNORECASE)
_NAMED = re.compile(r"[^\s/?#@]+(?:[/?#].*)?", re.DOTALL)
"""What may follow `syndication:`, ids of feeds among it: any host at all."""
_BARE = re.compile(
    r"(?:[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]*|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?(?:[/?#].*)?"
    r"|[\w-]+:\d{1,5}/.*",  # a machine of one's own; without the path it may be somebody's number at a source
    re.DOTALL | re.IGNORECASE,
)
_NOT_TYPED = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ENDINGS = (".rss", ".atom", ".xml", ".rdf", "feed.json", ".jsonfeed")
_NAMES: Final = frozenset(("feed", "rss", "atom", "rss2"))
"""Last words of a path that is a feed's: `/feed/` of WordPress, `/NAME/rss` of Nitter."""
_OTHERS = re.compile(r"(?:.*\.)?(?:twitter\.com|x\.com|threadreaderapp\.com)")
"""Sites that have no feeds: what is there belongs to other sources."""
_PAGES = re.compile(r"(?:www\.)?bsky\.app")
"""A site whose pages are another source's, and whose feeds are ours."""


def locate(address: str) -> Located | None:
    """Say whether an address may be a feed's: surely, where it says so or ends like one."""
    url = parsed(address)
    if url is None:
        return None
    host = url.raw_host or ""
    if _split(address)[0]:
        return Located(source=KIND, feed_id=feed_id_of(url))
    if _OTHERS.fullmatch(host):
        return None
    if is_like_a_feed(url):
        return Located(source=KIND, feed_id=feed_id_of(url))
    return None if _PAGES.fullmatch(host) else Located(source=KIND, sure=False)


def _split(address: str) -> tuple[str, str]:
    """What says that an address is a feed's ("" where nothing does), and the rest."""
    address = typed.bare(address)
    named = _PREFIX.match(address)
    return (named[0], address[named.end() :]) if named else ("", address)


def parsed(address: str) -> URL | None:
    """An address as people type it: a URL, or one without its scheme; None for everything else."""
    named, address = _split(address[: 2 * LONGEST])
    if len(address) > LONGEST or _NOT_TYPED.search(address):
        return None
    if not re.match(r"https?://", address, re.IGNORECASE):
        if not (_NAMED if named else _BARE).fullmatch(address):
            return None
        address = f"https://{address}"
    return web_url(address)


def has_scheme(address: str) -> bool:
    """Whether it was said that the address is one of http, or of https."""
    return bool(re.match(r"https?:", _split(address)[1], re.IGNORECASE))


def web_url(address: str) -> URL | None:
    """A URL that can be asked, without its fragment; None for one that cannot."""
    try:
        url = URL(address).with_fragment(None)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port != 0 and len(str(url)) <= LONGEST
    except (ValueError, TypeError):
        return None
    return url if usable and not re.search(r"[\s>]", str(url)) else None


def feed_id_of(url: URL) -> str:
    """What the feed at this address is known by: the same for http and https, and however the host is spelled."""
    host = (url.raw_host or "").rstrip(".")
    port = "" if url.is_default_port() else f":{url.port}"
    path = url.raw_path.rstrip("/")
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    return f"{KIND}:{f'[{host}]' if ':' in host else host}{port}{path}{query}"


def has_secret(url: URL) -> bool:
    """Whether there is a name or a password in it, which every list would show."""
    return url.raw_user is not None or url.raw_password is not None


def is_like_a_feed(url: URL) -> bool:
    """Whether a URL ends like a feed's."""
    path = url.path.rstrip("/").casefold()
    if "feed" in url.query:  # WordPress without pretty links: `/?feed=rss2`
        return True
    return path.endswith(_ENDINGS) or path.rpartition("/")[2] in _NAMES


def address_of(url: URL) -> str:
    """What a person gives to mean this feed again."""
    located = locate(str(url))
    return str(url) if located is not None and located.feed_id else f"{KIND}:{url}"
