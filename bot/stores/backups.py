"""Dated copies of the whole store, and what to tell a person who needs one.

`backups/store-2026-11-24.json` is the store of that day; `store-2026-11-24.schema-1.json` is the store as it was
before a migration. Each is complete without a journal, and opens once it is put in the store's place.

Which stay, of each of the two kinds: the 7 newest; none older than 30 days, except the newest. Those dated in the
future, which a wrong clock made or makes of all of them, count by themselves, so that no clock removes the others.

Never puts a backup in the store's place: that is for a person to do. Does not ask the clock.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bot.errors import StoreError
from bot.stores.files import Files
from bot.stores.records import is_last, load
from bot.stores.snapshot import Meta, Texts, previous, read_snapshot, write_snapshot

KEPT = 7
OLDEST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One dated copy. `kind` is "" for the daily ones."""

    path: Path
    day: date
    kind: str


def place(store: Path, day: date, kind: str = "") -> Path:
    """Where the backup of that day is."""
    return _folder(store) / f"{store.stem}-{day}{kind and f'.{kind}'}{store.suffix}"


def _folder(store: Path) -> Path:
    return store.parent / "backups"


def backups(store: Path) -> list[Backup]:
    """The backups that are there, the newest first."""
    form = re.compile(rf"{re.escape(store.stem)}-(\d{{4}}-\d\d-\d\d)(?:\.([\w-]+))?{re.escape(store.suffix)}")
    found = []
    for path in _folder(store).glob(f"{store.stem}-*{store.suffix}"):
        match = form.fullmatch(path.name)
        day = _day(match[1]) if match else None
        if match and day:
            found.append(Backup(path=path, day=day, kind=match[2] or ""))
    # Of one day, the one before a migration is the older one.
    return sorted(found, key=lambda backup: (backup.day, not backup.kind, backup.path.name), reverse=True)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def superfluous(newest_first: Iterable[Backup], today: date) -> Iterator[Backup]:
    """Those that need not be kept any longer."""
    groups: dict[tuple[str, bool], list[Backup]] = defaultdict(list)
    for backup in newest_first:
        groups[backup.kind, backup.day > today].append(backup)
    for group in groups.values():
        yield from (b for place, b in enumerate(group) if place >= KEPT or (place and today - b.day > OLDEST))


def write_backup(files: Files, target: Path, meta: Meta, tables: Texts, size: int) -> None:
    """Write one, whole or not at all. Raises `OSError`, also where it (about `size` bytes) would take the last room."""
    files.make_folder(target.parent)
    if files.room(target.parent) < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    alone = Meta(schema=meta.schema, generation=meta.generation, seq=meta.seq, alone=True)
    write_snapshot(files, target, alone, tables)


def forget_old(files: Files, store: Path, today: date) -> None:
    """Remove what is superfluous. Raises `OSError`."""
    for backup in superfluous(backups(store), today):
        files.unlink(backup.path)


# -- the way on ---------------------------------------------------------------------------------------------


def way_on(files: Files, store: Path, schema: int) -> str:
    """How a person goes on with a store that cannot be read: one way a line, each with its command, the best first."""
    ways = [*_by_previous(files, store, schema), *by_backup(files, store, schema)]
    if not ways:
        ways = [f"Restore the folder {store.parent} from a backup of your own."]
    fresh = f"To begin anew instead, move {store.parent} away; each author's present threads are then taken as known."
    return "\n".join([*ways, fresh])


def _by_previous(files: Files, store: Path, schema: int) -> Iterator[str]:
    copy = previous(store)
    try:
        found = load(files, store, schema, snapshot=copy)
        if found.meta.alone or not is_last(files, store, found):
            return
    except (StoreError, OSError):
        return
    yield (
        "The generation before it, with the journals beside it, is complete; nothing is lost with it: "
        f"mv {_quoted(copy)} {_quoted(store)}"
    )


def by_backup(files: Files, store: Path, schema: int) -> Iterator[str]:
    """The newest backup that can be read, with the command that puts it in place; the unreadable file is kept."""
    for backup in backups(store):
        try:
            read_snapshot(files, backup.path, schema)
        except (StoreError, OSError):
            continue
        aside = f"mv {_quoted(store)} {_quoted(store.with_name(f'{store.name}.damaged'))}; " if store.exists() else ""
        yield (
            f"The newest backup that can be read is of {backup.day}; threads that were announced after it was made are "
            f"announced once more with it: {aside}cp {_quoted(backup.path)} {_quoted(store)}"
        )
        return


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
