"""Pure: what an address that a person typed names at Thread Reader. Does not say whether it exists."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from bot.model import Located
from bot.sources import typed
from bot.sources import x_addresses as x

KIND: Final = "threadreader"

_SITE: Final = frozenset(("threadreaderapp.com", "www.threadreaderapp.com", "staging.threadreaderapp.com"))


def feed_id_of(handle: str) -> str:
    """One author, one id: X does not tell case apart."""
    return f"{KIND}:{handle.casefold()}"


def locate(address: str, base_url: str) -> Located | None:
    """Say which author, or which thread, `address` means; None if it is no address of ours."""
    address = typed.bare(address)
    found = x.named(address) or _on_site(address, base_url)
    if found is None or not (found.handle or found.post):
        return None
    feed_id = feed_id_of(found.handle) if found.handle else ""
    return Located(source=KIND, feed_id=feed_id, handle=found.handle, thread_key=found.post)


def _on_site(address: str, base_url: str) -> x.Named | None:
    """What an address on the site itself names."""
    url, own = typed.split(address), urlsplit(base_url)
    if url is None or not (url.hostname in _SITE or url.netloc.casefold() == own.netloc.casefold()):
        return None
    match typed.words(url.path, own.path):
        case ["user", name]:
            return x.author(name)
        case ["thread", page] if x.id_in(page):
            return x.Named(post=x.id_in(page))
    return None
