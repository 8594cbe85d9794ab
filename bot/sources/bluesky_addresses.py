"""Pure: what an address that a person typed names at Bluesky; DIDs, handles, record keys, and the addresses of posts.

Does not say whether any of them exists.
"""

from __future__ import annotations

import re
from typing import Final

from bot.model import Located
from bot.sources import typed

KIND: Final = "bluesky"
SITE: Final = "https://bsky.app"
POST: Final = "app.bsky.feed.post"

_SITES: Final = frozenset(("bsky.app", "www.bsky.app"))
_OWN_NAMES: Final = ".bsky.social"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = rf"(?:{_LABEL}\.){{1,30}}[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_HANDLE = re.compile(_NAME)
_DID = re.compile(rf"did:(?:plc:[a-z0-9]{{1,64}}|web:{_NAME})")
"""The two methods that the network knows; `did:web` is a name only, without a path."""
_RKEY = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:~-]{1,512}")
_AT = re.compile(r"at://([^/?#\s]{1,300})(?:/([^/?#\s]{1,300})(?:/([^/?#\s]{1,600}))?)?/?", re.IGNORECASE)
_NO_NAMES = re.compile(r".*\.(?:local|localhost|arpa|invalid|internal|alt|onion|example)")
"""Top-level names under which no handle may be (atproto's handle specification)."""
_UNSEEN: Final = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202c\u2066\u2067\u2068\u2069\ufeff"))
"""The app puts direction marks round a handle that is copied from it."""
_LONGEST: Final = 2_000
_TABS: Final = frozenset(("rss", "followers", "follows", "known-followers", "search"))


def feed_id_of(did: str) -> str:
    """One author, one id, whatever the handle is now."""
    return f"{KIND}:{did}"


def did_of(feed_id: str) -> str:
    """The DID in a feed's id, "" if it has none."""
    did = feed_id.removeprefix(f"{KIND}:")
    return did if is_did(did) and did != feed_id else ""


def is_did(value: object) -> bool:
    """Whether it is an author's lasting id."""
    return isinstance(value, str) and len(value) <= 300 and _DID.fullmatch(value) is not None


def is_handle(value: object) -> bool:
    """Whether it is a name that an author can have; in lower case."""
    return (
        isinstance(value, str)
        and len(value) <= 253
        and _HANDLE.fullmatch(value) is not None
        and not _NO_NAMES.fullmatch(value)
    )


def is_rkey(value: object) -> bool:
    """Whether it is a post's id within its author's repository."""
    return isinstance(value, str) and _RKEY.fullmatch(value) is not None


def uri_of(did: str, rkey: str) -> str:
    """What a post is called in the API."""
    return f"at://{did}/{POST}/{rkey}"


def split_uri(uri: object, collection: str = POST) -> tuple[str, str] | None:
    """The DID and the record key in an `at://` address of such a record; None for any other value."""
    found = _AT.fullmatch(uri) if isinstance(uri, str) and len(uri) <= _LONGEST else None
    if found is None or found[2] != collection or not is_did(found[1]) or not is_rkey(found[3]):
        return None
    return found[1], found[3]


def profile_url(did: str) -> str:
    """The author's page. By the DID: the page of a handle is somebody else's once the handle is."""
    return f"{SITE}/profile/{did}"


def post_url(did: str, rkey: str) -> str:
    """A post's page, by the DID too: threads are kept for longer than handles."""
    return f"{profile_url(did)}/post/{rkey}"


def locate(address: str) -> Located | None:
    """Say which author, or which thread, `address` means; None if it is no address of ours."""
    if len(address) > _LONGEST:
        return None
    address = typed.bare(address.translate(_UNSEEN))
    plain = address.casefold()
    if plain.startswith(f"{KIND}:"):
        return _author(plain.removeprefix(f"{KIND}:").removeprefix("@"))
    if plain.startswith("at://"):
        return _at(address)
    if plain.startswith(("did:", "@")):
        return _author(plain.removeprefix("@"))
    if is_handle(plain):
        return _author(plain, sure=plain.endswith(_OWN_NAMES))
    return _on_web(address)


def _at(address: str) -> Located | None:
    found = _AT.fullmatch(address)
    if found is None:
        return None
    actor, collection, rkey = found.groups()
    if collection is None:
        return _author(actor.casefold())
    return _author(actor.casefold(), rkey) if collection == POST and is_rkey(rkey) else None


def _on_web(address: str) -> Located | None:
    url = typed.split(address)
    if url is None or not url.hostname:
        return None
    if url.hostname in _SITES:
        return _on_site(typed.words(url.path))
    # https://name.bsky.social sends a browser on to the author's page.
    return _author(url.hostname) if url.hostname.endswith(_OWN_NAMES) and url.path.strip("/") == "" else None


def _on_site(words: list[str]) -> Located | None:
    match words:
        case ["profile", actor]:
            return _author(actor.removeprefix("@").casefold())
        case ["profile", actor, "post", rkey, *_] if is_rkey(rkey):
            return _author(actor.removeprefix("@").casefold(), rkey)
        case ["profile", actor, tab] if tab in _TABS:
            return _author(actor.removeprefix("@").casefold())
    return None


def _author(actor: str, rkey: str = "", *, sure: bool = True) -> Located | None:
    if is_did(actor):
        return Located(source=KIND, feed_id=feed_id_of(actor), thread_key=rkey)
    return Located(source=KIND, handle=actor, thread_key=rkey, sure=sure) if is_handle(actor) else None
