"""What a list of somebody's authors comes to: addresses to follow, and what could not be understood.

Does not know which sources there are: an address is what a person would type after `follow`.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LONGEST: Final = 2_000
"""No address is longer; what is, is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One author of a list: `folder` from the outermost in, `where` in the file it stands (`line 7`)."""

    address: str
    title: str = ""
    folder: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file came to, in its order. `problems` are sentences that begin with where in the file."""

    wanted: tuple[Wanted, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def once(self) -> tuple[Wanted, ...]:
        """Each address once, as it stands first: other readers have a feed in several folders."""
        first: dict[str, Wanted] = {}
        for one in self.wanted:
            first.setdefault(one.address, one)
        return tuple(first.values())


_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes, said: str = "") -> str:
    """The text of a file: by its mark, else as it is `said` to be, else UTF-8, else what Windows wrote in the West."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    for name in (said, "utf-8"):
        try:
            return data.decode(name or "utf-8")
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


_OWN_PLACES: Final = re.compile(r"(?:.+\.)?(?:threadreaderapp\.com|x\.com|twitter\.com|bsky\.app)", re.IGNORECASE)
_PROFILE: Final = re.compile(r"/@[^/]+/?")
_PROFILE_FEED: Final = re.compile(r"(/@[^/]+)\.(?:rss|atom|json)")
_BLUESKY_FEED: Final = re.compile(r"(/profile/[^/]+)/rss/?")


def of_feed(url: str) -> str:
    """The address by which the feed is followed that another reader names; "" for what is none.

    Where a feed is of a service that is read by its own means, the author's page there is better than the feed.
    """
    url = re.sub(r"^feed:(?://)?(?=https?:)", "", url.strip(), flags=re.IGNORECASE)
    url = re.sub(r"^feed:", "https:", url, flags=re.IGNORECASE)
    parts = web(url)
    if parts is None:
        return ""
    host, path = parts
    if host.casefold() in ("bsky.app", "www.bsky.app") and (profile := _BLUESKY_FEED.fullmatch(path)):
        return f"https://bsky.app{profile[1]}"
    if profile := _PROFILE_FEED.fullmatch(path):
        # Of Mastodon and what is like it. Where it is not, the page names its feed.
        asked = urlsplit(url)
        return f"{asked.scheme}://{asked.netloc}{profile[1]}"
    if _OWN_PLACES.fullmatch(host) or _PROFILE.fullmatch(path):
        return url
    return f"syndication:{url}"


def web(url: str) -> tuple[str, str] | None:
    """Host and path of a web address; None for what is none."""
    if len(url) > LONGEST or re.search(r"[\s\x00-\x1f\x7f<>\"]", url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    return (host, parts.path) if parts.scheme.casefold() in ("http", "https") and host else None


def shown(text: str) -> str:
    """A piece of a file as a sentence quotes it."""
    line = " ".join(text.split())
    return f'"{line[:60]}…"' if len(line) > 60 else f'"{line}"'
