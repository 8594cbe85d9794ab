"""Pure: what an address that a person typed names at FxTwitter: an author of X, by name or id, or a post.

Does not say whether it exists.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from bot.model import Located
from bot.sources import typed
from bot.sources import x_addresses as x

KIND: Final = "fxtwitter"

_MIRROR: Final = re.compile(
    r"(?:[a-z]{1,2}\.|www\.|mobile\.)?(?:fxtwitter|fixupx|vxtwitter|fixvx|twittpr)\.com", re.IGNORECASE
)
"""Hosts that show X's own paths; `d.`, `g.`, `t.` and the like before them only choose how."""
_FEEDS: Final = frozenset(("feed.xml", "feed.atom.xml"))


def feed_id_of(handle: str) -> str:
    """One author, one id: X does not tell case apart."""
    return f"{KIND}:{handle.casefold()}"


def locate(address: str, base_url: str) -> Located | None:
    """Say which author, or which post, `address` means; None if it is no address of ours.

    Of an author's number only the API can say who it is: then there is no feed id yet.
    """
    found = named(address, base_url)
    if found is None:
        return None
    feed_id = feed_id_of(found.handle) if found.handle else ""
    return Located(source=KIND, feed_id=feed_id, handle=found.handle, thread_key=found.post)


def named(address: str, base_url: str) -> x.Named | None:
    """Whom, or which post, an address names."""
    address = typed.bare(address)
    kind, _, rest = address.partition(":")
    if kind.casefold() == KIND:
        return _own(rest)
    return x.named(address) or _on_site(address, base_url)


def _own(rest: str) -> x.Named | None:
    """What follows `fxtwitter:` in a feed id: a name, or `id:` and a number."""
    prefix, _, number = rest.partition(":")
    if prefix.casefold() == "id":
        return _user(number)
    return x.author(rest)


def _on_site(address: str, base_url: str) -> x.Named | None:
    """What an address on a host of FxTwitter and its like, or on the API itself, names."""
    url, own = typed.split(address), urlsplit(base_url)
    if url is None or not url.hostname:
        return None
    if _MIRROR.fullmatch(url.hostname):
        path = typed.words(url.path)
    elif url.hostname == "api.fxtwitter.com" or url.netloc.casefold() == own.netloc.casefold():
        path = typed.words(url.path, own.path)
    else:
        return None
    match path:
        case ["2", "profile", name, *_]:
            return _own(name)
        case ["2", "thread" | "status" | "conversation", key, *_] if x.id_in(key):
            return x.Named(post=x.id_in(key))
        case [name, feed] if feed in _FEEDS:
            return x.author(name)
    return x.on_x(path)


def _user(number: str) -> x.Named | None:
    return x.Named(user=number) if re.fullmatch(r"[0-9]{1,19}", number) else None
