"""Pure: what an address that a person typed names at Thread Reader. Does not say whether it exists."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from bot.model import Located
from bot.sources.threadreader_pages import HANDLE

KIND: Final = "threadreader"

_SITE: Final = frozenset(("threadreaderapp.com", "www.threadreaderapp.com", "staging.threadreaderapp.com"))
_X: Final = re.compile(r"(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com")
_HANDLE = re.compile(HANDLE)
_KEY = re.compile(r"(\d{1,19})(?:\.html)?")
_TABS: Final = frozenset(("with_replies", "media", "likes", "highlights", "articles", "superfollows"))
_NOT_AUTHORS = re.compile(
    r"home|explore|search|i|hashtag|intent|settings|messages|notifications|compose|share|login|logout|signup|tos|privacy"
    r"|download|account|oauth",
    re.IGNORECASE,
)
"""First words of a path on x.com that are pages of its own."""


def feed_id_of(handle: str) -> str:
    """One author, one id: X does not tell case apart."""
    return f"{KIND}:{handle.casefold()}"


def locate(address: str, base_url: str) -> Located | None:
    """Say which author, or which thread, `address` means; None if it is no address of ours."""
    address = address.strip().strip("<>")
    if re.fullmatch(r"\d{16,19}", address):  # longer than any screen name of digits: somebody typed a thread's id
        return Located(source=KIND, thread_key=address)
    if _HANDLE.fullmatch(address.removeprefix("@")):
        return _author(address.removeprefix("@"))
    url = _split(address)
    if url is None or not url.hostname:
        return None
    own = urlsplit(base_url)
    if url.hostname in _SITE or url.netloc.casefold() == own.netloc.casefold():
        return _on_site(_words(url.path, own.path))
    if _X.fullmatch(url.hostname):
        return _on_x(_words(url.path, ""))
    return None


def _split(address: str) -> SplitResult | None:
    """The address as a URL; people leave the scheme out."""
    try:
        url = urlsplit(address if "://" in address else f"https://{address.removeprefix('//')}")
        _ = url.port  # raises for what is no port
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and not re.search(r"\s", address) else None


def _words(path: str, prefix: str) -> list[str]:
    """The parts of a path, at a site that may live under a path itself."""
    return unquote(path).removeprefix(prefix.rstrip("/")).strip("/").split("/")


def _on_site(words: list[str]) -> Located | None:
    match words:
        case ["user", name]:
            return _author(name.removeprefix("@"))
        case ["thread", page] if found := _KEY.fullmatch(page):
            return Located(source=KIND, thread_key=found[1])
    return None


def _on_x(words: list[str]) -> Located | None:
    match words:
        case ["i", "status", key] | ["i", "web", "status", key] if _KEY.fullmatch(key):
            return Located(source=KIND, thread_key=key)
        case [name, "status" | "statuses", key, *_] if _KEY.fullmatch(key):
            return _author(name.removeprefix("@"), key)
        case [name]:
            return _author(name.removeprefix("@"))
        case [name, tab] if tab in _TABS:
            return _author(name.removeprefix("@"))
    return None


def _author(handle: str, thread_key: str = "") -> Located | None:
    if not _HANDLE.fullmatch(handle) or _NOT_AUTHORS.fullmatch(handle):
        return None
    return Located(source=KIND, feed_id=feed_id_of(handle), handle=handle, thread_key=thread_key)
