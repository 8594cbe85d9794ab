"""Whom an account of X follows, as the archive holds it that X lets one download (`data/following.js`).

There are only numbers in it, no names: each is an address for the source that can look such a number up.
"""

from __future__ import annotations

import json
import re
from typing import Final

from bot.exchange.wanted import Reading, Wanted, decoded, shown

START: Final = re.compile(r"\s*window\.YTD\.following\.part\d+\s*=\s*")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


def read(data: bytes) -> Reading:
    """Every number of the list."""
    text = decoded(data)
    start = START.match(text)
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start.end() if start else 0)
    except (ValueError, RecursionError) as error:
        return Reading(problems=(f"this is no whole following.js of an archive of X ({error})",))
    wanted: list[Wanted] = []
    problems: list[str] = []
    for place, item in enumerate(found if isinstance(found, list) else (found,), start=1):
        number = _number(item)
        if number:
            wanted.append(Wanted(address=f"fxtwitter:id:{number}", where=f"entry {place}"))
        else:
            problems.append(f"entry {place}: {shown(json.dumps(item)[:100])} names no account")
    return Reading(wanted=tuple(wanted), problems=tuple(problems))


def _number(item: object) -> str:
    following = item.get("following") if isinstance(item, dict) else None
    number = following.get("accountId") if isinstance(following, dict) else None
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else ""
