"""What can be counted and listed of a thread: posts, minutes, language, links, pictures, hashtags, people, quotes.

Does not say what the thread is about (`summary`) nor how any of this looks (`compose`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from urllib.parse import urlsplit

from bot.language import language_of
from bot.model import Entry, Media, Post
from bot.text import LONGEST_POST, is_web_link, reading_minutes, split_links, words_of

_MOST_POSTS = 1_000
_MOST_CHARACTERS = 200_000
"""What is read for words; beyond it the reading time is reckoned from the length."""
_MOST_LISTED = 100
_LANGUAGE_FROM = 5_000

_HASHTAG = re.compile(r"(?<![\w&/#])[#＃]([^\W_][\w\u0900-\u0dff\u0e00-\u0e7f]{0,99}+)")
_MENTION = re.compile(
    r"(?<![\w@./])@([A-Za-z0-9_][\w-]{0,99}+(?:\.[\w-]{1,60}+){0,5}+"  # @ann · @ann.bsky.social
    r"(?:@[\w-]{1,60}+(?:\.[\w-]{1,60}+){1,5}+)?+)"  # @ann@social.example
)
_MEDIA_HOSTS = frozenset(("pbs.twimg.com", "video.twimg.com", "pic.twitter.com", "pic.x.com"))
_MEDIA_PATH = re.compile(r"/status(?:es)?/\d+/(?:photo|video)/\d+/?$")
_SHORTEST_ID = 6
"""Ids that stand in an address of the thread itself; "1" stands in any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a thread beside its words.

    `links`: each address once, with its host, in the thread's order; without the thread's own, quotes and pictures.
    `hashtags` have no "#", `mentions` no "@", spelled as they are first; whom only a reply names is left out.
    `language` is an ISO 639-1 code, "" if unknown.
    """

    posts: int
    minutes: int
    language: str = ""
    links: tuple[tuple[str, str], ...] = ()
    images: int = 0
    videos: int = 0
    first_image: Media | None = None
    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()


@lru_cache(maxsize=16)
def facts_of(entry: Entry, *, most: int = _MOST_CHARACTERS) -> Facts:
    """The facts of a thread, as far as it was read. Of a huge one the beginning is looked at, `most` characters.

    Those of the last threads are remembered: each channel is told of a thread in turn.
    """
    posts = entry.posts[:_MOST_POSTS]
    words = _words(posts, most)
    prose = [piece for text in words for piece, is_link in split_links(text) if not is_link]
    media = [item for post in entry.posts for item in post.media]
    images = [item for item in media if item.kind == "image"]
    return Facts(
        posts=max(entry.post_count or 0, len(entry.posts)),
        minutes=_minutes(entry, words, most),
        language=language_of("".join(prose)[:_LANGUAGE_FROM]),
        links=tuple(_links(entry, posts, words)),
        images=len(images),
        videos=len(media) - len(images),
        first_image=images[0] if images else None,
        hashtags=_each_once(found[1] for text in prose for found in _HASHTAG.finditer(text)),
        mentions=_each_once(_mentions(prose), without=entry.author.handle),
        quotes=tuple(dict.fromkeys(url for post in posts for url in post.quotes if is_web_link(url)))[:_MOST_LISTED],
    )


def reading_time(minutes: int) -> str:
    """How long a thread takes, in words: `4 min read`, `1 h 10 min read`."""
    hours, rest = divmod(max(minutes, 1), 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (rest, "min")) if number) + " read"


def _words(posts: Iterable[Post], most: int) -> list[str]:
    words: list[str] = []
    length = 0
    for post in posts:
        words.append(words_of(post))
        # Not only of what is left: cleaning takes nearly all of a megabyte of marks away, and its time.
        length += max(len(words[-1]), min(len(post.text), LONGEST_POST))
        if length > most:
            break
    return words


def _minutes(entry: Entry, words: Sequence[str], most: int) -> int:
    read, whole = sum(map(len, words)), sum(len(post.text) for post in entry.posts)
    minutes = reading_minutes(" ".join(words))
    return minutes if whole <= most else round(minutes * whole / max(read, 1))


def _each_once(names: Iterable[str], *, without: str = "") -> tuple[str, ...]:
    """The names as they are first spelled; upper and lower case are one."""
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(name.casefold(), name)
    spelled.pop(without.casefold(), None)
    return tuple(spelled.values())[:_MOST_LISTED]


def _mentions(prose: Iterable[str]) -> Iterator[str]:
    return (found[1].rstrip("-") for text in prose for found in _MENTION.finditer(text))


# -- links -------------------------------------------------------------------------------------------


def _links(entry: Entry, posts: Sequence[Post], words: Sequence[str]) -> Iterator[tuple[str, str]]:
    media = (item.url for post in posts for item in post.media)
    left_out = {entry.url, *media, *(url for post in posts for url in post.quotes)}
    own = {i for i in (*entry.ids, *(post.id for post in entry.posts)) if len(i) >= _SHORTEST_ID}
    listed = 0
    for url in _linked(posts, words):
        if url in left_out or not is_web_link(url):
            continue
        left_out.add(url)
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        if not _is_media(host, parts.path) and own.isdisjoint(re.split(r"[/.]", parts.path)):
            yield url, host
            listed += 1
        if listed == _MOST_LISTED:
            return


def _linked(posts: Sequence[Post], words: Sequence[str]) -> Iterator[str]:
    """Every address of every post, in its words or beside them."""
    for at, post in enumerate(posts):
        text = words[at] if at < len(words) else ""
        yield from chain((piece for piece, is_link in split_links(text) if is_link), post.links)


def _is_media(host: str, path: str) -> bool:
    return host in _MEDIA_HOSTS or bool(_MEDIA_PATH.search(path))
