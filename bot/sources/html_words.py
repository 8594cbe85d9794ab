"""Pure: what readers of a post's HTML have in common: elements' attributes, and the walk through a tree.

Knows no site, and decides nothing about what is written down.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final

from selectolax.lexbor import LexborNode

BLANK: Final = " \t\r\n\f"
"""White space of HTML; what else Unicode calls so is the author's."""
# Possessive: without it, 40 kB of blanks took 10 s.
BLANKS: Final = re.compile(r"[ \t\r\n\f]++")
_DEEPEST: Final = 60
_NO_CLASSES: Final[frozenset[str]] = frozenset()
_SHOWN_SCHEME = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)


def classes(node: LexborNode) -> frozenset[str]:
    """The classes of an element."""
    named = node.attributes.get("class")
    return frozenset(named.split()) if named else _NO_CLASSES


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's value, "" if it is missing or has none."""
    return (node.attributes.get(name) or "").strip()


def is_own_address(words: str, url: str) -> bool:
    """Whether an anchor's words are its own address, whole or shortened: then no class is needed to know a link."""
    words = words.strip(BLANK)
    if "." not in words or " " in words:
        return False
    bare = _SHOWN_SCHEME.sub("", words.rstrip("…").removesuffix("..."))
    return "." in bare and bare.casefold() in url.casefold()


class Walker(ABC):
    """Goes through a tree in its order, piece by piece."""

    def children(self, node: LexborNode, depth: int) -> None:
        """Read what stands in an element; what is nested too deeply for Python is read as text."""
        if depth > _DEEPEST:
            self.say(node.text())
            return
        for child in node.iter(include_text=True):
            words = child.text_content
            if words is not None:
                self.say(words)
            elif not child.is_text_node:
                self.element(child, depth + 1)

    @abstractmethod
    def say(self, words: str) -> None:
        """A text of the tree."""

    @abstractmethod
    def element(self, node: LexborNode, depth: int) -> None:
        """An element, which calls `children` for what is in it."""
