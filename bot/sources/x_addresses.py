"""Pure: what X's own addresses and ids say: whose page, which post, when it was written.

Knows no service that reads X: whoever does says what it makes of an author or a post. Does not say whether they exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.sources import typed

HANDLE: Final = r"[A-Za-z0-9_]{1,20}"

_X: Final = re.compile(r"(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com")
_HANDLE = re.compile(HANDLE)
_POST_ID = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"([0-9]{1,19})(?:\.html)?")
_TABS: Final = frozenset(("with_replies", "media", "likes", "highlights", "articles", "superfollows"))
_NOT_AUTHORS = re.compile(
    r"home|explore|search|i|hashtag|intent|settings|messages|notifications|compose|share|login|logout|signup|tos|privacy"
    r"|download|account|oauth",
    re.IGNORECASE,
)
"""First words of a path on x.com that are pages of its own."""

_FIRST_SNOWFLAKE: Final = 29_700_859_247
_SNOWFLAKE_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1_288_834_974_657)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom, or which post, an address names; "" for what it does not say. `user` is an author's numeric id."""

    handle: str = ""
    post: str = ""
    user: str = ""


def named(address: str) -> Named | None:
    """What a handle, a post's bare id, or an address on X names; None for anything else."""
    if re.fullmatch(r"[0-9]{16,19}", address):  # longer than any screen name of digits: somebody typed a thread's id
        return Named(post=address)
    if _HANDLE.fullmatch(address.removeprefix("@")):
        return author(address)
    url = typed.split(address)
    if url is None or not url.hostname or not _X.fullmatch(url.hostname):
        return None
    return on_x(typed.words(url.path))


def author(handle: str, post: str = "") -> Named | None:
    """An author, with or without "@"; None for what no author can be called."""
    handle = handle.removeprefix("@")
    if not _HANDLE.fullmatch(handle) or _NOT_AUTHORS.fullmatch(handle):
        return None
    return Named(handle=handle, post=post)


def on_x(path: list[str]) -> Named | None:
    """What a path on X names, given in its parts."""
    match path:
        case ["i", "status", key] | ["i", "web", "status", key] if id_in(key):
            return Named(post=id_in(key))
        case ["i", "user", key] if id_in(key):
            return Named(user=id_in(key))
        case [name, "status" | "statuses", key, *_] if id_in(key):
            return author(name, id_in(key))
        case [name]:
            return author(name)
        case [name, tab] if tab in _TABS:
            return author(name)
    return None


def id_in(word: str) -> str:
    """The id in a part of a path, "" if it is none."""
    found = _KEY.fullmatch(word)
    return found[1] if found else ""


def time_of(key: str) -> datetime | None:
    """When the post with this id was written; ids from before November 2010 hold no time."""
    number = int(key) if _POST_ID.fullmatch(key) else 0
    return _SNOWFLAKE_EPOCH + timedelta(milliseconds=number >> 22) if number >= _FIRST_SNOWFLAKE else None
