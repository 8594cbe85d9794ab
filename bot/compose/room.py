"""How much of each thread is looked at, so that all of one message together hold nobody up. Pure.

Looks at the sizes of texts only. Decides nothing about what is told or how much of it fits; that is `fit`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.model import Post
from bot.text import ELLIPSIS

_SENTENCE_END = re.compile("[\n.!?…؟۔।॥።。！？｡]")
_WEIGHS = 40
"""A sentence costs its characters and this: 100 kB of "1. one" in lines took half a minute, of one word 8 ms."""


def fair_share(sizes: Sequence[int], room: int) -> int:
    """The size to which all must be cut to have `room` together; those that are smaller leave theirs to the others."""
    for taken, size in enumerate(sorted(sizes)):
        if size * (len(sizes) - taken) > room:
            return room // (len(sizes) - taken)
        room -= size
    return max(sizes, default=room)


def weight(posts: Sequence[Post], most: int) -> int:
    """What it costs to sum up posts; no more than `most` is found out."""
    total = 0
    for post in posts:
        text = post.text[: most - total]
        total += len(text) + _WEIGHS * len(_SENTENCE_END.findall(text))
        if total >= most:
            return most
    return total


def within(posts: Sequence[Post], room: int) -> Iterator[Post]:
    """The posts as far as their weight has room, the last one cut."""
    for post in posts:
        fits = _fits(post.text, room)
        yield post if fits >= len(post.text) else replace(post, text=f"{post.text[:fits]}{ELLIPSIS}")
        room -= weight((post,), room)
        if room <= 0:
            return


def _fits(text: str, room: int) -> int:
    """How many characters of a text have room."""
    ends = 0
    for ends, end in enumerate(_SENTENCE_END.finditer(text[:room]), 1):
        if end.end() + _WEIGHS * ends > room:
            return end.end()
    return max(room - _WEIGHS * ends, 0) if len(text) + _WEIGHS * ends > room else len(text)
