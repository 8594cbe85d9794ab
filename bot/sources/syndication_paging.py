"""Pure: where a feed goes on below its page, without going round in a circle. Asks nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from yarl import URL

from bot.sources.feeds import Document
from bot.sources.syndication_addresses import feed_id_of, web_url

MOST_PAGES: Final = 200
"""So far down a backfill goes, in pages; a blog of twenty years has about as many."""
_LONGEST_CURSOR: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The next page: its `url`, marks of the pages above (`seen`), and of what stood on the one above (`above`)."""

    url: str
    seen: tuple[str, ...] = ()
    above: str = ""

    @classmethod
    def read(cls, token: str) -> Below | None:
        """From a token; None for what is none of ours."""
        try:
            url, above, *seen = json.loads(token)
        except (ValueError, TypeError, RecursionError):
            return None
        if not all(isinstance(one, str) for one in (url, above, *seen)) or web_url(url) is None:
            return None
        return cls(url=url, above=above, seen=tuple(seen))

    @property
    def token(self) -> str:
        """As text, for `Fetched.older`."""
        return json.dumps([self.url, self.above, *self.seen], separators=(",", ":"))


def below(
    document: Document, url: str, headers: Mapping[str, str], *, mirrored: bool, page: Below | None = None
) -> Below | None:
    """What comes below a page that was read from `url`; None at the end, in a circle, and on other sites.

    `page`: what the page was asked for as, None for the first.
    """
    marks, above = (*(page.seen if page else ()), _mark(url)), _content(document)
    following = _following(document, URL(url), headers.get("Min-Id", "") if mirrored else "")
    if following is None or _mark(str(following)) in marks or len(marks) >= MOST_PAGES:
        return None
    if page is not None and page.above == above:  # a site that does not know what a page is sends the first again
        return None
    return Below(url=str(following), seen=marks, above=above)


def _following(document: Document, url: URL, least: str) -> URL | None:
    """The page that the document names; of a mirror of X, the one that its header names."""
    if least and len(least) <= _LONGEST_CURSOR and least.isprintable():
        return url.update_query(cursor=least)
    following = web_url(document.next_url)
    return following if following is not None and document.items and _site(following) == _site(url) else None


def _site(url: URL) -> str:
    return (url.raw_host or "").removeprefix("www.")


def _mark(url: str) -> str:
    return hashlib.sha256(feed_id_of(URL(url)).encode()).hexdigest()[:8]


def _content(document: Document) -> str:
    said = "\n".join(f"{item.id} {item.url} {item.title}" for item in document.items)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:8]
