"""OPML 2.0, the list that feed readers exchange: read as they write it, and written so that they read it.

No entity that a file declares is expanded and no other file is asked for: one that declares any is refused. Does not
look at what a feed's address means; that is `wanted`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from itertools import groupby
from typing import Final
from xml.parsers import expat

from bot.exchange.wanted import Reading, Wanted, decoded, of_feed, shown
from bot.text import clean

NAMESPACE: Final = "https://pypi.org/project/keepcurrent/opml"
DEEPEST: Final = 20
"""Folders inside folders; below that, all are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed as an OPML file has it. `address` is our own, where the file was written by us.

    `kind` is what the reader says it is: `rss`, or how else it gets at it.
    """

    title: str = ""
    xml_url: str = ""
    html_url: str = ""
    folder: tuple[str, ...] = ()
    address: str = ""
    kind: str = "rss"
    line: int = 0


# -- reading ------------------------------------------------------------------------------------------


def read(data: bytes) -> Reading:
    """Every feed of the list."""
    outlines, cut = parse(data)
    wanted: list[Wanted] = []
    problems: list[str] = []
    for outline in outlines:
        address = outline.address or of_feed(outline.xml_url)
        problem = _problem(outline, address)
        if problem:
            problems.append(f"line {outline.line}: {problem}")
        else:
            where = f"line {outline.line}"
            wanted.append(Wanted(address=address, title=outline.title, folder=outline.folder, where=where))
    return Reading(wanted=tuple(wanted), problems=(*problems, *cut))


def _problem(outline: Outline, address: str) -> str:
    if not outline.address and re.search(r"path|dot|html|xml\+", outline.kind, re.IGNORECASE):
        return f"{shown(outline.title or outline.xml_url)} is no feed: its reader gets at the page by {outline.kind}"
    if not address:
        return f"{shown(outline.xml_url)} is no address of a feed"
    return ""


def parse(data: bytes) -> tuple[tuple[Outline, ...], tuple[str, ...]]:
    """The feeds of a file, and what is wrong with the file itself: then the feeds are those from above that line."""
    text = _mended(decoded(data, _declared(data)))
    found = _Outlines()
    try:
        found.parser.Parse(text.encode("utf-8", "replace"), True)
    except _Refused as refused:
        return (), (f"line {found.parser.CurrentLineNumber}: {refused}",)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, str(error))
        return tuple(found.outlines), (f"line {error.lineno}: the file cannot be read from here on ({what})",)
    if not found.is_opml:
        return (), ("line 1: this is XML, but no OPML",)
    return tuple(found.outlines), ()


class _Refused(Exception):
    """The file does what no list of feeds needs."""


class _Outlines:
    """Hears what the parser finds."""

    def __init__(self) -> None:
        self.outlines: list[Outline] = []
        self.is_opml = False
        self._folders: list[tuple[str, ...]] = [()]
        self._inside = 0
        self.parser = expat.ParserCreate(encoding="utf-8")  # whatever the file says: it is decoded already
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse

    def _refuse(self, *_: object) -> int:
        raise _Refused("it declares entities, which no list of feeds needs; nothing of it is read")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2].casefold()
        self.is_opml = self.is_opml or name == "opml"
        if name != "outline":
            return
        above = self._folders[-1]
        given = {key.casefold(): clean(value).strip() for key, value in attributes.items()}
        title = " ".join((given.get("title") or given.get("text") or "").split())
        self._folders.append((*above, title)[:DEEPEST])
        if given.get("xmlurl") or given.get("keepcurrent:address"):
            self.outlines.append(_outline(given, title, above, self.parser.CurrentLineNumber))

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2].casefold() == "outline":
            self._folders.pop()


def _outline(given: Mapping[str, str], title: str, folder: tuple[str, ...], line: int) -> Outline:
    return Outline(
        title=title,
        xml_url=given.get("xmlurl", ""),
        html_url=given.get("htmlurl", ""),
        folder=folder,
        address=given.get("keepcurrent:address", ""),
        kind=given.get("type", ""),
        line=line,
    )


_ENCODING: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']""")
_TEXT_ENCODINGS: Final = re.compile(r"utf-?(8|16|32)|us-ascii|(iso|windows|cp|koi8|gb|big5|shift|euc).*", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:(#x?[0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _declared(data: bytes) -> str:
    found = _ENCODING.search(data[:400])
    name = found[1].decode("ascii") if found else ""
    return name if _TEXT_ENCODINGS.fullmatch(name) else ""


def _mended(text: str) -> str:
    """Text that an XML parser takes, whatever the writer knew of XML: HTML's entities, a bare "&", control marks."""
    return _ENTITY.sub(_mended_entity, _NO_XML.sub("", text.lstrip("\ufeff \t\r\n")))


def _mended_entity(found: re.Match[str]) -> str:
    name = found[1]
    if name in ("amp", "lt", "gt", "quot", "apos"):
        return found[0]
    character = html.unescape(found[0]) if name else found[0]
    if character == found[0] or _NO_XML.search(character):
        return f"&amp;{found[0][1:]}" if not (name or "").startswith("#") else ""
    return "".join(f"&#{ord(part)};" for part in character)


# -- writing ------------------------------------------------------------------------------------------


def write(outlines: Iterable[Outline], title: str, made: datetime) -> str:
    """The list of these feeds. Those of one folder that follow each other stand in it together."""
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:keepcurrent="{NAMESPACE}">',
        "  <head>",
        f"    <title>{_escaped(title)}</title>",
        f"    <dateCreated>{format_datetime(made)}</dateCreated>",
        "  </head>",
        "  <body>",
    ]
    return "\n".join([*head, *_level(tuple(outlines), 0), "  </body>", "</opml>", ""])


def _level(outlines: tuple[Outline, ...], depth: int) -> Iterable[str]:
    """What stands in one folder, so many folders deep."""
    indent = "  " * (depth + 2)
    for name, inside in groupby(outlines, lambda outline: outline.folder[depth : depth + 1]):
        if not name:
            yield from (f"{indent}<outline{_attributes(outline)}/>" for outline in inside)
            continue
        yield f'{indent}<outline text="{_escaped(name[0])}" title="{_escaped(name[0])}">'
        yield from _level(tuple(inside), depth + 1)
        yield f"{indent}</outline>"


def _attributes(outline: Outline) -> str:
    """Other readers take what has an `xmlUrl` for a feed, and what has none for no feed of theirs."""
    given = {
        "type": outline.kind,
        "text": outline.title,
        "title": outline.title,
        "xmlUrl": outline.xml_url,
        "htmlUrl": outline.html_url,
        "keepcurrent:address": outline.address,
    }
    return "".join(f' {name}="{_escaped(value)}"' for name, value in given.items() if value or name == "text")


def _escaped(text: str) -> str:
    return html.escape(_NO_XML.sub("", " ".join(clean(text).split())))
