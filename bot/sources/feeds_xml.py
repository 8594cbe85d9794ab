"""Pure: RSS and Atom, as feedparser reads them, as a document.

Does not parse XML (that is `feeds_sax`), nor make anything of HTML but one line of text for a title.
"""

from __future__ import annotations

import calendar
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from selectolax.lexbor import LexborHTMLParser

from bot.model import Media
from bot.sources.feeds import Document, Item, NotAFeed
from bot.sources.feeds_dates import moment, sensible
from bot.sources.feeds_links import absolute, kind_of, unique
from bot.sources.feeds_sax import Reading, read
from bot.text import one_line

_LONGEST_LINE: Final = 2_000
_LONGEST_ID: Final = 4_000
_LONGEST_PAUSE: Final = timedelta(days=31)
_PERIODS: Final = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HTML_PAGE = re.compile(rb"(?:\s|<\?[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z]|<!--")
_CLOSED = re.compile(r"</(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)>")
"""How feedparser ends what is empty in XHTML; as HTML, `<br></br>` is two breaks."""
_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w{1,32};")


def parse(body: bytes, *, content_type: str, url: str) -> Document:
    """The RSS or Atom feed in `body`. Raises `NotAFeed`."""
    if _HTML_PAGE.match(body.removeprefix(b"\xef\xbb\xbf")):
        raise NotAFeed("it is a web page")
    found = read(body.lstrip(b" \t\r\n\f"), content_type=content_type, url=url)
    if not found.version and not found.entries:
        raise NotAFeed("it is neither RSS nor Atom")
    return _document(found, url)


def _document(found: Reading, url: str) -> Document:
    kind: Literal["rss", "atom"] = "atom" if found.version.startswith("atom") else "rss"
    feed = found.feed
    home = absolute(_link(feed), url)
    base = home or url if kind == "rss" else url
    return Document(
        kind=kind,
        title=_line(feed, "title"),
        url=home,
        id=one_line(_text(feed, "id")[:_LONGEST_ID]),
        author=_author(feed),
        description=_line(feed, "subtitle"),
        self_url=absolute(_related(feed, "self"), url),
        next_url=absolute(_related(feed, "next"), url),
        ttl=_ttl(feed),
        skip_hours=frozenset(_hours(feed)),
        skip_days=frozenset(_days(feed)),
        items=tuple(_item(entry, base, url, is_rss=kind == "rss") for entry in found.entries),
        ill_formed=found.ill_formed,
    )


# -- an entry ----------------------------------------------------------------------------------------


def _item(entry: dict[str, Any], base: str, document: str, *, is_rss: bool) -> Item:
    url = _url(entry, base)
    markup, inner_base = _content(entry, is_rss=is_rss)
    # feedparser has the document's own address as the base where none is named.
    named_base = absolute(inner_base, base) if inner_base != document else ""
    around = named_base or (url or base if is_rss else base)
    updated = _moment(entry, "updated")
    return Item(
        id=one_line(_text(entry, "id")[:_LONGEST_ID]),
        url=url,
        title=_line(entry, "title"),
        published=_moment(entry, "published") or _moment(entry, "created") or updated,
        updated=updated,
        author=_author(entry),
        html=markup,
        media=unique(_media(entry, url or base)),
        base=around,
    )


def _url(entry: dict[str, Any], base: str) -> str:
    """Where a person reads it: its link, else any that it has, else an id that is an address."""
    link = _text(entry, "link")
    if link and link == _text(entry, "id") and not re.match(r"https?:|/", link, re.IGNORECASE):
        link = ""  # a <guid> that says of itself, by saying nothing, that it is an address, and is none
    candidates = [link, *(_related(entry, relation) for relation in ("alternate", "self", "via", "related"))]
    found = next(filter(None, (absolute(candidate, base) for candidate in candidates)), "")
    return found or absolute(_text(entry, "id"), "")


def _content(entry: dict[str, Any], *, is_rss: bool) -> tuple[str, str]:
    """The fullest form of what it says, as HTML, and what links in it are relative to."""
    form = max(_forms(entry, is_rss=is_rss), key=lambda form: form[:2], default=None)
    if form is None:
        return "", ""
    value, plain = form[2], form[3]
    plain = plain or (is_rss and _is_plain(entry, value))
    return (_escaped(value) if plain else value), form[4]


def _forms(entry: dict[str, Any], *, is_rss: bool) -> Iterator[tuple[int, int, str, bool, str]]:
    """Every form of what it says: its rank, its length, the text, whether that is plain, its base."""
    for form in _dictionaries(entry, "content"):
        plain = _type(form) == "text/plain"
        # What feedparser calls content of type text in RSS is a second <description>, or one for podcasts.
        yield from _form(1 if plain and is_rss else 2, form, plain=plain)
    summary = dict.get(entry, "summary_detail")
    yield from _form(1, summary if isinstance(summary, dict) else {"value": _text(entry, "summary")})
    yield from _form(0, {"value": _text(entry, "media_description"), "type": "text/plain"})


def _form(rank: int, form: dict[str, Any], *, plain: bool = False) -> Iterator[tuple[int, int, str, bool, str]]:
    value, kind = _text(form, "value"), _type(form)
    if value and (kind in ("", "application/xhtml+xml") or kind.startswith("text/")):
        if kind == "application/xhtml+xml":
            value = _CLOSED.sub("", value)
        says_something = any(map(str.isalnum, value))
        yield rank if says_something else -1, len(value), value, plain or kind == "text/plain", _text(form, "base")


def _is_plain(entry: dict[str, Any], value: str) -> bool:
    """Whether a description is meant as it stands, line breaks and all: without any tag, or from Bluesky."""
    return _text(entry, "id").startswith("at://") or not _TAG.search(value)


def _type(form: dict[str, Any]) -> str:
    return _text(form, "type").casefold()


def _escaped(text: str) -> str:
    """Plain text as HTML. What is escaped in it already was meant for HTML, and is left."""
    return re.sub(r"&(?!#?\w{1,32};)", "&amp;", text).replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>\n")


def _media(entry: dict[str, Any], base: str) -> Iterator[Media]:
    for link in _dictionaries(entry, "links"):
        if _text(link, "rel") == "enclosure":
            yield from _medium(_text(link, "href"), _text(link, "type"), "", "", base)
    for shown in _dictionaries(entry, "media_content"):
        alt = one_line(_text(shown, "alt")[:_LONGEST_LINE])
        yield from _medium(_text(shown, "url"), _text(shown, "type"), _text(shown, "medium"), alt, base)


def _medium(link: str, mime: str, medium: str, alt: str, base: str) -> Iterator[Media]:
    url = absolute(link, base)
    if url and (kind := kind_of(mime, url, medium)):
        yield Media(kind=kind, url=url, alt=alt)


def _moment(entry: dict[str, Any], name: str) -> datetime | None:
    """Our reading of a date first: feedparser knows few zones. Then feedparser's, which knows Korean and Greek."""
    parsed = dict.get(entry, f"{name}_parsed")
    ours = moment(_text(entry, name))
    if ours or not parsed:
        return ours
    try:
        return sensible(datetime.fromtimestamp(calendar.timegm(parsed), UTC))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


# -- the feed ------------------------------------------------------------------------------------------


def _ttl(feed: dict[str, Any]) -> timedelta | None:
    minutes = _number(_text(feed, "ttl"))
    if minutes:
        return min(timedelta(minutes=minutes), _LONGEST_PAUSE)
    period = _PERIODS.get(_text(feed, "sy_updateperiod").casefold())
    if period is None:
        return None
    return min(period / (_number(_text(feed, "sy_updatefrequency")) or 1), _LONGEST_PAUSE)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0


def _hours(feed: dict[str, Any]) -> Iterator[int]:
    for text in _list(feed, "skipped_hours"):
        if re.fullmatch(r"[0-9]{1,2}", str(text)) and int(text) <= 24:
            yield int(text) % 24  # the older RSS counts from 1 to 24


def _days(feed: dict[str, Any]) -> Iterator[int]:
    for text in _list(feed, "skipped_days"):
        if str(text).casefold() in _DAYS:
            yield _DAYS.index(str(text).casefold())


# -- feedparser's dictionaries ----------------------------------------------------------------------------


def _text(of: dict[str, Any], name: str) -> str:
    """A text. Not by their own `get`, which warns, and answers with other keys."""
    value = dict.get(of, name)
    return value.strip() if isinstance(value, str) else ""


def _list(of: dict[str, Any], name: str) -> list[Any]:
    value = dict.get(of, name)
    return value if isinstance(value, list) else []


def _dictionaries(of: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in _list(of, name) if isinstance(one, dict)]


def _link(feed: dict[str, Any]) -> str:
    return _text(feed, "link") or _related(feed, "alternate")


def _related(of: dict[str, Any], relation: str) -> str:
    links = (_text(link, "href") for link in _dictionaries(of, "links") if _text(link, "rel") == relation)
    return next(filter(None, links), "")


def _author(of: dict[str, Any]) -> str:
    authors = _dictionaries(of, "authors")
    names = [_text(author, "name") or _text(author, "email") for author in authors]
    found = ", ".join(dict.fromkeys(filter(None, names))) or _text(of, "author")
    return one_line(found[:_LONGEST_LINE])


def _line(of: dict[str, Any], name: str) -> str:
    """A title or the like on one line, without the markup that it is allowed to have."""
    text = _text(of, name)[:_LONGEST_LINE]
    detail = dict.get(of, f"{name}_detail")
    if isinstance(detail, dict) and _type(detail) in ("text/html", "application/xhtml+xml"):
        text = _words(text)
    return one_line(text)


def _words(markup: str) -> str:
    if not _MARKUP.search(markup):
        return markup
    body = LexborHTMLParser(markup).body
    return body.text() if body is not None else html.unescape(markup)
