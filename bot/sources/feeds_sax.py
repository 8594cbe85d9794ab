"""Pure: feedparser, bounded, and told to keep what it would throw away.

feedparser decides what the elements of a feed mean; here is only how much of a document it may read. It is given bytes
already in memory, resolves and cleans nothing, and its own `parse`, which opens addresses and files, is not called.
"""

from __future__ import annotations

import io
import re
import xml.sax
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax import handler
from xml.sax.xmlreader import AttributesNSImpl, InputSource

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype

from bot.sources.feeds import MAX_ITEMS, NotAFeed
from bot.sources.feeds_charsets import decoded

MAX_TAGS: Final = 100_000
"""Elements of the XML, escaped content not counted: 5,000 entries of 20 each. feedparser takes 10 to 60 µs for one."""
MAX_ATTRIBUTES: Final = 300
"""expat's driver looks through all attributes of a tag for each of them."""
MAX_NAMESPACES: Final = 200
"""feedparser looks through all of them for each tag of one that it does not know. Real feeds have under 20."""
MAX_DEPTH: Final = 1_000

_LONGEST_AUTHOR: Final = 500
_ROOT = re.compile(r"<\w")
_LONGEST_HEAD: Final = 50_000
_LONG_ENTITY = re.compile(r"<!ENTITY[^>]{80,}+>?")
_MOST_NAMED: Final = 100_000
"""Entities named in a document that declares its own."""
_MOST_MARKS: Final = 1_000_000
"""Of an ill-formed document; feedparser takes 1 µs for each `<` and `&`."""
_TOO_MUCH: Final = "it is built in a way that would take too long to read"
_READ_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, AssertionError)
"""What feedparser raises on documents that it was not made for; what it read until then counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What feedparser found: its dictionaries, as they are."""

    version: str = ""
    feed: dict[str, Any] = field(default_factory=dict)
    entries: tuple[dict[str, Any], ...] = ()
    ill_formed: bool = False


def read(body: bytes, *, content_type: str, url: str) -> Reading:
    """What feedparser makes of `body`, which came from `url`. Raises `NotAFeed` for what would take it too long."""
    text, misnamed = decoded(body, content_type=content_type)
    version, data, entities = replace_doctype(_with_short_head(text).encode("utf-8", errors="replace"))
    parser: _Strict | _Loose
    parser = strict = _Strict(url, None, "utf-8")
    well_formed = _parse_strictly(strict, data)
    if not well_formed:
        parser = loose = _Loose(url, None, "utf-8", entities)
        _parse_loosely(loose, data.decode("utf-8", errors="replace"))
        if parser.version and not parser.entries:
            # Most likely cut off. An author of whom nothing was read is not one who wrote nothing.
            raise NotAFeed("it is ill-formed before its first entry, or cut off there")
    return Reading(
        version=version or parser.version,
        feed=parser.feeddata,
        entries=tuple(parser.entries),
        ill_formed=misnamed or not well_formed,
    )


def _with_short_head(text: str) -> str:
    """What stands before the first element, short: feedparser takes 34 s to find a DOCTYPE below 100 kB of newlines.

    Without entities that are long: one of 1 MB, named 1,000 times, is 1 GB. What feeds declare is a character or two.
    """
    root = _ROOT.search(text)
    end = root.start() if root else len(text)
    if end > _LONGEST_HEAD:
        raise NotAFeed("it does not begin like a feed")
    head = _LONG_ENTITY.sub("", re.sub(r"\s{2,}", "\n", text[:end]))
    if "<!ENTITY" in head and text.count("&") > _MOST_NAMED:
        raise NotAFeed(_TOO_MUCH)
    return head + text[end:]


class _Enough(Exception):
    """The document goes on, but enough of it was read."""


class _Bounded:
    """What both of feedparser's parsers do otherwise for us. Stands before them in the order of bases."""

    # An id is compared, not followed: as given it stays the same when the feed moves to another address.
    can_be_relative_uri = StrictFeedParser.can_be_relative_uri - {"id"}
    sanitize_html = False
    resolve_relative_uris = False

    entries: list[Any]
    feeddata: Any
    elementstack: list[list[Any]]
    namespaces_in_use: dict[str, str]
    inentry: int
    depth: int
    baseuri: str

    def __init__(self, url: str, *arguments: object) -> None:
        super().__init__(url, *arguments)  # type: ignore[call-arg]
        self._document = self.baseuri
        self._tags = 0
        self._in_media = False

    def unknown_starttag(self, tag: str, attributes: list[tuple[str, str]]) -> None:
        self._tags += 1
        if self.depth > MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise NotAFeed(_TOO_MUCH)
        if self._tags > MAX_TAGS:
            if self.inentry:
                del self.entries[-1]  # of which only a part was read
            raise _Enough if self.entries else NotAFeed(_TOO_MUCH)
        super().unknown_starttag(tag, attributes)  # type: ignore[misc]

    def resolve_uri(self, uri: str) -> str:
        """Only where the document names a base: else what it is relative to is not for feedparser to say."""
        resolved: str = uri if self.baseuri == self._document else super().resolve_uri(uri)  # type: ignore[misc]
        return resolved

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        if len(self.namespaces_in_use) > MAX_NAMESPACES:
            raise NotAFeed(_TOO_MUCH)
        super().track_namespace(prefix, uri)  # type: ignore[misc]

    def pop(self, element: str, strip_whitespace: int = 1) -> str | None:
        """Without the blanks that an element begins with, which feedparser removes one by one from a list."""
        if self.elementstack and self.elementstack[-1][0] == element:
            pieces = self.elementstack[-1][2]
            if isinstance(pieces, list):  # CDF has a text there
                del pieces[: next((at for at, piece in enumerate(pieces) if piece.strip()), len(pieces))]
        found: str | None = super().pop(element, strip_whitespace)  # type: ignore[misc]
        return found

    def _start_item(self, attributes: dict[str, str]) -> None:
        if len(self.entries) >= MAX_ITEMS:
            raise _Enough
        self._in_media = False
        super()._start_item(attributes)  # type: ignore[misc]

    _start_entry = _start_item

    def _add_tag(self, *_tag: str | None) -> None:
        """Categories are not kept: feedparser looks through all of an entry's for each further one."""
        self._get_context().setdefault("tags", [])  # type: ignore[attr-defined]

    def _sync_author_detail(self, key: str = "author") -> None:
        """Of an author without end, the beginning: feedparser takes 33 s to look for an address in 100 kB."""
        context = self._get_context()  # type: ignore[attr-defined]
        author = dict.get(context, key)
        if isinstance(author, str) and len(author) > _LONGEST_AUTHOR:
            context[key] = author[:_LONGEST_AUTHOR]
        super()._sync_author_detail(key)  # type: ignore[misc]

    # -- what describes a picture is not what the entry says, as feedparser has it ------------------

    def _start_media_content(self, attributes: dict[str, str]) -> None:
        self._in_media = True
        super()._start_media_content(attributes)  # type: ignore[misc]

    def _end_media_content(self) -> None:
        self._in_media = False

    def _start_media_description(self, _attributes: dict[str, str]) -> None:
        self.push("media_description", 1)  # type: ignore[attr-defined]

    def _end_media_description(self) -> None:
        words = self.pop("media_description")
        if self._in_media and self.inentry and words:
            self.entries[-1].pop("media_description", None)
            self.entries[-1]["media_content"][-1]["alt"] = words

    # -- when a feed asks not to be asked: of several, feedparser keeps the last ------------------------

    def _start_hour(self, _attributes: dict[str, str]) -> None:
        self.push("hour", 1)  # type: ignore[attr-defined]

    def _end_hour(self) -> None:
        self._skip("skipped_hours", self.pop("hour"))

    def _start_day(self, _attributes: dict[str, str]) -> None:
        self.push("day", 1)  # type: ignore[attr-defined]

    def _end_day(self) -> None:
        self._skip("skipped_days", self.pop("day"))

    def _skip(self, name: str, value: str | None) -> None:
        if not self.inentry and value:
            self.feeddata.setdefault(name, []).append(value)


class _Strict(_Bounded, StrictFeedParser):  # type: ignore[misc]
    def startElementNS(  # noqa: N802
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        if len(attrs) > MAX_ATTRIBUTES:
            raise NotAFeed(_TOO_MUCH)
        super().startElementNS(name, qname, attrs)


class _Loose(_Bounded, LooseFeedParser):  # type: ignore[misc]
    def handle_charref(self, ref: str) -> None:
        """A number that no character has, which feedparser falls over, is left out."""
        try:
            super().handle_charref(ref)
        except (ValueError, OverflowError):
            return


def _parse_strictly(parser: _Strict, data: bytes) -> bool:
    """Whether `data` is XML, as far as it was read."""
    sax = xml.sax.make_parser()  # noqa: S317
    sax.setFeature(handler.feature_namespaces, True)
    sax.setFeature(handler.feature_external_ges, False)
    sax.setContentHandler(parser)
    sax.setErrorHandler(parser)
    source = InputSource()
    source.setByteStream(io.BytesIO(data))
    try:
        sax.parse(source)
    except _Enough:
        return True
    except NotAFeed:
        raise
    except (xml.sax.SAXException, *_READ_WRONG):
        return False
    return True


def _parse_loosely(parser: _Loose, text: str) -> None:
    if text.count("<") + text.count("&") > _MOST_MARKS:
        raise NotAFeed(_TOO_MUCH)
    try:
        parser.feed(text)
    except NotAFeed:
        raise
    except (_Enough, *_READ_WRONG):
        return
