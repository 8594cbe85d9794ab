"""A child process for the kill tests: commits as fast as it can and says what was confirmed. Never ends by itself.

`crash_journal.py FOLDER START`: commit n puts n into two tables; the line "n" is printed once it is durable.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from bot.stores.journal import JournalStorage
from bot.stores.table import Database


def main(folder: Path, start: int) -> None:
    # The limit is small, so that kills fall into the writing of snapshots too.
    db = Database(folder / "store.json", limit=3_000)
    storage = db.storage
    assert isinstance(storage, JournalStorage)
    for n in count(start):
        with storage.batch():
            db.table("a").put(f"{n % 50}", {"n": n, "text": "x" * (n % 400)})
            db.table("b").put("last", {"n": n})
            db.table("c").delete(f"{n - 1}")
            db.table("c").put(f"{n}", {})
        os.write(1, f"{n}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
