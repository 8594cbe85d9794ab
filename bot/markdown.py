"""Text as Markdown that shows just that text: nothing in it acts. Pure.

Escapes by CommonMark, with strike-through, tables, formulas and spoilers besides. Knows no service's own dialect.
"""

from __future__ import annotations

import re

from bot.text import is_web_link, split_links

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#+-!|~&$^"})
_LIST = re.compile(r"^(\d{1,9})([.)])")
_UNDERLINE = re.compile(r"^(=)")


def literal(line: str) -> str:
    """A line of text. Blanks at its beginning, which would make code of it, go."""
    return _at_line_start(line.translate(_SPECIAL).lstrip())


def prose(text: str) -> str:
    """Lines of text in which web addresses are links, and nothing else is."""
    return "  \n".join(_line(line) if line else "" for line in text.split("\n"))


def link(url: str) -> str:
    """An address as a link that says where it leads; as words where it may not be one."""
    return f"<{url}>" if is_web_link(url) else literal(url)


def _line(line: str) -> str:
    pieces = (f"<{piece}>" if is_link else piece.translate(_SPECIAL) for piece, is_link in split_links(line))
    return _at_line_start("".join(pieces).lstrip())


def _at_line_start(line: str) -> str:
    """An escaped line that begins no list ("1." and "1)") and underlines no heading ("===")."""
    return _UNDERLINE.sub(r"\\\1", _LIST.sub(r"\1\\\2", line))
