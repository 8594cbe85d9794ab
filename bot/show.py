"""What a person sees: tables and colour on a terminal, plain lines in a pipe, one JSON document on request.

Does not decide what is shown. Author text is made printable here, so that no escape sequence reaches a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from bot.redact import Redactor
from bot.text import clean, json_document


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at this stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


_quiet = False


def be_quiet() -> None:
    """Print only what was asked for and what went wrong, from now on."""
    global _quiet  # noqa: PLW0603 - the one switch of the one module that prints
    _quiet = True


_redact = Redactor(())


def hide(redact: Redactor) -> None:
    """Blot secrets out of what goes wrong, from now on: an error of somebody else's code may quote them."""
    global _redact  # noqa: PLW0603 - as above
    _redact = redact


def line(text: str = "") -> None:
    """One line on standard output that says what was done."""
    if not _quiet:
        answer(text)


def answer(text: str) -> None:
    """One line on standard output that was asked for."""
    sys.stdout.write(_on_one_line(text) + "\n")


def problem(text: str) -> None:
    """What went wrong, on standard error, each line with the program's name."""
    for part in printable(_redact(text)).split("\n"):
        sys.stderr.write(f"keepcurrent: {part}\n")


def note(text: str) -> None:
    """Something to know, on standard error, so that standard output stays what was asked for."""
    if not _quiet:
        sys.stderr.write(_on_one_line(text) + "\n")


def document(value: Mapping[str, object]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json_document(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table on a terminal; in a pipe a line per row, cells separated by tabs, without headings."""
    rows = [[_on_one_line(cell).replace("\t", " ") for cell in row] for row in rows]
    if not rows:
        note(empty)
    elif is_terminal(sys.stdout):
        _rich_table(headings, rows)
    else:
        sys.stdout.writelines("\t".join(row) + "\n" for row in rows)


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        grid.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    state = headings.index("state")
    for row in rows:
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "") if i == state else "") for i, cell in enumerate(row)))
    Console().print(grid)


_WHOLE = {"id", "published", "posts", "attempts", "source"}
"""Columns whose cells are copied by hand or mean nothing in pieces."""
_STYLES = {"dead": "red", "unknown": "yellow", "pending": "cyan", "sent": "green", "paused": "dim"}


@contextmanager
def progress(text: str) -> Iterator[None]:
    """A sign of life on a terminal while something takes its time."""
    if not is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(printable(text))):
        yield


def mark(ok: bool, text: str, stream: TextIO | None = None) -> None:
    """One result of a list of checks."""
    if ok and _quiet:
        return
    stream = stream or sys.stdout
    sign = "ok  " if ok else "FAIL"
    if is_terminal(stream) and not os.environ.get("NO_COLOR"):
        sign = f"\033[{'32' if ok else '31'}m{sign}\033[0m"
    stream.write(f"{sign} {_on_one_line(_redact(text))}\n")


def printable(text: str) -> str:
    """Text without what a terminal or a reader's eye would act on: `text.clean`."""
    return clean(text)


def _on_one_line(text: str) -> str:
    """The same, without line breaks: an author's would look like lines of ours."""
    return printable(text).replace("\n", " ")
