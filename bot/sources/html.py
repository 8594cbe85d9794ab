"""Pure: HTML bytes to a tree, for pages that a parser can be trusted with.

Knows no site. The check before the parse is a linear estimate that keeps one page from freezing the event loop, and all
authors with it; it does not say whether a page is well formed, and a page made to deceive it may still take a second.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

from selectolax.lexbor import LexborHTMLParser

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_TAGS: Final = 100_000
"""A thread of 3,000 posts has about 60,000."""
MAX_DEPTH: Final = 100
"""Lexbor takes 10 s for 50,000 nested <div> and its time grows with the square of the depth. Real pages: under 30."""
MAX_ATTRIBUTES: Final = 300
"""Lexbor takes 31 s for one tag of 100,000 attributes, growing with the square. Real tags: under 20."""
MAX_ALL_ATTRIBUTES: Final = 500_000
"""Of all tags together, about: 16,000 tags of 290 each took 380 MB. A thread of 3,000 posts has about 40,000."""
MAX_REOPENED: Final = 500_000
"""An open <b> is opened again in every <p> that follows: 2,900 of each took 4.5 s."""

MAX_OPTIONS: Final = 2_000
MAX_ROOTS: Final = 20
"""Lexbor looks through all options of a list at each further one, and through all attributes of <html> and <body> when
another such tag adds some: 140,000 took more than 6 s."""

_FEW_TAGS: Final = 3_000
"""A page with fewer cannot be nested deeply enough to matter (0.01 s), so its depth is not looked at."""
_FEW_TO_REOPEN: Final = math.isqrt(4 * MAX_REOPENED)
"""So few tags, half of them formatting that is repeated in the other half, are not too many yet."""
_SHORT_TAG: Final = 1_000
_FEW_OPEN: Final = 20
_REACH: Final = 32
"""How far out a closing tag is looked for."""

# One attribute, as the HTML standard reads it: quotes count only behind "=", and ">" inside them ends nothing (Stimulus
# writes `data-action="click->thread#showTweet"`). Possessive, so that no page can make it try twice.
_ATTRIBUTE = rb"=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+|="
_PLAIN = rb"[a-z-]++=\"[^\"]*+\""
"""Most attributes, read alike but sooner (30 of 135 µs a page)."""
_TAG = re.compile(rb"<[a-zA-Z][^\s/>]*+(?:[\s/]++((?:(?:" + _PLAIN + rb"|" + _ATTRIBUTE + rb")[\s/]*+)++))?+")
"""The attributes of a tag. One without any is read to the end of its name all the same: with `<a<a<a…` to begin anew at
each "<" took minutes."""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_FORMATTING = rb"(?:b|big|code|em|font|i|s|small|strike|strong|tt|u)"
_OPENED = re.compile(rb"<" + _FORMATTING + rb"[\s/>]", re.IGNORECASE)
_CLOSED = re.compile(rb"</" + _FORMATTING + rb"[\s/>]", re.IGNORECASE)
_OPTION = re.compile(rb"<opt(?:ion|group)\b", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:html|body)\b", re.IGNORECASE)
_IS_FORMATTING = re.compile(_FORMATTING)
_TOKEN = re.compile(
    rb"<!--.*?(?:-->|\Z)"
    rb"|<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes)\b[^>]*+>.*?(?:</(?P=raw)|\Z)"
    rb"|<(?P<close>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?:[\s/]++|" + _ATTRIBUTE + rb")*+",
    re.DOTALL | re.IGNORECASE,
)
_NOT_NESTED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li option optgroup dt dd tr td th"
    b" thead tbody tfoot colgroup html head body".split()
)
"""Void elements, and those that the next of their kind closes: they nest only inside others, which are counted."""
_SCOPES = frozenset(b"table caption object applet marquee template button select svg math".split())
"""A closing tag does not reach through these."""


class TooHeavy(ValueError):
    """The page would take a parser seconds. Says in which way."""


def parse(body: bytes) -> LexborHTMLParser:
    """The tree of a page, whatever its bytes. Raises `TooHeavy`."""
    check(body)
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode(errors="replace").encode()
    # Bytes, since text would be encoded again: 40 of 275 µs.
    return LexborHTMLParser(body)


def check(body: bytes) -> None:
    """Raise `TooHeavy` for a page that no author's page is like."""
    if len(body) > MAX_BYTES:
        raise TooHeavy(f"{len(body)} bytes")
    tags = body.count(b"<")
    if tags > MAX_TAGS:
        raise TooHeavy(f"{tags} tags")
    _check_attributes(body)
    if (tags > MAX_OPTIONS and len(_OPTION.findall(body)) > MAX_OPTIONS) or len(_ROOT.findall(body)) > MAX_ROOTS:
        raise TooHeavy("thousands of options, or the page begins many times")
    if tags > _FEW_TAGS or (tags > _FEW_TO_REOPEN and _left_open(body) > _FEW_OPEN):
        _check_nesting(body)


def _check_attributes(body: bytes) -> None:
    found = _TAG.findall(body)
    # Each byte counts once at the most: a page of short tags that is not large needs no count (0.3 of 0.5 ms).
    if max(map(len, found), default=0) <= _SHORT_TAG and sum(map(len, found)) + len(found) <= MAX_ALL_ATTRIBUTES:
        return
    total = 0
    for attributes in found:
        total += max(len(attributes.split()), attributes.count(b"=")) + attributes.count(b"/")
        if total > MAX_ALL_ATTRIBUTES or (len(attributes) > _SHORT_TAG and _count(attributes) > MAX_ATTRIBUTES):
            raise TooHeavy("too many attributes")


def _left_open(body: bytes) -> int:
    """How many formatting tags are not closed."""
    return len(_OPENED.findall(body)) - len(_CLOSED.findall(body))


def _count(attributes: bytes) -> int:
    return sum(1 for _ in _ATTRIBUTES.finditer(attributes))


def _check_nesting(body: bytes) -> None:
    """Follow what stands open, tag by tag, as far as tags alone tell."""
    nesting = _Nesting()
    for token in _TOKEN.finditer(body):
        name = token["name"]
        if name is None:  # a comment, or a script with all that is in it
            continue
        if token["close"]:
            nesting.close(name.lower())
        else:
            nesting.open(name.lower())


class _Nesting:
    """Which tags stand open, and how many elements the open formatting tags would be repeated as."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._formatting: Counter[bytes] = Counter()
        self._reopened = 0

    def open(self, name: bytes) -> None:
        if _IS_FORMATTING.fullmatch(name):
            self._formatting[name] += 1
        else:
            self._reopened += self._formatting.total()
            if self._reopened > MAX_REOPENED:
                raise TooHeavy("unclosed formatting that is repeated without end")
        if name in _NOT_NESTED:
            return
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise TooHeavy(f"more than {MAX_DEPTH} tags inside each other")

    def close(self, name: bytes) -> None:
        """Drop the innermost open `name` and what stands in it; a stray closing tag closes nothing."""
        if self._formatting[name] > 0:
            self._formatting[name] -= 1
        for back in range(1, min(len(self._open), _REACH) + 1):
            if self._open[-back] == name:
                del self._open[-back:]
                return
            if self._open[-back] in _SCOPES:
                return
