"""Everything that this program knows, as one JSON document: read and written piece by piece, however large it is.

`{"keepcurrent": 1, "about": {…}, "feeds": {ID: document, …}, …}`, one document a line, so that no more than one is in
memory; whoever rewrote the file in another spelling has it read whole. Does not know what the documents mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from bot.errors import Unreadable
from bot.model import Record

VERSION: Final = 1
START: Final = f'{{"keepcurrent":{VERSION}'


def spelled(value: object) -> str:
    """As one line; any character but ASCII as an escape, so that the file is the same in every encoding."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class Writer:
    """The file, in the pieces in which records come. Those of one table follow each other."""

    def __init__(self) -> None:
        self._table = ""

    def piece(self, record: Record) -> str:
        """What the file goes on with."""
        line = f"{spelled(record.id)}:{spelled(record.body)}"
        if record.table == self._table:
            return f",\n{line}"
        before, self._table = self._table, record.table
        return f"{self._closed(before)},\n{spelled(record.table)}:{{\n{line}"

    def end(self) -> str:
        """What the file ends with: without it, it is not whole."""
        return f"{self._closed(self._table)}}}\n"

    @staticmethod
    def _closed(table: str) -> str:
        return "\n}" if table else START


def read(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a file. Raises `Unreadable` where it is damaged, cut, or of another kind."""
    lines = iter(lines)
    first = next(lines, "")
    if first.rstrip("\r\n") == f"{START},":
        yield from _by_line(lines)
    else:
        yield from _by_value(_parsed("".join(chain((first,), lines))))


def _by_line(lines: Iterator[str]) -> Iterator[Record]:
    table, ended = "", False
    for number, line in enumerate(lines, start=2):
        text = line.strip()
        if ended and text:
            raise Unreadable(f"line {number}: there is more after the end")
        if text.endswith(":{") and not table:
            table = _name(text[:-2], number)
        elif table and text in ("}", "},", "}}"):
            table, ended = "", text == "}}"
        elif table:
            ((name, body),) = _pair(text.removesuffix(","), number).items()
            yield Record(table=table, id=name, body=body)
        elif text:
            raise Unreadable(f"line {number}: this is not what keepcurrent wrote")
    if not ended:
        raise Unreadable("it is cut: its end is missing. Copy the file again, or export again")


def _name(text: str, number: int) -> str:
    try:
        name = json.loads(text)
    except (ValueError, RecursionError):
        name = None
    if not isinstance(name, str) or not name:
        raise Unreadable(f"line {number}: this is not what keepcurrent wrote")
    return name


def _pair(text: str, number: int) -> dict[str, Mapping[str, Any]]:
    try:
        pair = json.loads(f"{{{text}}}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"line {number} is damaged ({error})") from None
    if not isinstance(pair, dict) or len(pair) != 1 or not all(isinstance(body, dict) for body in pair.values()):
        raise Unreadable(f"line {number}: this is not what keepcurrent wrote")
    return pair


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no whole JSON document ({error})") from None
    if not isinstance(found, dict) or "keepcurrent" not in found:
        raise Unreadable("it is JSON, but not what keepcurrent exports")
    if found["keepcurrent"] != VERSION:
        raise Unreadable(f"it was exported by a newer version (its form is {found['keepcurrent']!r}): install that one")
    return found


def _by_value(found: Mapping[str, Any]) -> Iterator[Record]:
    for table, documents in found.items():
        if table == "keepcurrent":
            continue
        if not isinstance(documents, dict) or not all(isinstance(body, dict) for body in documents.values()):
            raise Unreadable(f'"{table}" is not what keepcurrent wrote')
        for name, body in documents.items():
            yield Record(table=table, id=name, body=body)
