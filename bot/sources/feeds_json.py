"""Pure: JSON Feed 1.0 and 1.1 (jsonfeed.org) as a document.

Follows the specification where it says what to do with mistakes: numbers as ids are read as text, `author` of 1.0
stands for `authors`. An odd value is passed over, never the entry that has it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from bot.model import Media
from bot.sources.feeds import MAX_ITEMS, Document, Item, NotAFeed
from bot.sources.feeds_dates import moment
from bot.sources.feeds_links import absolute, kind_of, unique
from bot.text import one_line

_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST_LINE: Final = 2_000
_LONGEST_ID: Final = 4_000


def parse(body: bytes, *, url: str) -> Document:
    """The JSON feed in `body`. Raises `NotAFeed`."""
    feed = _loaded(body)
    items = _list(feed, "items")
    if "jsonfeed.org" not in _text(feed, "version") and not (items and isinstance(items[0], dict)):
        raise NotAFeed("it is JSON, but no JSON Feed")
    home = absolute(_text(feed, "home_page_url"), url)
    return Document(
        kind="json",
        title=_line(feed, "title"),
        url=home,
        author=_author(feed),
        description=_line(feed, "description"),
        self_url=absolute(_text(feed, "feed_url"), url),
        next_url=absolute(_text(feed, "next_url"), url),
        expired=feed.get("expired") is True,
        items=tuple(_item(item, home or url) for item in items[:MAX_ITEMS] if isinstance(item, dict)),
    )


def _loaded(body: bytes) -> dict[str, Any]:
    try:
        # Not strict: writers leave tabs and line breaks in their texts as they are.
        feed = json.loads(body.decode(json.detect_encoding(body), errors="replace").lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError) as error:
        raise NotAFeed("it begins like JSON, but is none, or is cut off") from error
    if not isinstance(feed, dict):
        raise NotAFeed("it is JSON, but no JSON Feed")
    return feed


def _item(item: dict[str, Any], base: str) -> Item:
    url = absolute(_text(item, "url"), base) or absolute(_text(item, "external_url"), base)
    updated = _moment(item, "date_modified")
    return Item(
        id=one_line(_id(item)[:_LONGEST_ID]) or url,
        url=url,
        title=_line(item, "title"),
        published=_moment(item, "date_published") or updated,
        updated=updated,
        author=_author(item),
        html=_html(item),
        media=unique(_media(item, url or base)),
        base=url or base,
    )


def _html(item: dict[str, Any]) -> str:
    content = _text(item, "content_html")
    return (
        content
        if content.strip()
        else html.escape(_text(item, "content_text") or _text(item, "summary"), quote=False).replace("\n", "<br>")
    )


def _media(item: dict[str, Any], base: str) -> Iterator[Media]:
    for name in ("image", "banner_image"):
        if picture := absolute(_text(item, name), base):
            yield Media(kind="image", url=picture)
    for attachment in _list(item, "attachments"):
        if isinstance(attachment, dict) and (url := absolute(_text(attachment, "url"), base)):
            kind = kind_of(_text(attachment, "mime_type"), url)
            if kind:
                yield Media(kind=kind, url=url)


def _author(of: dict[str, Any]) -> str:
    authors = [*_list(of, "authors"), of.get("author")]
    names = (_line(author, "name") for author in authors if isinstance(author, dict))
    return ", ".join(dict.fromkeys(filter(None, names)))


def _moment(item: dict[str, Any], name: str) -> datetime | None:
    return moment(_text(item, name))


def _line(of: dict[str, Any], name: str) -> str:
    return one_line(_text(of, name)[:_LONGEST_LINE])


def _id(item: dict[str, Any]) -> str:
    """Its id; a number as text, which the specification asks for."""
    value = item.get("id")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else _text(item, "id")


def _text(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
    return ""


def _list(of: dict[str, Any], name: str) -> list[Any]:
    value = of.get(name)
    return value if isinstance(value, list) else []
