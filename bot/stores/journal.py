"""TinyDB on an append-only journal: a commit costs what it changes, and survives being killed at any byte.

`store.json` is a snapshot (see `snapshot`), `store.N.journal` holds every commit since snapshot N, one line each.
A commit is one appended line and one fsync. When the journals have grown larger than the snapshot, journal N+1 is
begun, then snapshot N+1 is written, then what is older than snapshot N is removed. Whichever snapshot is found at
start, the journals from its number on are replayed in order, so no step of this can be cut short with harm.

Plugged in by TinyDB's own hook, `TinyDB(path, storage=JournalStorage)`; `table` has the other half.
Does not lock: one writer at a time is the caller's promise. Any number of readers may open with `read_only`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tinydb.storages import Storage

from bot.errors import SchemaTooNew, StoreError, StoreReadOnly
from bot.stores import backups
from bot.stores.files import Files, reason, removed
from bot.stores.records import (
    Journal,
    Loaded,
    changed_part,
    generations,
    holds_changes,
    journal_path,
    load,
    load_live,
    unwritable,
)
from bot.stores.snapshot import META, Damaged, Meta, Texts, damaged, encode, previous, write_snapshot

log = logging.getLogger(__name__)

LIMIT = 4 * 1024 * 1024
"""Journals smaller than this, in bytes, never cause a new snapshot while the store is open."""

Observer = Callable[[str, str, str | None, str | None], None]
"""Told of every change: table, document id, its text before and after (None: not there)."""

Migration = Callable[[dict[str, dict[str, dict[str, Any]]]], None]
"""Changes plain tables in place, from one schema to the next."""


class Documents(Mapping[str, dict[str, Any]]):
    """A table as TinyDB reads it. Each look at a document decodes it afresh, so nothing can alias the store.

    Texts instead of dicts also take less than half of the memory.
    """

    __slots__ = ("texts",)

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def __getitem__(self, doc_id: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.texts[doc_id])
        return document

    def __contains__(self, doc_id: object) -> bool:
        return doc_id in self.texts

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of an open batch. A `doc_id` of None is the whole table, dropped: `dropped` is what it held."""

    table: str
    doc_id: str | None
    before: str | None = None
    after: str | None = None
    dropped: dict[str, str] | None = None

    def record(self) -> str:
        """Its part of the journal's record."""
        if self.doc_id is None:
            return f"[{encode(self.table)}]"
        place = f"{encode(self.table)},{encode(self.doc_id)}"
        if self.after is None:
            return f"[{place}]"
        part = None if self.before is None else changed_part(self.before, self.after)
        return f"[{place},{self.after}]" if part is None else f"[{place},{part},0]"


class JournalStorage(Storage):
    """A TinyDB storage whose commits are durable, atomic over all tables, and cost what they change.

    `schema` is the one that the caller writes, `migrations[n]` leads from n to n + 1. A snapshot is due once the
    journals exceed `limit` bytes and the snapshot. Opening raises `StoreError` (`SchemaTooNew`, `StoreReadOnly`)
    for whatever is there and cannot be read: only a file that is truly absent is a new store.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        read_only: bool = False,
        schema: int = 1,
        migrations: Mapping[int, Migration] | None = None,
        limit: int = LIMIT,
        files: Files | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._schema = schema
        self._migrations = migrations or {}
        self._limit = limit
        self._files = files or Files()
        self._observer = observer or (lambda *_: None)
        self._open_changes: list[_Change] = []
        self._depth = 0
        self._closed = False
        self._tables: Texts = {}
        self._generation = self._kept = 1
        self._snapshot_size = self._journals_size = 0
        self._next_compaction = limit
        self._snapshot: tuple[int, int] | None = None
        self._not_backed_up: date | None = None
        self._journal: Journal
        self._open()
        for name, table in self._tables.items():
            for doc_id, text in table.items():
                self._observer(name, doc_id, None, text)

    # -- as TinyDB wants it -----------------------------------------------------------------------

    def read(self) -> dict[str, Any]:
        """Every table, to look at; changes to the outer dict do not touch the store."""
        return {name: Documents(table) for name, table in self._tables.items()}

    def write(self, data: Mapping[str, Mapping[Any, Any]]) -> None:
        """Make the store hold exactly these tables. Costs what the store holds; tables write by `change`."""
        with self.batch():
            for name in [name for name in self._tables if name not in data]:
                self._record(_Change(name, None, dropped=self._tables[name]))
            for name, table in data.items():
                self._overwrite(name, table)

    def _overwrite(self, name: str, table: Mapping[Any, Any]) -> None:
        stored = self.texts(name)
        if isinstance(table, Documents) and table.texts is stored:
            return
        wanted = {str(doc_id): encode(document) for doc_id, document in table.items()}
        gone = [(doc_id, None) for doc_id in stored if doc_id not in wanted]
        self.change(name, [*gone, *wanted.items()])

    def close(self) -> None:
        """Leave a snapshot that any TinyDB can open, where that is cheap, and give the files back. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self.read_only:
            return
        if self._journals_size > 0 and self._is_worth_it():
            self._try_to_compact()
        self._journal.close()

    def _is_worth_it(self) -> bool:
        # A large store that a timer opens for one small commit must not be written whole each time.
        return self._snapshot_size <= LIMIT // 4 or self._journals_size * 2 > self._snapshot_size

    # -- commits ----------------------------------------------------------------------------------

    def texts(self, table: str) -> dict[str, str]:
        """The documents of a table as JSON text, by id; to look at only."""
        return self._tables.get(table, {})

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make one commit of all that is written inside; an exception undoes it, also in memory.

        A batch inside a batch undoes only its own part, and is saved with the outer one. Raises `StoreError`.
        The order of documents within a table is the one thing that undoing a removal does not bring back.
        """
        self._check_writable()
        mark = len(self._open_changes)
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._commit()
        except BaseException:
            self._undo(mark)
            raise
        finally:
            self._depth -= 1

    def change(self, table: str, changes: Iterable[tuple[str, str | None]]) -> None:
        """Set documents (id, JSON text as `encode` spells it) or remove them (id, None)."""
        if table == META:
            raise ValueError(f'"{META}" is the storage\'s own table')
        with self.batch():
            for doc_id, after in changes:
                before = self.texts(table).get(doc_id)
                if before != after:
                    self._record(_Change(table, doc_id, before, after))

    def _check_writable(self) -> None:
        if self.read_only:
            raise StoreReadOnly(f"{self.path} was opened for reading only")
        if self._closed:
            raise StoreError(f"{self.path} is closed")

    def _commit(self) -> None:
        if not self._open_changes:
            return
        size = self._journal.size
        self._journal.append(f"[{','.join(change.record() for change in self._open_changes)}]")
        # From here on nothing may fail: the commit is on the disk.
        self._open_changes.clear()
        self._journals_size += self._journal.size - size
        if self._journals_size > self._next_compaction:
            self._try_to_compact()

    def _record(self, change: _Change) -> None:
        self._open_changes.append(change)
        self._do(change.table, change.doc_id, change.before, change.after, None)

    def _undo(self, mark: int) -> None:
        while len(self._open_changes) > mark:
            change = self._open_changes.pop()
            self._do(change.table, change.doc_id, change.after, change.before, change.dropped)

    def _do(
        self, table: str, doc_id: str | None, before: str | None, after: str | None, restored: dict[str, str] | None
    ) -> None:
        """Bring the memory from `before` to `after`, forwards or backwards, and tell the observer."""
        if doc_id is None:
            self._do_table(table, restored)
            return
        texts = self._tables.setdefault(table, {})
        if after is None:
            texts.pop(doc_id, None)
        else:
            texts[doc_id] = after
        self._observer(table, doc_id, before, after)

    def _do_table(self, table: str, restored: dict[str, str] | None) -> None:
        for doc_id, text in self._tables.pop(table, {}).items():
            self._observer(table, doc_id, text, None)
        if restored is not None:
            self._tables[table] = restored
            for doc_id, text in restored.items():
                self._observer(table, doc_id, None, text)

    # -- snapshots --------------------------------------------------------------------------------

    def compact(self) -> None:
        """Write a new snapshot and begin a new journal. Raises `StoreError`; the store is then as good as before."""
        self._check_writable()
        try:
            self._compact()
        except OSError as e:
            raise unwritable(self.path, e) from e

    def _try_to_compact(self) -> None:
        try:
            self._compact()
        except (OSError, StoreError) as e:
            log.warning("%s: no new snapshot (%s); the journal goes on and it is tried again later", self.path, e)
            self._next_compaction = self._journals_size + max(self._limit, self._snapshot_size)

    def _compact(self) -> None:
        self._begin_journal()
        self._write_snapshot()

    def _write_snapshot(self, *, keep_previous: bool = True) -> None:
        """Write the snapshot that the present journal goes on from. Raises `OSError`."""
        if keep_previous:
            self._keep_previous()
        meta = self._meta()
        try:
            self._snapshot_size = write_snapshot(self._files, self.path, meta, self._tables)
        finally:
            # Also where it failed: if only the last step did, the new file is in place.
            self._snapshot = self._files.print_of(self.path)
        self._kept, self._generation = self._generation, meta.generation
        self._journals_size = 0
        self._next_compaction = max(self._limit, self._snapshot_size)
        self._remove_old()

    def _meta(self) -> Meta:
        return Meta(schema=self._schema, generation=self._journal.generation, seq=self._journal.seq)

    def _begin_journal(self) -> None:
        """Send the commits from now on to the next journal; both are replayed until its snapshot is there."""
        self.check_in_place()
        old = self._journal
        old.mend()
        generation = old.generation + 1
        new = Journal(self._files, journal_path(self.path, generation), generation, old.seq, 0)
        try:
            new.begin()
        except OSError:
            new.close()
            raise
        old.close()
        self._journal = new

    def _keep_previous(self) -> None:
        """Give the present snapshot a second name, without copying it."""
        second = self.path.with_name(self.path.name + ".link")
        try:
            self._files.unlink(second)
            self._files.link(self.path, second)
            self._files.rename(second, previous(self.path))
        except FileNotFoundError:
            return
        except OSError as e:
            log.info("%s: the previous generation is not kept (%s)", self.path, e)
            self._files.unlink(previous(self.path))

    def _remove_old(self) -> None:
        """Remove the journals that neither the snapshot nor the one before it needs."""
        try:
            for generation in generations(self.path):
                if generation < self._kept:
                    self._files.unlink(journal_path(self.path, generation))
        except OSError as e:
            log.info("%s: old journals stay (%s)", self.path, e)

    # -- opening ----------------------------------------------------------------------------------

    def _open(self) -> None:
        found = self._load()
        if found is None:
            self._tables = {}
            self._start(1, 0)
            return
        self._tables = found.tables
        self._snapshot = self._files.print_of(self.path)
        self._generation = self._kept = found.meta.generation
        self._snapshot_size = found.snapshot_size
        self._journals_size = found.journals_size
        self._next_compaction = max(self._limit, self._snapshot_size)
        if found.meta.schema < self._schema:
            self._migrate(found)
        elif found.meta.alone:
            self._start_over(found)
        else:
            self._go_on(found)

    def _load(self) -> Loaded | None:
        """The store as it is there; None if there is none. Raises `StoreError`, with where and how to go on."""
        try:
            return self._found()
        except SchemaTooNew as e:
            ways = backups.by_backup(self._files, self.path, self._schema)
            raise SchemaTooNew("\n".join([str(e), *ways])) from e
        except Damaged as e:
            raise StoreError(f"{e}\n{backups.way_on(self._files, self.path, self._schema)}") from e
        except OSError as e:
            raise StoreError(f"cannot read {self.path}: {reason(e)}") from e

    def _found(self) -> Loaded | None:
        try:
            return (load_live if self.read_only else load)(self._files, self.path, self._schema)
        except FileNotFoundError:
            self._check_absent()
            return None
        except IsADirectoryError as e:
            raise damaged(self.path, "it is a folder") from e

    def _check_absent(self) -> None:
        """A store without its snapshot is new, unless something else says that there was one."""
        journals = generations(self.path)
        if max(journals, default=0) > 1 or any(holds_changes(journal_path(self.path, n)) for n in journals):
            raise damaged(self.path, "the file is missing, but its journal is there")
        if previous(self.path).exists():
            raise damaged(self.path, "the file is missing, but the generation before it is there")
        if backups.backups(self.path):
            raise damaged(self.path, "the file is missing, but backups of it are there")

    def _go_on(self, found: Loaded) -> None:
        """Make the last journal ready for the next commit, its torn end cut off."""
        if self.read_only:
            return
        self._journal = Journal(self._files, journal_path(self.path, found.last), found.last, found.seq, found.end)
        with self._or_closed():
            self._journal.mend()

    def _start(self, generation: int, seq: int, *, keep_previous: bool = True) -> None:
        """Begin a journal and write the snapshot that it goes on from."""
        if self.read_only:
            return
        self._journal = Journal(self._files, journal_path(self.path, generation), generation, seq, 0)
        with self._or_closed():
            self._journal.begin()
            self._write_snapshot(keep_previous=keep_previous)

    def _start_over(self, found: Loaded) -> None:
        """Go on from tables that the journals there do not lead to. The generation before it would not either."""
        if self.read_only:
            return
        try:
            self._files.unlink(previous(self.path))
        except OSError as e:
            raise unwritable(self.path, e) from e
        self._start(found.last + 1, found.seq, keep_previous=False)

    @contextmanager
    def _or_closed(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            self._journal.close()
            raise unwritable(self.path, e) from e

    def _migrate(self, found: Loaded) -> None:
        """Bring the tables to the present schema; keep them as they were, under the day of the migration."""
        tables = {name: dict(Documents(table)) for name, table in self._tables.items()}
        for step in range(found.meta.schema, self._schema):
            self._migrations[step](tables)
        before = self._tables
        self._tables = {name: {i: encode(doc) for i, doc in table.items()} for name, table in tables.items()}
        if self.read_only:
            return
        try:
            self._keep_backup(found, before)
        except OSError as e:
            raise unwritable(self.path, e) from e
        self._start_over(found)

    # -- backups ----------------------------------------------------------------------------------

    def _keep_backup(self, found: Loaded, tables: Texts) -> None:
        """Write the tables as they were before a migration."""
        meta = Meta(schema=found.meta.schema, generation=found.last, seq=found.seq)
        day = self._files.today(self.path.parent)
        target = backups.place(self.path, day, f"schema-{found.meta.schema}")
        backups.write_backup(self._files, target, meta, tables, found.snapshot_size + found.journals_size)

    def back_up(self, day: date) -> None:
        """Keep a backup of that day, unless there is one or nothing to keep, and forget old ones.

        One that cannot be written is told once a day and tried again. Raises `StoreError` only where the store itself
        cannot be written any more.
        """
        self._check_writable()
        self.check_in_place()
        target = backups.place(self.path, day)
        if not self._journal.seq or target.exists():
            return
        try:
            size = self._snapshot_size + self._journals_size
            backups.write_backup(self._files, target, self._meta(), self._tables, size)
            backups.forget_old(self._files, self.path, day)
        except OSError as e:
            if self._not_backed_up != day:
                log.warning("%s: no backup of today: %s; the work goes on, and it is tried again", target, reason(e))
            self._not_backed_up = day

    def check_in_place(self) -> None:
        """Raise `StoreError` unless the files are still those that this process opened or wrote."""
        self._journal.check_in_place()
        if self._files.print_of(self.path) != self._snapshot:
            raise removed(self.path)
