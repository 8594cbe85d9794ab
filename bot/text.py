"""Pure text work that more than one module needs: cleaning, titles, cutting. One owner for each of these rules.

Knows nothing of channels and their escapes; that is `compose`.
"""

from __future__ import annotations


def title_of(text: str, limit: int = 100) -> str:
    """The first sentence of `text` on one line, cut between words and never inside a link, at most `limit` long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rsplit(" ", 1)[0] + "…"
