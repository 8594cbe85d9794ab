"""What leaves the archive when it is too old or too large, found in small steps beside the work itself.

The archive's files are looked through once a day at the most, and again once much was written; so many at a time that
nobody waits for it. What goes, in this order: what an interrupted write left; the pictures of the threads that were
read longest ago; their older versions; the threads themselves. A file's time says when it was read.

Never goes: what was read within a day, and what its caller says is needed. Does not know the store, and does not ask
the clock.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.stores.files import Files, replace_file
from bot.stores.rules import YOUNG, Kind

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
"""How often the files are looked through."""
NOT_BEFORE = timedelta(hours=1)
"""After so long they may be looked through again, if as much was written that there seems to be too much."""
LOOKED_AT = 500
"""Files that are looked at in one step: about 5 ms of a warm disk."""
REMOVED = 100
"""Parts of threads that are removed in one step; most are one file."""
CHOSEN = 10_000
"""Parts of threads that are remembered in one round, up to twice as many. More wait for the next: memory is bounded."""


KINDS = {".tmp": Kind.DRAFT, ".media": Kind.MEDIA, ".versions": Kind.VERSIONS, ".json": Kind.COPY}


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Something of a thread that can go without the rest. `when`: when the thread was read, in seconds since 1970."""

    kind: Kind
    when: float
    path: str
    size: int

    @property
    def thread(self) -> Path:
        """Where the thread's own file is, or was."""
        return Path(self.path).with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much the archive may hold. None: as much as there is."""

    older_than: datetime | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to: parts that are to go, and whether there is more to do."""

    parts: tuple[Part, ...] = ()
    more: bool = False


class Pruning:
    """Rounds through the archive below one folder. `written` is told of what is added."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files
        self._steps: Iterator[Step] | None = None
        self._handed: Step | None = None
        self._looked_at: datetime | None = None
        self._bytes = 0

    def written(self, size: int) -> None:
        """So many bytes were added since. (What they replaced is not taken off: at worst it looks too early.)"""
        self._bytes += size

    def step(self, bounds: Bounds, now: datetime, needed: Callable[[], frozenset[Path]]) -> Step:
        """Do a little. `needed` gives the files of threads that must stay whole; asked when a round begins.

        A step that has parts comes again until it is `done`: what came in between is no reason to forget them.
        """
        if self._handed is not None:
            return self._handed
        if self._steps is None:
            if bounds == Bounds() or not self._due(bounds, now):
                return Step()
            self._steps = self._round(bounds, now, needed())
        step = next(self._steps)
        self._handed = step if step.parts else None
        return step

    def done(self) -> None:
        """What the step before told is removed, or is to stay."""
        self._handed = None

    def _due(self, bounds: Bounds, now: datetime) -> bool:
        if self._looked_at is None:
            self._looked_at, self._bytes = self._noted(self._bytes)
        if self._looked_at is None or not timedelta() <= now - self._looked_at < EVERY:
            return True
        too_much = bounds.most_bytes is not None and self._bytes > bounds.most_bytes
        return too_much and now - self._looked_at >= NOT_BEFORE

    def _round(self, bounds: Bounds, now: datetime, needed: frozenset[Path]) -> Iterator[Step]:
        choice = _Choice(bounds, now, needed)
        for seen, part in enumerate(parts_in(self._folder), 1):
            if part is not None:
                choice.consider(part)
            if seen % LOOKED_AT == 0:
                yield Step(more=True)
        chosen = choice.made()
        for start in range(0, len(chosen), REMOVED):
            yield Step(chosen[start : start + REMOVED], more=True)
        self._bytes = choice.bytes - sum(part.size for part in chosen)
        if choice.is_all:
            self._note(now)
        self._steps = None
        yield Step(more=not choice.is_all)

    # Cron starts a new process for each round: without a note each would look through all files.

    def _note(self, now: datetime) -> None:
        self._looked_at = now
        text = json.dumps({"looked_through": now.isoformat(), "bytes": self._bytes})
        try:
            self._files.make_folder(self._folder)
            replace_file(self._files, self._folder / ".pruning.json", [text.encode()])
        except OSError as e:
            log.warning("archive: %s; it is looked through again at the next start", e)

    def _noted(self, written: int) -> tuple[datetime | None, int]:
        try:
            found = json.loads(self._files.read(self._folder / ".pruning.json"))
            looked_at = datetime.fromisoformat(found["looked_through"])
            return (looked_at if looked_at.tzinfo else None), int(found["bytes"]) + written
        except (OSError, ValueError, TypeError, KeyError):
            return None, written

    def remove(self, part: Part) -> None:
        """Remove a part. What cannot be removed is told in the log, and tried again in the next round."""
        path = Path(part.path)
        try:
            for file in sorted(path.iterdir()) if path.is_dir() else ():
                self._files.unlink(file)
            if path.is_dir():
                self._files.remove_folder(path)
            else:
                self._files.unlink(path)
            self._files.remove_folder(path.parent)
        except OSError as e:
            log.warning("archive: %s cannot be removed: %s", path, e.strerror or e)


class _Choice:
    """Which parts go, made up while they are looked at one by one, in bounded memory."""

    def __init__(self, bounds: Bounds, now: datetime, needed: frozenset[Path]) -> None:
        self._aged = bounds.older_than.timestamp() if bounds.older_than else float("-inf")
        self._most = float("inf") if bounds.most_bytes is None else bounds.most_bytes
        self._young = (now - YOUNG).timestamp()
        self._needed = needed
        self._parts: list[Part] = []
        self.bytes = 0
        self.is_all = True
        """Whether everything that must go is chosen."""

    def consider(self, part: Part) -> None:
        """Count a part, and remember it if it may go before others."""
        self.bytes += part.size
        if part.when > self._young or part.thread in self._needed:
            return
        self._parts.append(part)
        if len(self._parts) > 2 * CHOSEN:
            self._parts = self._in_order()[:CHOSEN]
            self.is_all = False

    def made(self) -> tuple[Part, ...]:
        """The parts that are to go, in order."""
        chosen, left = [], self.bytes
        # After a cut only these are sure to be the first of all.
        remembered = self._in_order()[: None if self.is_all else CHOSEN]
        for part in remembered:
            if left > self._most or self._is_aged(part):
                chosen.append(part)
                left -= part.size
        # Whatever was not remembered would go after all these: if one of them stays, so does all of it.
        self.is_all = self.is_all or len(chosen) < len(remembered)
        return tuple(chosen)

    def _in_order(self) -> list[Part]:
        return sorted(self._parts, key=lambda part: (not self._is_aged(part), part))

    def _is_aged(self, part: Part) -> bool:
        return part.when < self._aged or part.kind == Kind.DRAFT


# -- what is there ------------------------------------------------------------------------------------------


def parts_in(archive: Path) -> Iterator[Part | None]:
    """Every part of every thread; None for what is none of ours, so that a caller can stop now and then.

    Links are not followed: nothing outside of the archive ever goes.
    """
    for source in _listed(archive):
        for author in _listed(Path(source.path)) if source.is_dir(follow_symlinks=False) else ():
            if author.is_dir(follow_symlinks=False):
                yield from _of_author(Path(author.path))


def _of_author(folder: Path) -> Iterator[Part | None]:
    there = {entry.name: entry for entry in _listed(folder)}
    for name, entry in there.items():
        yield _part(entry, there.get(f"{name.rpartition('.')[0]}.json"))


def _part(entry: os.DirEntry[str], own: os.DirEntry[str] | None) -> Part | None:
    kind = KINDS.get(os.path.splitext(entry.name)[1])  # noqa: PTH122  # a Path for each of 200,000 took twice as long
    is_folder = kind in (Kind.MEDIA, Kind.VERSIONS)
    try:
        if kind is None or entry.is_symlink() or entry.is_dir(follow_symlinks=False) != is_folder:
            return None
        inside = [file.stat(follow_symlinks=False) for file in _listed(Path(entry.path))] if is_folder else []
        stats = inside or [entry.stat(follow_symlinks=False)]
        whole = [own.stat(follow_symlinks=False)] if own is not None else stats
    except OSError:  # it went away meanwhile
        return None
    return Part(kind, max(stat.st_mtime for stat in whole), entry.path, sum(stat.st_size for stat in stats))


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as e:
        if folder.exists():
            log.warning("archive: %s cannot be looked through: %s", folder, e.strerror or e)
        return []
