"""Pure: the HTML of a post to the words that its author wrote, with whole links.

Knows the markup of Mastodon, Pleroma/Akkoma, GoToSocial and Pixelfed. Decides nothing about posts.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from selectolax.lexbor import LexborNode

from bot.sources import html
from bot.sources.html_words import BLANK, BLANKS, Walker, attribute, classes, is_own_address
from bot.text import clean, is_web_link

_DROPPED: Final = frozenset(
    ("script", "style", "template", "noscript", "svg", "button", "iframe", "object", "head", "title", "-comment")
)
_PARAGRAPHS: Final = frozenset(
    ("p", "div", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "hr", "section")
)
_LINES: Final = frozenset(("li", "tr", "dt", "dd", "figcaption"))
_QUOTE_CLASSES: Final = frozenset(("quote-inline", "reference-link-inline"))
"""What stands in the text for servers that show no quotes: "RE: https://…"."""
_TAG = re.compile(r"<[^<>]{0,2000}+>")


@dataclass(slots=True, kw_only=True)
class Words:
    """What a post says: `text`, the web addresses in it, what it quotes, and the mentions with which it begins."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)
    leading: list[str] = field(default_factory=list)


def read(content: str, mentions: Mapping[str, str]) -> Words:
    """The words of a post. `mentions`: by the address and by the short name of each person, how people write them."""
    content = clean(content)
    if "<" not in content and "&" not in content:
        return Words(text=content.strip(BLANK))
    try:
        tree = html.parse(f"<body>{content}".encode())
    except html.TooHeavy:
        # Nobody writes such a post; what it says is kept all the same.
        return Words(text=clean(entities.unescape(_TAG.sub(" ", content))).strip(BLANK))
    walker = _Walker(mentions)
    if tree.body is not None:
        walker.children(tree.body, 0)
    return Words(text=walker.text(), links=walker.links, quotes=walker.quotes, leading=walker.leading)


def web_link(value: object) -> str:
    """`value` if it is a web address that can be shown as a link, else ""."""
    return value.strip(BLANK) if isinstance(value, str) and is_web_link(value.strip(BLANK)) else ""


class _Walker(Walker):
    """Walks a post's tree and writes down what it says."""

    def __init__(self, mentions: Mapping[str, str]) -> None:
        self.links: list[str] = []
        self.quotes: list[str] = []
        self.leading: list[str] = []
        self._mentions = mentions
        self._parts: list[str] = []
        self._break = 0
        """How many line breaks stand between what was said and what comes."""
        self._blank = False
        self._at_start = True
        self._quoted = 0
        self._numbers: list[int] = []
        """The number of the last item of each open list; below 0 in one that is not numbered."""

    def text(self) -> str:
        return clean("".join(self._parts)).strip(BLANK)

    def element(self, node: LexborNode, depth: int) -> None:
        tag, named = node.tag or "", classes(node)
        if tag in _DROPPED:
            return
        if named & _QUOTE_CLASSES:
            self.quotes += filter(None, (web_link(attribute(anchor, "href")) for anchor in node.css("a[href]")))
        elif tag == "br":
            self._break += 1
        elif tag == "img":
            self.say(attribute(node, "alt"))  # a custom emoji of an old server
        elif tag == "a":
            self._anchor(node, named)
        elif tag in _PARAGRAPHS:
            self._apart(2)
            self._paragraph(node, tag, depth)
            self._apart(2)
        elif tag in _LINES:
            self._apart(1)
            if tag == "li":
                self._item()
            self.children(node, depth)
            self._apart(1)
        else:
            self.children(node, depth)

    def _paragraph(self, node: LexborNode, tag: str, depth: int) -> None:
        if tag == "pre":
            self._verbatim(node)
        elif tag == "blockquote":
            self._quoted += 1
            self.children(node, depth)
            self._quoted -= 1
        elif tag in ("ol", "ul"):
            self._numbers.append(0 if tag == "ol" else -1)
            self.children(node, depth)
            self._numbers.pop()
        else:
            self.children(node, depth)

    def _item(self) -> None:
        number = self._numbers[-1] + 1 if self._numbers else 0
        if number > 0:
            self._numbers[-1] = number
        self._put(f"{number}. " if number > 0 else "- ")

    # -- words ------------------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """Add text as a browser shows it: any run of white space is one blank, and none stands beside a break."""
        shown = BLANKS.sub(" ", words)
        core = shown.strip(" ")
        if not core:
            self._blank = self._blank or bool(shown)
            return
        self._blank = self._blank or shown.startswith(" ")
        self._put(core)
        self._blank = shown.endswith(" ")

    def _put(self, words: str) -> None:
        if self._parts:
            if self._break:
                self._parts.append("\n" * min(self._break, 2) + ("> " if self._quoted else ""))
            elif self._blank and not self._parts[-1].endswith(" "):
                self._parts.append(" ")
        elif self._quoted:
            self._parts.append("> ")
        self._break, self._blank = 0, False
        self._parts.append(words)
        self._at_start = False

    def _apart(self, breaks: int) -> None:
        self._break = max(self._break, breaks)

    def _verbatim(self, node: LexborNode) -> None:
        words = (node.text() or "").strip("\r\n")
        if words:
            self._put(words)

    # -- links ------------------------------------------------------------------------------------

    def _anchor(self, node: LexborNode, named: frozenset[str]) -> None:
        words = BLANKS.sub(" ", node.text() or "").strip()
        url = web_link(attribute(node, "href"))
        if "hashtag" in named or "tag" in attribute(node, "rel").split() or words.startswith("#"):
            self.say(words)
        elif "mention" in named or (words.startswith("@") and words[1:].casefold() in self._mentions):
            self._mention(words, url)
        elif not url:
            self.say(words)
        else:
            self._link(words, url)

    def _mention(self, words: str, url: str) -> None:
        name = words.lstrip("@")
        handle = self._mentions.get(url) or self._mentions.get(name.casefold()) or name
        leads = self._at_start
        if self._parts and self._parts[-1].startswith("@"):
            self._blank = True  # two mentions in a row have one between them, also where the server writes none
        self._put(f"@{handle}")
        if leads:
            self.leading.append(handle)
            self._at_start = True

    def _link(self, words: str, url: str) -> None:
        self._put(url if not words or is_own_address(words, url) else f"{words} ({url})")
        if url not in self.links:
            self.links.append(url)


