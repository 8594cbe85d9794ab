"""Pure: the links of feeds, made absolute, and what they lead to.

Follows none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urljoin, urlsplit

from bot.model import Media

_LONGEST = 4_000
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_WHOLE = re.compile(r"https?://", re.IGNORECASE)
_EXTRA_SLASHES = re.compile(r"^(https?:)/{3,}", re.IGNORECASE)
_IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)$", re.IGNORECASE)
_VIDEO = re.compile(r"\.(?:mp4|m4v|mov|webm|ogv|m3u8)$", re.IGNORECASE)


def absolute(link: str, base: str) -> str:
    """`link` as an address to ask; "" for one without a host, with a user, endless, or not http(s)."""
    # Line breaks inside are an editor's; a blank that is meant is written as browsers write it.
    link = _EXTRA_SLASHES.sub(r"\1//", re.sub(r"[\r\n\t]", "", link[: _LONGEST + 1].strip()))
    if not link or len(link) > _LONGEST:
        return ""
    try:
        # Joined, an address that is whole would lose an empty query, and no longer be the one that is known.
        url = _BLANKS.sub("%20", link if _WHOLE.match(link) else urljoin(base, link))
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else ""


def kind_of(mime: str, url: str, medium: str = "") -> Literal["image", "video", ""]:
    """Whether what lies at `url` is an image or a video, by its type, or by its name where no type is given."""
    mime, path = mime.casefold().strip(), re.split(r"[?#]", url, maxsplit=1)[0]
    kinds: tuple[tuple[Literal["image", "video"], re.Pattern[str]], ...] = (("image", _IMAGE), ("video", _VIDEO))
    for kind, named in kinds:
        if mime.startswith(f"{kind}/") or (not mime and (medium.casefold() == kind or named.search(path))):
            return kind
    return ""


def unique(media: Iterable[Media]) -> tuple[Media, ...]:
    """Each address once, in order, with a description where any of its places has one."""
    found: dict[str, Media] = {}
    for one in media:
        known = found.get(one.url)
        if known is None or (one.alt and not known.alt):
            found[one.url] = one
    return tuple(found.values())
