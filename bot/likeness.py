"""Pure: whether two threads of one person, read in two places, say the same.

Compares words, not ids: each service has its own, and its own length of a post. Does not know where they were read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from bot.model import Author, Entry, Known, Post
from bot.text import split_links

APART = timedelta(days=3)
"""Nobody says the same thread again in another place later than that; an old one that is said again is news."""
LONG = 40
"""Letters and digits from which on a text is told apart by its parts; a shorter one must be equal."""
PART = 6
"""Letters in a row that are compared: by words, nothing could be said of Chinese, Japanese or Thai."""
ALIKE = 0.75
"""So much of the shorter text stands in the longer one. Other wording of the same thought stays below one half."""
DISTINCT = 15
"""Characters from which on an id is nobody else's: those of X have 18 or 19, Bluesky's 13 and a web address more. What
blogs count ("42") means something else in each.
"""
BEGINNING, END = 400, 24
"""How much of the shorter text must be alike by itself: what is alike but for its last words is something else."""
PART_OF = 3
"""Of two whole threads, so many times as long is another one: a lead that is quoted, the same hello each day."""
MOST = 20_000
"""Letters that are compared: 20,000 take 5 ms."""

_NUMBERING = re.compile(r"^\W{0,3}\d{1,3} ?[/).:] ?\d{0,3}|\d{1,3}/\d{0,3}\W{0,3}$", re.MULTILINE)
_SHORTENED = re.compile(r"(?<![\w.@/-])(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}/\S*", re.IGNORECASE)
"""A link as services write it out: `example.org/lon…`."""
_MENTION = re.compile(r"(?<![\w@])@[\w.-]+(?:@[\w.-]+)?")


def alike(one: Entry, other: Entry) -> bool:
    """Whether two threads are the same one. Of a part of a thread, whether it is a part of the other one."""
    if not at_one_time(one, other):
        return False
    shorter, longer = sorted((said(one), said(other)), key=len)
    if len(shorter) < LONG:
        return bool(shorter) and shorter == longer
    if one.whole and other.whole and len(shorter) * PART_OF < len(longer):
        return False  # who quotes the beginning of an article has not written it again
    at_ends = (_held(shorter[:END], longer[: 2 * BEGINNING]), _held(shorter[-END:], longer))
    return min(_held(shorter, longer), _held(shorter[:BEGINNING], longer[: 2 * BEGINNING]), *at_ends) >= ALIKE


def is_distinct(id_: str) -> bool:
    """Whether an id says by itself that two threads are one, wherever each was read."""
    return len(id_) >= DISTINCT


def said(entry: Entry) -> str:
    """What a thread says, as far as it would be the same in any place: letters and digits, in small letters.

    Not its links, which services shorten, nor whom it answers or mentions, who have another name in each place.
    """
    texts = (post.text[:MOST] for post in entry.posts) if entry.posts else (entry.title,)
    plain = "\n".join(_NUMBERING.sub("\n", _MENTION.sub(" ", _without_links(text))) for text in texts)
    return "".join(letter for letter in plain.casefold() if letter.isalnum())[:MOST]


def _without_links(text: str) -> str:
    return _SHORTENED.sub(" ", "".join(part for part, is_link in split_links(text) if not is_link))


def at_one_time(one: Entry | Known, other: Entry | Known) -> bool:
    """Whether two threads may be one by their times; without a time nothing speaks against it."""
    return one.published is None or other.published is None or abs(one.published - other.published) <= APART


def _held(part: str, whole: str) -> float:
    """How much of one text stands in the other, from 0 to 1."""
    parts = _parts(part)
    return len(parts & _parts(whole)) / len(parts) if parts else 0.0


def _parts(text: str) -> set[str]:
    return {text[at : at + PART] for at in range(len(text) - PART + 1)}


def continued(kept: Entry, other: Entry) -> Entry:
    """A kept thread as it goes on in another place: with those posts from there that say what it does not.

    What is not there was not removed: another place may hold less. Their ids say that they are from elsewhere.
    """
    if not kept.whole:  # of a card the posts have no ids of their own: all of the other place's count
        return _with(kept, tuple(replace(post, id=f"{ELSEWHERE}{post.id}") for post in other.posts))
    whole = said(kept)
    have = {post.id for post in kept.posts}
    fresh = (post for post in other.posts if post.id not in have and not _is_said(post, whole))
    return _with(kept, (*kept.posts, *(replace(post, id=f"{ELSEWHERE}{post.id}") for post in fresh)))


def returned(kept: Entry, read: Entry) -> Entry:
    """A thread read in its own place again, of which some was read in another one meanwhile: that counts as read."""
    foreign = tuple(post for post in kept.posts if post.id.startswith(ELSEWHERE))
    if not foreign:
        return read
    whole, have = said(replace(kept, posts=foreign)), {post.id for post in kept.posts}
    own = (post for post in read.posts if post.id in have or not _is_said(post, whole))
    return _with(read, (*own, *foreign))


ELSEWHERE = "elsewhere:"
"""What the id of a post begins with that was read in another place than its thread."""


def _with(entry: Entry, posts: tuple[Post, ...]) -> Entry:
    return replace(entry, posts=posts, post_count=len(posts), whole=True)


def _is_said(post: Post, whole: str) -> bool:
    """Whether a text says all that a post says; services part the same text in other places."""
    text = said(Entry(feed_id="", key="", url="", author=Author(handle=""), posts=(post,)))
    return text in whole if len(text) < LONG else _held(text, whole) >= ALIKE
