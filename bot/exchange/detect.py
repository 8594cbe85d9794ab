"""Which of the formats a file is, by what stands in it: names of files say little.

Does not read the file: its beginning is enough.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from bot.exchange import mastodon_csv, x_archive
from bot.exchange.wanted import decoded

Format = Literal["json", "opml", "csv", "x", "handles"]
ENOUGH: Final = 64 * 1024
"""Bytes of a file that are looked at."""

_OURS: Final = re.compile(r'\s*\{\s*"keepcurrent"\s*:')
_JSON: Final = re.compile(r"\s*[\[{]")
_MARKUP: Final = re.compile(r"\s*<(?=[?!a-zA-Z])")
_OPML: Final = re.compile(r"<(?:\w{1,20}:)?opml\b", re.IGNORECASE)


def format_of(start: bytes) -> Format | None:
    """The format of a file that begins like this; None for one that is no list of authors."""
    text = decoded(start[:ENOUGH]).lstrip("\ufeff")
    if x_archive.START.match(text):
        return "x"
    if _OURS.match(text) or (_JSON.match(text) and '"keepcurrent"' in text):
        return "json"
    if _MARKUP.match(text):
        # A page of an address in angle brackets is a list all the same.
        return "opml" if _OPML.search(text) else ("handles" if re.match(r"\s*<https?:", text) else None)
    if _JSON.match(text) or "\0" in text:
        return None
    heading = text.lstrip().partition("\n")[0].partition(",")[0].strip(' \r"').casefold()
    return "csv" if heading == mastodon_csv.HEADINGS[0].casefold() else "handles"
