"""What `threads --search` finds: all words of a text, in any letter case and width, and the line to show.

Words are found anywhere, also inside others, so that a script without spaces can be searched. Pure: does not know
where threads are kept, and does not clean what it found: whoever shows it does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.model import Entry, Found
from bot.text import ELLIPSIS, joined, shorten

SHOWN = 160
"""How long the line of a result is at most, in characters."""
BEFORE = 50
"""How much of it stands before the match."""
WINDOW = 4_000
"""How much of a line is folded at once to find the place of a match: twenty times a megabyte took eight seconds."""

_PARTS = re.compile(r'"([^"]*+)"|([^\s"]++)')
_HEAP = re.compile(r"[^\w\x00-\u02ff]{32,}+")
"""Marks on one letter without end, or signs of other kinds. Python sorts such marks one by one: 80,000 took 12 s."""
_FAR = re.compile("[\u0300-\U0010ffff]{32}")
"""What holds a heap holds this, and most texts do not: known ten times faster."""


def needles(text: str) -> tuple[str, ...]:
    """The words and "quoted phrases" of a text, each once, folded; empty where there is nothing to find."""
    parts = (fold(quoted or word) for quoted, word in _PARTS.findall(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def fold(text: str) -> str:
    """`text` as it is compared: without differences of letter case, width and white space."""
    if _FAR.search(text):
        text = _HEAP.sub(_without_marks, text)
    # Twice, as Unicode says (D146): casefold can undo a normal form ("ǰ" in capitals).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _without_marks(heap: re.Match[str]) -> str:
    return "".join(char for char in heap[0] if not unicodedata.combining(char))


def found(entry: Entry, wanted: tuple[str, ...]) -> Found | None:
    """The thread, with the line that shows best why; None unless it holds all of `wanted`."""
    held = {text: _held(text, wanted) for text in _texts(entry)}
    if {needle for needles in held.values() for needle in needles} != set(wanted):
        return None
    texts = [text for text, needles in held.items() if needles]
    return Found(entry=replace(entry, posts=()), posts=len(entry.posts), line=excerpt(texts, wanted))


def _texts(entry: Entry) -> Iterator[str]:
    """Where words are looked for. A post's text comes first, as it tells more than the title that was made of it."""
    yield from (post.text for post in entry.posts)
    yield entry.title
    yield entry.author.label


def excerpt(texts: Sequence[str], wanted: tuple[str, ...]) -> str:
    """The first line that holds most of `wanted`, cut; where only a phrase over several lines does, those."""
    lines = (line for text in texts for line in text.split("\n"))
    line = max(lines, key=lambda line: len(_held(line, wanted)))
    if not _held(line, wanted):
        line = texts[0]
    return _round(" ".join(line.split()), _held(line, wanted)[0])


def _held(text: str, wanted: tuple[str, ...]) -> list[str]:
    folded = fold(text)
    return [needle for needle in wanted if needle in folded]


def _round(line: str, needle: str) -> str:
    if len(line) <= SHOWN:
        return line
    start = max(0, _place(line, needle) - BEFORE)
    if start == 0:
        return shorten(line, SHOWN)
    start = _word_start(line, start)
    return ELLIPSIS + shorten(line[start:], SHOWN - len(ELLIPSIS))


def _place(line: str, needle: str) -> int:
    """About where `needle` begins; 0 if that cannot be told."""
    for start in range(0, len(line), WINDOW):
        piece = line[start : start + WINDOW + 2 * len(needle)]
        if needle in fold(piece):
            return start + max(0, _end(piece, needle) - len(needle))
    return 0


def _end(piece: str, needle: str) -> int:
    """Where `needle` ends. Folded text has other lengths, so the shortest beginning that holds it is searched for."""
    low, high = 0, len(piece)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if needle in fold(piece[:middle]) else (middle + 1, high)
    return low


def _word_start(line: str, start: int) -> int:
    blank = line.find(" ", start, start + BEFORE // 2)
    start = start if blank < 0 else blank + 1
    while joined(line, start):
        start += 1
    return start
