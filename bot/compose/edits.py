"""What of a post was reworded: its new words and its old ones, of a long post the changed part alone. Pure.

Does not decide which posts were edited; that is `growth`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from bot.text import ELLIPSIS, clean, shorten

_SHOWN_WHOLE = 160
"""A post as short as that is read faster than the places are found where something is left out."""
_AROUND = 12
"""How many words and blanks stand on each side of a change: about six words, as search engines show."""
_LONGEST_OLD = 1_000
"""What a post said is told to compare, not to be read whole."""
_PIECE = re.compile(r"\s+|\S+")


def reworded(old: str, new: str) -> tuple[str, str]:
    """How a post read before and how it reads now, with "…" where both say the same; the old is "" if they agree."""
    if old == new:
        return "", new
    if max(len(old), len(new)) > _SHOWN_WHOLE:
        old, new = _changed_parts(_PIECE.findall(old), _PIECE.findall(new))
    return shorten(old, _LONGEST_OLD), new


def _changed_parts(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    first = max(_alike(old, new) - _AROUND, 0)
    last = _alike(old[first:][::-1], new[first:][::-1]) - _AROUND
    return _part(old, first, len(old) - max(last, 0)), _part(new, first, len(new) - max(last, 0))


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """With how many pieces both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _part(pieces: Sequence[str], first: int, end: int) -> str:
    before, after = ELLIPSIS if first else "", ELLIPSIS if end < len(pieces) else ""
    # Clean again: a direction change may have lost its partner.
    return f"{before}{clean(''.join(pieces[first:end])).strip()}{after}"
