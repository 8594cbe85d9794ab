"""Mastodon's own list of whom an account follows (`following_accounts.csv`), as every server of that kind takes it.

Reads the addresses; what else stands there (boosts, languages) has no meaning here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

from bot.exchange.wanted import Reading, Wanted, decoded, shown

HEADINGS: Final = ("Account address", "Show boosts", "Notify on new posts", "Languages")
_ACCOUNT: Final = re.compile(r"@?([\w.-]{1,100}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,20}(?::\d{1,5})?)")


def read(data: bytes) -> Reading:
    """Every account of the list."""
    wanted: list[Wanted] = []
    problems: list[str] = []
    rows = csv.reader(io.StringIO(decoded(data).replace("\0", ""), newline=""))
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(f"line {rows.line_num}: cannot be read ({error})")
            continue
        _take(row, f"line {rows.line_num}", wanted, problems)
    return Reading(wanted=tuple(wanted), problems=tuple(problems))


def _take(row: list[str], where: str, wanted: list[Wanted], problems: list[str]) -> None:
    first = row[0].strip() if row else ""
    if not first or first.casefold() == HEADINGS[0].casefold():
        return
    account = _ACCOUNT.fullmatch(first)
    if account:
        wanted.append(Wanted(address=f"@{account[1]}", where=where))
    else:
        problems.append(f"{where}: {shown(first)} is no account like user@example.org")


def write(accounts: Iterable[str]) -> str:
    """The list of these accounts, each `user@host`."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADINGS)
    rows.writerows((account, "true", "false", "") for account in accounts)
    return text.getvalue()
