"""The commits since a snapshot: one line each, checksummed and numbered, in a journal of their own.

`store.N.journal` begins where snapshot N ends. A record is `CRC32 NUMBER [[table, id, document], …]`, with `fields, 0`
in place of a document of which only those fields changed. Numbers run on over all journals, so nothing can be missing
unnoticed. A journal whose snapshot was not finished is replayed after the one before it. Does not know TinyDB.
"""

from __future__ import annotations

import json
import logging
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from bot.errors import StoreError
from bot.stores.files import Files, reason, removed
from bot.stores.snapshot import Damaged, Meta, Texts, encode, read_snapshot

log = logging.getLogger(__name__)

Drafts = dict[tuple[str, str], dict[str, Any]]
"""Fields that changed since a document was spelled, by its table and id. (Whole documents, decoded, were ten times as
large: 20 MB of them at 10,000 authors, freed too late to be of use to anybody.)"""

READ_TRIES = 20
"""How often a reader begins again because a writer changed the files meanwhile."""


def journal_path(snapshot: Path, generation: int) -> Path:
    """Where the commits since that snapshot are."""
    return snapshot.with_name(f"{snapshot.stem}.{generation}.journal")


def generations(snapshot: Path) -> list[int]:
    """The journals that are there, in order."""
    name = re.compile(re.escape(snapshot.stem) + r"\.(\d+)\.journal")
    found = (name.fullmatch(path.name) for path in snapshot.parent.glob("*.journal"))
    return sorted(int(match[1]) for match in found if match)


def _header(generation: int, seq: int) -> bytes:
    return f"keepcurrent journal {generation} after {seq}\n".encode()


def _frame(generation: int, seq: int, payload: str) -> bytes:
    """One record: checksum, number, content. The checksum covers the generation, so no other file's line passes."""
    return f"{_checksum(generation, seq, payload):08x} {seq} {payload}\n".encode("ascii")


def _checksum(generation: int, seq: int, payload: str) -> int:
    return zlib.crc32(f"{generation} {seq} {payload}".encode("ascii", "replace"))


def _unframe(generation: int, seq: int, line: bytes) -> list[Any] | None:
    """The changes of record number `seq`; None if the line is not that record, whole and undamaged."""
    crc, _, rest = line.decode("ascii", "replace").partition(" ")
    number, _, payload = rest.partition(" ")
    if number != str(seq) or not payload.endswith("\n"):
        return None
    payload = payload[:-1]
    if crc != f"{_checksum(generation, seq, payload):08x}":
        return None
    changes: list[Any] = json.loads(payload)
    return changes


class Journal:
    """The open end of one journal. What it says is saved is on the disk, and what failed is cut off again."""

    def __init__(self, files: Files, path: Path, generation: int, seq: int, size: int) -> None:
        self.generation, self.seq, self.size = generation, seq, size
        self.path = path
        self._files = files
        self._fd: int | None = None
        self._clean = True
        self._file: tuple[int, int] | None = None

    def begin(self) -> None:
        """Create the file, empty, in place of anything that is there."""
        self._fd = self._files.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
        self._file = self._files.identity(self._fd)
        header = _header(self.generation, self.seq)
        self._files.write(self._fd, header)
        self._files.fsync(self._fd)
        self._files.sync_folder(self.path.parent)
        self.size = len(header)

    def append(self, payload: str) -> None:
        """Save one commit. Raises `StoreError`; then it is not saved, and the next one may be tried at any time."""
        record = _frame(self.generation, self.seq + 1, payload)
        try:
            fd = self.mend()
            self._clean = False
            self._files.write(fd, record)
            self._files.fsync(fd)
            self.check_in_place()
        except OSError as e:
            self._try_to_mend()
            raise unwritable(self.path, e) from e
        self._clean = True
        self.seq += 1
        self.size += len(record)

    def mend(self) -> int:
        """Cut off what a failed commit left, on a fresh descriptor. Returns the one to write to.

        Raises `OSError`, and `StoreError` where the file is not the one that was begun.
        """
        if self._fd is not None and self._clean:
            return self._fd
        self.close()
        self.check_in_place()
        self._fd = self._files.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._file = self._files.identity(self._fd)
        self._clean = False
        self._files.truncate(self._fd, self.size)
        self._files.fsync(self._fd)
        self._clean = True
        return self._fd

    def _try_to_mend(self) -> None:
        try:
            self.mend()
        except (OSError, StoreError) as e:
            log.warning("%s: cannot be mended yet (%s); tried again at the next commit", self.path, e)

    def check_in_place(self) -> None:
        """Raise `StoreError` unless the name still leads to the file that is written: else nothing would be saved."""
        if self._file is not None and not self._files.leads_to(self.path, self._file):
            raise removed(self.path)

    def close(self) -> None:
        """Give the descriptor back; `mend` would open the file again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._files.close(fd)


def unwritable(path: Path, error: OSError) -> StoreError:
    """What to tell when the disk refuses a change."""
    return StoreError(
        f"cannot write {path}: {reason(error)}. Nothing of this change was saved; "
        "it can be tried again once the cause is gone."
    )


@dataclass(kw_only=True)
class Loaded:
    """The store as found.

    `last` is the last good journal, `end` its good length in bytes, `seq` the last change; `meta` is the snapshot's.
    """

    tables: Texts
    meta: Meta
    last: int
    seq: int
    end: int = 0
    snapshot_size: int
    journals_size: int = 0


def load(files: Files, path: Path, schema: int, *, snapshot: Path | None = None) -> Loaded:
    """Snapshot and journals; `snapshot` is another generation's file, read in place of `path`.

    Raises `FileNotFoundError` if there is no snapshot, `OSError`, `Damaged` and `SchemaTooNew`.
    """
    start = read_snapshot(files, snapshot or path, schema)
    meta = start.meta
    found = Loaded(tables=start.tables, meta=meta, last=meta.generation, seq=meta.seq, snapshot_size=start.size)
    if meta.alone:
        found.last = max([meta.generation, *generations(path)])
        return found
    there = _begun(path, meta.generation)
    if there != list(range(meta.generation, meta.generation + max(1, len(there)))):
        raise _journal_missing(path, meta, there)
    drafts: Drafts = {}
    for generation in there:
        _replay(files, journal_path(path, generation), generation, found, drafts, is_last=generation == there[-1])
    for (table, doc_id), part in drafts.items():
        texts = found.tables[table]
        texts[doc_id] = encode({**json.loads(texts[doc_id]), **part})
    return found


def _begun(path: Path, first: int) -> list[int]:
    """The journals to replay. A last one without changes counts as not begun: nothing relies on it yet."""
    there = [generation for generation in generations(path) if generation >= first]
    while there and there[-1] > first and not holds_changes(journal_path(path, there[-1])):
        there.pop()
    return there


def is_last(files: Files, path: Path, found: Loaded) -> bool:
    """Whether nothing was saved after what was found: later journals, if any, go on from there and are empty.

    Raises `OSError`.
    """
    later = (generation for generation in generations(path) if generation > found.last)
    return all(files.read(journal_path(path, n)) == _header(n, found.seq) for n in later)


def holds_changes(journal: Path) -> bool:
    """Whether there is anything in the file after its first line."""
    try:
        with journal.open("rb") as file:
            return bool(file.readline()) and bool(file.read(1))
    except FileNotFoundError:
        return False
    except OSError as e:
        raise Damaged(f"cannot read {journal}: {reason(e)}.") from e


def _journal_missing(path: Path, meta: Meta, there: list[int]) -> Damaged:
    missing = next(n for n in range(meta.generation, meta.generation + len(there) + 1) if n not in there)
    lost = journal_path(path, missing)
    header = _header(missing, meta.seq).decode().strip()
    mend = (
        f"\nIf there were no changes since {path} was written, or they may be lost: echo '{header}' > {lost}"
        if not there
        else ""
    )
    return Damaged(f"{lost} is missing; it holds the changes since {path} was written. Put it back.{mend}")


def _replay(files: Files, path: Path, generation: int, found: Loaded, drafts: Drafts, *, is_last: bool) -> None:
    """Apply the records of one journal; stop before an unfinished last one."""
    lines = files.lines(path)
    try:
        header = next(lines, b"")
    except FileNotFoundError as e:
        raise Damaged(f"{path} went away while it was read.") from e
    except OSError as e:
        raise Damaged(f"cannot read {path}: {reason(e)}.") from e
    if header != _header(generation, found.seq):
        raise Damaged(
            f"{path} does not begin as it must (after change {found.seq}): it is cut, damaged, or of another store. "
            "It was not changed."
        )
    found.last, found.end = generation, len(header)
    for line in lines:
        changes = _unframe(generation, found.seq + 1, line)
        if changes is None:
            _check_tail(path, found, line, lines, is_last=is_last)
            break
        try:
            _apply(found.tables, drafts, changes)
        except (TypeError, ValueError, KeyError) as e:
            raise StoreError(
                f"{path} is damaged at byte {found.end} (change {found.seq + 1} is none of ours). It was not changed. "
                f"Restore the folder {path.parent} from a backup."
            ) from e
        found.seq += 1
        found.end += len(line)
    found.journals_size += found.end - len(header)


def _check_tail(path: Path, found: Loaded, line: bytes, rest: Iterable[bytes], *, is_last: bool) -> None:
    """Raise unless this line is what a killed process or a power cut leaves: the last one, unfinished.

    Space that was given to the file but not written reads as NUL, a block at a time; whole records hold none. One NUL
    alone in the middle is no block: there a bit of a saved record changed.
    """
    later = sum(1 for _ in rest)
    unwritten = not line.endswith(b"\n") or line.startswith(b"\0") or b"\0\0" in line
    if is_last and not later and unwritten:
        log.warning("%s: an unfinished change at byte %d is left out; it was never confirmed", path, found.end)
        return
    raise Damaged(
        f"{path} is damaged at byte {found.end} (change {found.seq + 1}; {later} lines follow). It was not changed.\n"
        f"To give up this change and all that follow: truncate -s {found.end} {path}"
        + ("" if is_last else " and move the later journals away")
    )


def changed_part(before: str, after: str) -> str | None:
    """The fields of a document that changed, as JSON; None where the whole document is better written.

    A look at an author changes three times of twenty fields: 130 bytes in the place of 450. Only where both have the
    same fields in the same order, so that a replay spells the document as it was.
    """
    old, new = json.loads(before), json.loads(after)
    if list(old) != list(new):
        return None
    part = {name: value for name, value in new.items() if not _is_same(old[name], value)}
    return encode(part) if 2 * len(part) <= len(new) else None


def _is_same(one: object, other: object) -> bool:
    """As JSON, where True is not 1: so is what Python writes of them."""
    return one == other and (type(one) is str or repr(one) == repr(other))


def _apply(tables: Texts, drafts: Drafts, changes: Iterable[list[Any]]) -> None:
    """Do what one record says: `[table, id, document]`, `[table, id, fields, 0]` of which only those changed,
    `[table, id]` removed, `[table]` dropped. `drafts`: what is not spelled yet.
    """
    for name, *rest in changes:
        match rest:
            case [doc_id, part, 0]:
                if doc_id not in tables[name]:
                    raise KeyError(doc_id)
                drafts.setdefault((name, doc_id), {}).update(part)
            case [doc_id, document]:
                drafts.pop((name, doc_id), None)
                tables.setdefault(name, {})[doc_id] = encode(document)
            case [doc_id]:
                drafts.pop((name, doc_id), None)
                tables.setdefault(name, {}).pop(doc_id, None)
            case []:
                for key in [key for key in drafts if key[0] == name]:
                    del drafts[key]
                tables.pop(name, None)
            case _:
                raise ValueError(f"{len(rest)} parts")


def load_live(files: Files, path: Path, schema: int) -> Loaded:
    """As `load`, beside a writer: what looks damaged is read again if a file changed meanwhile."""
    for _ in range(READ_TRIES):
        before = _fingerprint(path)
        try:
            return load(files, path, schema)
        except (StoreError, FileNotFoundError):
            if _fingerprint(path) == before:
                raise
    return load(files, path, schema)


def _fingerprint(path: Path) -> list[tuple[str, int, int]]:
    found = []
    for file in chain([path], (journal_path(path, generation) for generation in generations(path))):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((file.name, stat.st_ino, stat.st_size))
    return found
