"""What changed between two readings of one thread: posts that are new, reworded, gone. Pure.

Says what changed, not whether that is worth a notice. Never looks at anything but posts.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bot.model import Entry, Post
from bot.text import WEB_LINK, clean

_BARE_LINK = re.compile(r"(?<![\w/.-])[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,5}+/[^\s<>\"]*+")
"""A link as sites show it, without its scheme: `csis.org/analysis/cyber…`, `pic.twitter.com/x`.

It begins with the first character that may be one of a name, and never gives one back: tried anew from each of them,
a megabyte of "-" took 9 s."""
_ACCENT_AS_QUOTE = re.compile("[´`^¨]")
"""Accents without a letter, typed as quotes. Unicode would take them for marks."""
_VARIANT = re.compile("[\ufe00-\ufe0f]")
"""Asks for the coloured or the plain form of an emoji."""
_LONG = 3
_PICTURE = re.compile(r"^https?://[^/]*|(?:\.[a-zA-Z0-9]{2,5})?(?:[?#].*)?$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How a thread changed. `edited` are posts as they are now, `removed` as they were, each in its thread's order.

    `were[i]` is `edited[i]` as it was.
    """

    appended: tuple[Post, ...] = ()
    inserted: tuple[Post, ...] = ()
    edited: tuple[Post, ...] = ()
    were: tuple[Post, ...] = ()
    removed: tuple[Post, ...] = ()
    new: tuple[Post, ...] = ()
    """Inserted and appended posts, as they follow each other in the thread."""

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.new or self.edited or self.removed)


def growth(before: Entry, after: Entry, *, most: int = sys.maxsize) -> Growth:
    """What `after` has that `before` had not, and the other way round; of huge posts the beginnings are compared.

    `most`: how many characters are compared in all. Each post that may differ has as many of them.
    """
    old, now = _named(before, after, most)
    doubtful = [name for name, post in now.items() if name in old and old[name].text != post.text]
    each = most // max(2 * len(doubtful), 1)
    known = [at for at, name in enumerate(now) if name in old]
    last = known[-1] if known else -1
    fresh = [(at, post) for at, (name, post) in enumerate(now.items()) if name not in old]
    edited = {name: post for name, post in now.items() if name in old and _differs(old[name], post, each)}
    return Growth(
        appended=tuple(post for at, post in fresh if at > last),
        inserted=tuple(post for at, post in fresh if at < last),
        edited=tuple(edited.values()),
        were=tuple(old[name] for name in edited),
        removed=tuple(post for name, post in old.items() if name not in now),
        new=tuple(post for _, post in fresh),
    )


def _named(before: Entry, after: Entry, most: int) -> tuple[Mapping[object, Post], Mapping[object, Post]]:
    """The posts of both by what they are known by. Of posts with one name the first counts."""
    old, now = _by_id(before), _by_id(after)
    if old.keys() & now.keys() or not old or not now:
        return old, now
    # The site's pages of 2019 had positions in place of ids: read before and after, a thread has none in common.
    each = most // max(len(before.posts) + len(after.posts), 1)
    return _by_words(before, each), _by_words(after, each)


def _by_id(entry: Entry) -> dict[object, Post]:
    named: dict[object, Post] = {}
    for post in entry.posts:
        named.setdefault(post.id, post)
    return named


def _by_words(entry: Entry, each: int) -> dict[object, Post]:
    """Posts by their words; the second post of the same words is known as the second."""
    seen: Counter[str] = Counter()
    named: dict[object, Post] = {}
    for post in entry.posts:
        words = _words(post, each)
        named[words, seen[words]] = post
        seen[words] += 1
    return named


def _differs(old: Post, now: Post, each: int) -> bool:
    return (old.text != now.text and _words(old, each) != _words(now, each)) or _pictures(old) != _pictures(now)


def _pictures(post: Post) -> tuple[str, ...]:
    """Which pictures a post has; not where they lie, in what size or format: one page says `N29.jpg?name=thumb`."""
    return tuple(_PICTURE.sub("", media.url) for media in post.media)


def _words(post: Post, most: int = sys.maxsize) -> str:
    """What a reader would call the words of a post: letters, digits and emoji, whatever their case.

    White space, punctuation, quotes and links do not count: sites set and rewrite them.
    """
    text = _ACCENT_AS_QUOTE.sub(" ", _BARE_LINK.sub(" ", WEB_LINK.sub(" ", clean(post.text[:most]))))
    text = unicodedata.normalize("NFKC", text.translate(_codes(text))).casefold()
    # Each kind of character is looked at once, not each of a million.
    return text.translate({ord(char): None for char in set(text) if not _tells(char)})


def _codes(text: str) -> dict[int, str]:
    """Characters that stand for many, by their numbers: Unicode makes eighteen of one "\ufdfa", and 18 MB of one."""
    return {ord(char): f"{ord(char):x}" for char in set(text) if len(unicodedata.normalize("NFKC", char)) > _LONG}


def _tells(char: str) -> bool:
    if char.isalnum():
        return True
    return unicodedata.category(char) in ("Mn", "Mc", "So", "Sk") and not _VARIANT.match(char)
