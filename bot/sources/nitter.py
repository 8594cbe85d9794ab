"""Pure: a feed of Nitter, a mirror of X, as the threads of one author. Does not parse (`feeds`), asks nothing.

What Nitter writes was read in its source (`src/views/rss.nimf` of 2020, 2023 and 2026). It shows a self-thread as
single items, long ones by their root and the last two or three posts only; that is all that can be told of them here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from bot.model import Author, Entry, Media, Post
from bot.sources.chains import Chain, Said, Wanted, entry_of, is_wanted
from bot.sources.feeds import Document, Item
from bot.sources.feeds_text import as_post
from bot.sources.threadreader_pages import time_of
from bot.text import one_line, shorten

_TITLE = re.compile(r"(.{0,200}) / @([A-Za-z0-9_]{1,20})", re.DOTALL)
_STATUS = re.compile(r"/(\w{1,20})/status(?:es)?/(\d{1,19})(?!\d)", re.ASCII)
_ID = re.compile(r"[0-9]{15,19}")
_PREFIX = re.compile(r"(Pinned|RT(?: by @(\w{1,20}))?|R to @(\w{1,20})): ")
_QUOTED = re.compile(r"<hr ?/?>\s{0,9}<blockquote>")
_PICTURE = re.compile(
    r"/pic/(?:orig/)?(?:(video\.twimg\.com)/|(?=(?:media|card_img|(?:ext_tw|tweet|amplify)_video_thumb)/))"
    r"([\w./?=&:-]{1,200})"
)
_VIDEO_LABEL = "<br>Video<br>"
"""Stands above the still of a video, in a link to the post."""
_MOST_ALIASES: Final = 200

_PLACEHOLDER = re.compile(r"\bRSS reader (?:is )?not (?:yet )?whitelisted|\bRSS feed is disabled", re.IGNORECASE)


def placeholder(document: Document) -> str:
    """What a mirror says in the place of a feed (xcancel, 2025: a whole feed of one item of 1971); "" for a feed."""
    if len(document.items) != 1:
        return ""
    item = document.items[0]
    said = one_line(f"{item.title[:200]} {re.sub('<[^<>]{0,200}>', ' ', item.html[:500])}")
    return shorten(said, 300) if _PLACEHOLDER.search(item.title) or _PLACEHOLDER.search(document.title) else ""


def author_of(document: Document) -> Author | None:
    """The author of X whose feed this is; None for all other feeds, Nitter's own of lists and searches among them."""
    titled = _TITLE.fullmatch(document.title)
    if titled is None:
        return None
    name, handle = titled[1], titled[2]
    own_page = _split(document.url).path.strip("/").casefold() == handle.casefold()
    is_mirror = document.description.startswith("Twitter feed for:") or has_posts(document.items)
    return Author(handle=handle, name=name, url=f"https://x.com/{handle}") if own_page and is_mirror else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tweet:
    """One item: the post, when, and whether it begins a thread, goes on with one, or is somebody else's matter."""

    said: Said
    kind: Literal["root", "self", "other"]
    pinned: bool = False

    @property
    def number(self) -> int:
        """The post's id, by which posts are in the order in which they were written."""
        return int(self.said.id)


def entries_of(
    items: Sequence[Item],
    author: Author,
    *,
    feed_id: str,
    posts: Wanted = "threads",
    min_posts: int = 2,
    newer_than: int | None = None,
) -> tuple[Entry, ...]:
    """The author's threads among the items, the newest first.

    `newer_than`: the newest post that an earlier look has shown. A thread whose root is not there is told of with
    those of its posts that are newer; the others have been told of, or were there before us.
    """
    tweets = sorted(tweets_of(items, author), key=lambda tweet: tweet.number)
    found = [*_threads(tweets, posts, min_posts), *_parts(tweets, min_posts, newer_than)]
    entries = [_entry(chain, feed_id, author) for chain in found]
    return tuple(sorted(entries, key=lambda entry: int(entry.key), reverse=True))


def has_posts(items: Iterable[Item]) -> bool:
    """Whether there are posts of X among the items, the author's or others'."""
    return any(_STATUS.search(item.url) or _STATUS.search(item.id) for item in items)


def newest(items: Sequence[Item], author: Author) -> int | None:
    """The id of the author's newest post."""
    return max((tweet.number for tweet in tweets_of(items, author) if not tweet.pinned), default=None)


def reaches(items: Sequence[Item], author: Author) -> datetime | None:
    """How far back the items show the author; what is pinned may be years older."""
    times = [tweet.said.at for tweet in tweets_of(items, author) if not tweet.pinned and tweet.said.at]
    return min(times, default=None)


# -- items --------------------------------------------------------------------------------------------


def tweets_of(items: Iterable[Item], author: Author) -> tuple[Tweet, ...]:
    """The author's own posts among the items, each once; nothing of reposts and of others."""
    found: dict[str, Tweet] = {}
    for item in items:
        tweet = _tweet(item, author.handle)
        if tweet is not None:
            found.setdefault(tweet.said.id, tweet)
    return tuple(found.values())


def _tweet(item: Item, handle: str) -> Tweet | None:
    named = _STATUS.search(item.url) or _STATUS.search(item.id)
    key = named[2] if named else item.id if _ID.fullmatch(item.id) else ""
    if not key or (named and named[1].casefold() not in (handle.casefold(), "i")):
        return None
    prefix = _PREFIX.match(item.title)
    if prefix and prefix[1].startswith("RT"):
        return None
    answered = prefix[3] or "" if prefix else ""
    at = time_of(key) or item.published
    said = Said(post=_post(item, key), at=at, url=f"https://x.com/{handle}/status/{key}")
    own = answered.casefold() == handle.casefold()
    kind: Literal["root", "self", "other"] = "self" if own else "other" if answered else "root"
    return Tweet(said=said, kind=kind, pinned=bool(prefix and prefix[1] == "Pinned"))


def _post(item: Item, key: str) -> Post:
    """The author's words; of a quoted post only where it is, its words are somebody else's."""
    quoted = _QUOTED.search(item.html)
    own = item.html[: quoted.start()] if quoted else item.html
    post = as_post(replace(item, html=own.replace(_VIDEO_LABEL, "")), key)
    host = _split(item.url).hostname or ""
    quotes = [_on_x(found) for found in _STATUS.finditer(item.html[quoted.start() :])][-1:] if quoted else []
    links = (_real(link, host, key) for link in post.links)
    return replace(
        post,
        text=re.sub(rf"https?://{re.escape(host)}/\w{{1,20}}/status/\d{{1,19}}(?:#m)?", _on_x_again, post.text),
        links=tuple(dict.fromkeys([*filter(None, links), *quotes])),
        quotes=tuple(dict.fromkeys([*post.quotes, *quotes])),
        media=tuple(replace(media, url=_picture(media, host)) for media in post.media),
    )


def _on_x(found: re.Match[str]) -> str:
    return f"https://x.com/{found[1]}/status/{found[2]}"


def _on_x_again(found: re.Match[str]) -> str:
    return re.sub(r"^https?://[^/]+|#m$", "", found[0]).join(("https://x.com", ""))


def _real(link: str, host: str, key: str) -> str:
    """A link as the author made it: the mirror's to pages of people and hashtags, and to this post, are not theirs."""
    if _split(link).hostname != host:
        return link
    status = _STATUS.search(link)
    return _on_x(status) if status and status[2] != key else ""


def _picture(media: Media, host: str) -> str:
    """A picture where X has it: mirrors die, and proxies of pictures first."""
    url = _split(media.url)
    found = _PICTURE.search(unquote(url.path)) if url.hostname == host else None
    return f"https://{found[1] or 'pbs.twimg.com'}/{found[2]}" if found else media.url


def _split(url: str) -> SplitResult:
    """A URL in its parts; nothing of one that has none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


# -- threads ------------------------------------------------------------------------------------------


def _threads(tweets: Sequence[Tweet], posts: Wanted, min_posts: int) -> Iterator[Chain]:
    """Each root with the answers to oneself that follow, up to the next root: the feed names nobody's parent."""
    oldest = min((tweet.number for tweet in tweets if not tweet.pinned), default=0)
    chains: list[list[Said]] = []
    is_open = False
    for tweet in tweets:
        if tweet.kind == "root":
            # A pinned post of long ago is not what stands after it goes on with.
            is_open = not tweet.pinned or tweet.number > oldest
            chains.append([tweet.said])
        elif tweet.kind == "self" and is_open:
            chains[-1].append(tweet.said)
    return (tuple(chain) for chain in chains if is_wanted(tuple(chain), posts, min_posts))


def _parts(tweets: Sequence[Tweet], min_posts: int, newer_than: int | None) -> Iterator[Chain]:
    """What goes on with a thread whose root is not in the feed, unless it goes on with a talk with others."""
    part: list[Said] = []
    for tweet in tweets:
        if tweet.pinned:
            continue
        if tweet.kind != "self":
            break
        if newer_than is not None and tweet.number > newer_than:
            part.append(tweet.said)
    # The root counts: that it is there is known.
    if part and len(part) + 1 >= min_posts:
        yield tuple(part)


def _entry(chain: Chain, feed_id: str, author: Author) -> Entry:
    entry = entry_of(chain, feed_id=feed_id, author=author, whole=True)
    return replace(entry, aliases=tuple(said.id for said in chain[1 : _MOST_ALIASES + 1]))
