"""Pure: a feed document in any of the three families (RSS, Atom, JSON Feed) as one value.

Fetches nothing, and does not decide what of it is news, whose it is, or what makes an entry the same as before.
`parse` takes 10 to 40 ms for 100 kB of XML (docs/feeds.md): large documents belong into a thread.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.model import Media

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_ITEMS: Final = 5_000
"""The first so many entries are read; the largest feeds in use have about 2,000."""


class NotAFeed(ValueError):
    """The document is no feed, or none that can be read. Says why, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a feed. Everything in it is as hostile as its author: only `url` and `media` are checked.

    `id` is as given, "" for none. `url` is absolute and http(s), or "". `title` is one line of plain text.
    `published`: when it was written, else when it was changed, in UTC; None where that is missing or nonsense.
    `html` is the fullest form of the content, not made safe; `base` is what links in it are relative to.
    """

    id: str = ""
    url: str = ""
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    author: str = ""
    html: str = ""
    media: tuple[Media, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed. `url` is its home page, `self_url` its own address as it says, `next_url` where it goes on.

    `expired`: it says of itself that it is finished. `ttl`, `skip_hours` (UTC) and `skip_days` (Monday is 0): when it
    asks not to be asked. `items` stand in the document's order. `ill_formed`: it was read in spite of its mistakes.
    """

    kind: Literal["rss", "atom", "json"]
    title: str = ""
    url: str = ""
    id: str = ""
    author: str = ""
    description: str = ""
    self_url: str = ""
    next_url: str = ""
    expired: bool = False
    ttl: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    items: tuple[Item, ...] = ()
    ill_formed: bool = False


def parse(body: bytes, *, content_type: str, url: str) -> Document:
    """The feed in `body`, which came from `url`. The content type is believed in nothing but its charset.

    Raises `NotAFeed` for an empty body, a web page, other XML or JSON, and what would take too long to read.
    """
    body = _unpacked(body)
    if len(body) > MAX_BYTES:
        raise NotAFeed(f"it has more than {MAX_BYTES // 1024 // 1024} MB")
    start = _start(body)
    if not start:
        raise NotAFeed("it is empty")
    if start.startswith((b"{", b"[")):
        from bot.sources import feeds_json

        return feeds_json.parse(body, url=url)
    from bot.sources import feeds_xml  # 40 ms, which the listings do without

    return feeds_xml.parse(body, content_type=content_type, url=url)


def _unpacked(body: bytes) -> bytes:
    """Without the gzip that a server put round it and did not speak of."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        return zlib.decompressobj(wbits=31).decompress(body, MAX_BYTES + 1)
    except zlib.error:
        return body


def _start(body: bytes) -> bytes:
    """The first characters of the document proper, as far as ASCII tells."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\f")[:1_000]
    return start.replace(b"\x00", b"").lstrip(b"\xff\xfe \t\r\n\f")
