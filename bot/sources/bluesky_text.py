"""Pure: the words of a Bluesky post with its facets, which say what part of the text links where.

Facets count bytes of UTF-8, not characters. A facet that cannot be right is left out; the text never is.
Does not read what is attached to a post; that is `bluesky_embeds`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bot.model import Json
from bot.text import clean, is_web_link

_LINK: Final = "app.bsky.richtext.facet#link"
_SURROGATE = re.compile("[\ud800-\udfff]")
_START = re.compile(r"(?:https?://)?(?:www\.)?", re.IGNORECASE)
_LONGEST_LINK: Final = 4_000
_MOST_FACETS: Final = 2_000
_UNRESERVED: Final = ":/?#[]@!$&()*+,;=%~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a post says, clean and with whole links, and where it links to."""

    text: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facet:
    """A part of the text, in bytes, and the address that it leads to."""

    start: int
    end: int
    url: str


def read_words(text: Json, facets: Json) -> Words:
    """The text as its author meant it: each shortened link whole, each word that is a link with its address behind it.

    Mentions and tags are words like others.
    """
    if not isinstance(text, str):
        return Words(text="")
    # U+FFFD has as many bytes as a lone surrogate would have, which no encoder takes.
    data = _SURROGATE.sub("\ufffd", text).encode()
    parts, links, at = [], [], 0
    for facet in _linking(facets, data):
        if facet.start < at:  # it overlaps the one before
            continue
        parts += [data[at : facet.start].decode(), _linked(data[facet.start : facet.end].decode(), facet.url)]
        links.append(facet.url)
        at = facet.end
    parts.append(data[at:].decode())
    return Words(text=clean("".join(parts)).strip(), links=tuple(dict.fromkeys(links)))


def web_link(value: Json) -> str:
    """`value` as a link that can be followed anywhere, "" for any other value."""
    if not isinstance(value, str) or len(value) > _LONGEST_LINK:
        return ""
    if is_web_link(value):
        return value
    try:
        # What browsers take and a form could break at ('"', "|", blanks), as browsers write it.
        escaped = quote(value.strip(), safe=_UNRESERVED)
    except UnicodeEncodeError:
        return ""
    return escaped if is_web_link(escaped) else ""


def _linking(facets: Json, data: bytes) -> list[_Facet]:
    """The facets that link somewhere and can be right, from the first to the last."""
    found = facets[:_MOST_FACETS] if isinstance(facets, list) else []
    return sorted((facet for one in found for facet in _facet(one, data)), key=lambda facet: facet.start)


def _facet(value: Json, data: bytes) -> Iterator[_Facet]:
    if not isinstance(value, dict):
        return
    index, features = value.get("index"), value.get("features")
    if not isinstance(index, dict) or not isinstance(features, list):
        return
    start, end = index.get("byteStart"), index.get("byteEnd")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(data):
        return
    if _is_inside(data, start) or _is_inside(data, end):
        return
    links = (web_link(one.get("uri")) for one in features[:10] if isinstance(one, dict) and one.get("$type") == _LINK)
    url = next(filter(None, links), "")
    if url:
        yield _Facet(start=start, end=end, url=url)


def _is_inside(data: bytes, at: int) -> bool:
    """Whether a character goes on at this byte."""
    return at < len(data) and data[at] & 0xC0 == 0x80


def _linked(words: str, url: str) -> str:
    """What stands for a link in the text: its address, after words that are more than that address shortened."""
    bare = _bare(words.strip().removesuffix("…").removesuffix("..."))
    if "." in bare and _bare(url).startswith(bare):
        return words.replace(words.strip(), url, 1)
    return f"{words} ({url})" if words.strip() else url


def _bare(address: str) -> str:
    return _START.sub("", address, count=1).casefold()
