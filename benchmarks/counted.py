"""The program, with a count of what it does: bytes and fsyncs by kind of file, pages parsed, modules loaded.

    python -m benchmarks.counted FILE WORDS…

Runs `keepcurrent WORDS…` and writes the counts to FILE, as JSON. Slower than the program by itself: measures no time.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from bot import cli
from bot.stores.files import Files

counts: Counter[str] = Counter()
_names: dict[int, str] = {}


def kind_of(path: Path) -> str:
    """What a file of the data folder is: journal, snapshot, backup, archive or other."""
    if "archive" in path.parts:
        return "archive"
    if "backups" in path.parts:
        return "backup"
    if path.name.endswith(".journal"):
        return "journal"
    return "snapshot" if path.name.startswith("store.json") else "other"


class CountedFiles(Files):
    """The real file system, counted."""

    def open(self, path: Path, flags: int) -> int:
        """As it is."""
        fd = super().open(path, flags)
        _names[fd] = kind_of(path)
        return fd

    def write(self, fd: int, data: bytes) -> None:
        """Count the bytes."""
        counts[f"{_names[fd]} bytes"] += len(data)
        super().write(fd, data)

    def fsync(self, fd: int) -> None:
        """Count it."""
        counts[f"{_names[fd]} fsyncs"] += 1
        super().fsync(fd)


def _count_files() -> None:
    from bot.stores import tiny

    tiny.Files = CountedFiles  # type: ignore[attr-defined]


def _count_parses() -> None:
    from selectolax.lexbor import LexborHTMLParser

    from bot.sources import html

    parse = html.parse

    def counted(body: bytes) -> LexborHTMLParser:
        counts["parses"] += 1
        return parse(body)

    html.parse = counted


def main(target: Path, words: list[str]) -> int:
    """Run the program, then write what was counted."""
    _count_files()
    if words[0] == "poll":
        _count_parses()
    try:
        return cli.main(words)
    finally:
        target.write_text(json.dumps({**counts, "modules": sorted(sys.modules)}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
