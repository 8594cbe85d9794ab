"""A plain list: one address a line. Blank lines, and what follows a "#", are for people.

Does not say whether an address means anything: that is the sources' to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bot.exchange.wanted import LONGEST, Reading, Wanted, decoded, shown
from bot.text import clean

_COMMENT: Final = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_ACCOUNT: Final = re.compile(r"[\w.-]{1,100}@[\w-]+(?:\.[\w-]+)+(?::\d+)?")
_ADDRESS: Final = re.compile(rf"[@\w]\S{{0,{LONGEST - 1}}}")


def read(data: bytes) -> Reading:
    """Every address of the list."""
    wanted: list[Wanted] = []
    problems: list[str] = []
    for number, line in enumerate(decoded(data).splitlines(), start=1):
        where = f"line {number}"
        address = _address(line)
        if address and _ADDRESS.fullmatch(address):
            wanted.append(Wanted(address=address, where=where))
        elif address:
            problems.append(f"{where}: {shown(address)} is no address")
    return Reading(wanted=tuple(wanted), problems=tuple(problems))


def _address(line: str) -> str:
    if len(line) > LONGEST:
        return line
    address = _COMMENT.sub("", clean(line)).strip().strip("<>,;").strip()
    # As Mastodon writes an account; without the first "@" it may be anybody's mail address.
    return f"@{address}" if _ACCOUNT.fullmatch(address) else address


def write(authors: Iterable[tuple[str, str]]) -> str:
    """The list of these authors: each with an address, and what people call it."""
    return "".join(f"{address}  # {_name(name)}\n" if name else f"{address}\n" for address, name in authors)


def _name(name: str) -> str:
    return " ".join(clean(name).split())
