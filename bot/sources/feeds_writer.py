"""Pure: words, breaks, lists and margins, put together to plain text as a browser would show it.

Knows no HTML; that is `feeds_text`.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

_BLANK: Final = " \t\r\n\f"
# Possessive: without it, 40 kB of blanks took 10 s.
_BLANKS = re.compile(r"[ \t\r\n\f]++")
_MOST_BREAKS: Final = 3


class Writer:
    """Puts words, breaks and margins together to plain text."""

    def __init__(self) -> None:
        self.keeps_blanks = 0
        self._parts: list[str] = []
        self._breaks = 0
        self._margins: list[str] = []
        self._lists: list[int] = []
        self._mark = ""
        self._margin_above = ""
        self._eats_blank = True

    def text(self) -> str:
        """Everything so far."""
        return "".join(self._parts).rstrip(_BLANK)

    def say(self, words: str) -> None:
        """Add text as a browser shows it: any run of blanks is one, and none stands at a line's beginning."""
        if self.keeps_blanks:
            self._say_as_it_is(words)
            return
        words = _BLANKS.sub(" ", words)
        if self._eats_blank or self._breaks:
            words = words.lstrip(_BLANK)
        if words:
            self._put(words)
            self._eats_blank = words.endswith(" ")

    def _say_as_it_is(self, words: str) -> None:
        first, *rest = words.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if first:
            self._put(first)
        for line in rest:
            self.break_line()
            if line:
                self._put(line)

    def _put(self, words: str) -> None:
        if self._breaks:
            self._begin_line()
        elif not self._parts:
            self._parts.append(self._margin())
        self._parts.append(words)

    def _begin_line(self) -> None:
        if self._parts:
            while self._parts[-1].isspace() and "\n" not in self._parts[-1]:
                self._parts.pop()
            self._parts[-1] = self._parts[-1].rstrip(" ")
            both = takewhile(
                lambda pair: pair[0] == pair[1], zip("".join(self._margins), self._margin_above, strict=False)
            )
            empty = "".join(one for one, _ in both).rstrip()
            self._parts.append("\n" + f"{empty}\n" * (min(self._breaks, _MOST_BREAKS) - 1))
        self._parts.append(self._margin())
        self._breaks = 0

    def _margin(self) -> str:
        mark, self._mark = self._mark, ""
        margin = self._margin_above = "".join(self._margins)
        return margin[: len(margin) - len(mark)] + mark if mark else margin

    def break_line(self) -> None:
        """A line break that the author made; several of them are that many."""
        self._breaks += 1
        self._eats_blank = True

    def separate(self, mark: str) -> None:
        """Put `mark` between what stands on a line and what follows on it."""
        if self._parts and not self._breaks:
            self._put(mark.lstrip() if self._parts[-1].endswith(" ") else mark)
            self._eats_blank = True

    def part(self, lines: int) -> None:
        """What follows begins on another line, or, with 2, after an empty one. Lists have none."""
        lines = 1 if self._lists else lines
        if self._parts or self._breaks:
            self._breaks = max(self._breaks, lines)
        self._eats_blank = True

    def open_margin(self, margin: str) -> None:
        """What follows stands behind `margin`, line by line."""
        self._margins.append(margin)

    def close_margin(self) -> None:
        """The margin opened last ends."""
        self._margins.pop()

    def open_list(self, *, numbered: bool, start: str) -> None:
        """A list begins: with numbers from `start`, or with dashes."""
        first = int(start) if re.fullmatch(r"[0-9]{1,5}", start) else 1
        self._lists.append(first if numbered else -1)

    def close_list(self) -> None:
        """The list opened last ends."""
        self._lists.pop()

    def open_item(self) -> None:
        """The next point of the list."""
        number = self._lists[-1] if self._lists else -1
        mark = f"{number}. " if number >= 0 else "- "
        if self._lists and number >= 0:
            self._lists[-1] += 1
        self.open_margin(" " * len(mark))
        self._mark = mark

    def close_item(self) -> None:
        """The point ends; one of which nothing was said leaves no mark."""
        self._mark = ""
        self.close_margin()
