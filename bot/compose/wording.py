"""Words of ours that more than one part of a notice uses, and how the author's are kept from ringing. Pure.

Never decides what is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from bot.model import Author, Post
from bot.text import ELLIPSIS, is_web_link, one_line, shorten, split_links

LONGEST_NAME = 80
LONGEST_TITLE = 300
LONGEST_LINE = 400


def isolated(text: str) -> str:
    """A piece of foreign text inside a line of ours: Arabic or Hebrew in it turns nothing that stands round it."""
    return f"\u2068{text}\u2069" if any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text) else text


def clipped(post: Post, most: int) -> Post:
    """A post with no more of its words than can matter where there is room for `most`: one may have megabytes."""
    return post if len(post.text) <= 4 * most else replace(post, text=f"{post.text[: 4 * most]}{ELLIPSIS}")


class Tamer:
    """Breaks the words that ring: U+200B after their first character, and percent-encoding inside links."""

    def __init__(self, pings: Iterable[str]) -> None:
        words = [re.escape(word) for word in pings if word]
        # A look-ahead, so that words that overlap are all broken.
        self._bell = re.compile(f"(?=(?:{'|'.join(words)}))(.)", re.IGNORECASE | re.DOTALL) if words else None

    def __call__(self, text: str) -> str:
        """`text` with its words broken and its links still whole."""
        bell = self._bell
        if bell is None or not bell.search(text):
            return text
        return "".join(
            self.link(piece) if is_link else bell.sub("\\1\u200b", piece) for piece, is_link in split_links(text)
        )

    def link(self, url: str) -> str:
        """`url` if it may be linked, "" otherwise."""
        if not is_web_link(url):
            return ""
        return self._bell.sub(lambda found: f"%{ord(found[1]):02X}", url) if self._bell else url

    def line(self, text: str, longest: int) -> str:
        """`text` on one line, at most that long before its words are broken."""
        return self(shorten(one_line(text[: 20 * longest]), longest))

    def name(self, author: Author) -> str:
        """What people call an author."""
        return self.line(author.name, LONGEST_NAME) or self.line(author.label, LONGEST_NAME)

    def label(self, author: Author) -> str:
        """An author's name with the handle, each isolated: behind an Arabic name `@omar` would read as `omar@`."""
        if not author.label.endswith(f" (@{author.handle})"):
            return isolated(self.line(author.label, LONGEST_NAME))
        name, handle = self.line(author.name, LONGEST_NAME), self.line(f"@{author.handle}", LONGEST_NAME)
        return f"{isolated(name)} ({isolated(handle)})"
