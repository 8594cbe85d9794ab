"""Pure: what an address that a person typed names where Mastodon's API is spoken, and where that API is asked.

Does not say whether anybody there speaks it: any web page may have a path that looks like one of theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from yarl import URL

from bot.model import Located
from bot.sources import typed

KIND: Final = "mastodon"

_USER: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?"
_LONGEST: Final = 2_000
_IS_USER = re.compile(_USER)
_ACCOUNT = re.compile(rf"({_USER})@([^\s@/?#>\\]{{1,260}})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}|localhost")
_TABS: Final = frozenset(("with_replies", "media", "featured", "followers", "following", "about"))
_FEED_ENDINGS: Final = (".rss", ".atom", ".json")
_OFTEN_MASTODON = re.compile(
    r"(?:mastodon|mstdn|masto|pleroma|akkoma|pixelfed)\..+"
    r"|(?:fosstodon|chaos|hachyderm|mathstodon|pawoo|mas|infosec|scholar|universeodon|techhub|sfba|toot)"
    r"\.(?:org|social|io|net|to|exchange|cafe)"
)
"""Names that say what they are, and a few big places; every other host is asked after those who are sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account as people write it, `user@host`; `host` in lower case, in ASCII, with a port where it has one."""

    user: str
    host: str

    @property
    def handle(self) -> str:
        """What people know."""
        return f"{self.user}@{self.host}"

    @property
    def feed_id(self) -> str:
        """One author, one id: no server tells case apart."""
        return f"{KIND}:{self.handle.casefold()}"


def locate(address: str) -> Located | None:
    """Say which author, and which thread, `address` means; None if it is no address of ours."""
    address = typed.bare(address)
    if len(address) > _LONGEST:
        return None
    named = re.sub(r"^(?:mastodon|acct):(?!//)", "", address, flags=re.IGNORECASE)
    place = place_of(named.removeprefix("@"))
    if place is not None:
        # Without a mark of ours it looks like a mail address, and may well be one.
        return _located(place, sure=named != address or named.startswith("@"))
    return _of_url(address)


def place_of(handle: str) -> Place | None:
    """The account that `user@host` names."""
    found = _ACCOUNT.fullmatch(handle)
    host = host_of(found[2]) if found else ""
    return Place(user=found[1], host=host) if found and host else None


def of_feed(feed_id: str) -> Place | None:
    """The account that a feed id of ours names."""
    kind, _, handle = feed_id.partition(":")
    return place_of(handle) if kind == KIND else None


def host_of(written: str) -> str:
    """A host, with its port, as we compare it; "" if there can be none of that name."""
    if re.search(r"[/?#@\\%\s]", written):
        return ""
    try:
        url = URL(f"https://{written.removesuffix('.')}")
        host, port = (url.raw_host or "").removesuffix("."), url.explicit_port
    except (ValueError, UnicodeError):
        return ""
    if not (_is_ip(host) or _NAME.fullmatch(host.casefold())):
        return ""
    shown = f"[{host}]" if ":" in host else host.casefold()
    return f"{shown}:{port}" if port is not None else shown


def origin_of(host: str) -> str:
    """Where a host is asked: by HTTPS, whatever a person typed, except where nobody can have a certificate."""
    name = URL(f"https://{host}").raw_host or ""
    return f"{'http' if _is_ip(name) or name == 'localhost' or name.endswith('.onion') else 'https'}://{host}"


def origin_of_url(url: str) -> str:
    """The same, of the host of a web address; "" if it is none."""
    split = typed.split(url) if "://" in url else None
    host = host_of(split.netloc) if split is not None else ""
    return origin_of(host) if host else ""


def is_id(value: str) -> bool:
    """Whether a server may call a post or an account so: digits at Mastodon, letters elsewhere, nothing more."""
    return _ID.fullmatch(value) is not None


def _of_url(address: str) -> Located | None:
    url = typed.split(address)
    host = host_of(url.netloc) if url is not None else ""
    if url is None or not host:
        return None
    words = [word for word in unquote(url.path).split("/") if word]
    if words[:1] in (["web"], ["deck"]):
        words = words[1:]
    if words[:1] == ["notice"] and len(words) == 2 and is_id(words[1]):
        # Pleroma and Akkoma; only the server can tell whose it is.
        return Located(source=KIND, thread_key=words[1], sure=False)
    if words and words[0].startswith("@"):
        return _under_name(host, words[0][1:], words[1:])
    match words:
        case ["users", name]:
            return _of_path(host, name)
        case ["users", name, "statuses", key, *_]:
            return _of_path(host, name, key)
        case ["p", name, key]:  # Pixelfed
            return _of_path(host, name, key)
    return None


def _under_name(host: str, name: str, rest: list[str]) -> Located | None:
    """What follows `/@name`."""
    match rest:
        case [] | ["tagged", _]:
            return _of_path(host, name)
        case [tab] if tab in _TABS:
            return _of_path(host, name)
        case [key] | ["statuses", key]:
            return _of_path(host, name, key)
    return None


def _of_path(host: str, name: str, key: str = "") -> Located | None:
    if name.casefold().endswith(_FEED_ENDINGS) or (key and not is_id(key)):
        return None
    remote = place_of(name)
    if remote is not None:
        # A post of somebody elsewhere, as this host shows it: its id counts here only.
        return _located(remote, sure=True)
    if not _IS_USER.fullmatch(name):
        return None
    return _located(Place(user=name, host=host), key, sure=_OFTEN_MASTODON.fullmatch(host) is not None)


def _located(place: Place, thread_key: str = "", *, sure: bool) -> Located:
    return Located(source=KIND, feed_id=place.feed_id, handle=place.handle, thread_key=thread_key, sure=sure)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
