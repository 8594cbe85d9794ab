"""The archive's bounds on real files: what goes, in which steps, after which faults, and what is never touched."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.audit import audit
from bot.commands.auditing import books
from bot.errors import StoreError
from bot.model import Author, Entry, Media, Post
from bot.stores import pruning
from bot.stores.archive import Archive
from bot.stores.files import Files
from bot.stores.pruning import EVERY, NOT_BEFORE, Bounds, Pruning
from bot.stores.tiny import TinyStore
from bot.upkeep import STEPS, UNBOUNDED, ArchiveBounds, prune_archive
from tests.faulty_files import Counting, Failing
from tests.store_play import ANN, follow, news

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYTHING = Bounds(most_bytes=0)
NOTHING: frozenset[Path] = frozenset()
IMAGE = "https://example.org/1.png"


def entry(key: str = "1", feed_id: str = ANN, **more: Any) -> Entry:
    posts = (Post(id="1", text="text", media=(Media(kind="image", url=IMAGE),)),)
    author = Author(handle="ann")
    return Entry(**{"feed_id": feed_id, "key": key, "url": "", "author": author, "posts": posts, "whole": True, **more})


def archive(folder: Path, *keys: str, days: int = 10, pictures: bool = False) -> Archive:
    """Threads that were read some days before `NOW`, each a minute after the one before."""
    made = Archive(folder, Counting())
    for n, key in enumerate(keys):
        made.write(entry(key))
        if pictures:
            made.keep_media(ANN, key, IMAGE, "image/png", b"x" * 100)
        read(made.path(ANN, key), NOW - days * DAY + timedelta(minutes=n))
    return made


def read(path: Path, when: datetime) -> None:
    """Make a file as old as what was read then."""
    os.utime(path, (when.timestamp(), when.timestamp()))


def prune(
    archive: Archive, bounds: Bounds = EVERYTHING, now: datetime = NOW, needed: Iterable[Path] = ()
) -> list[str]:
    """Do all steps, and remove what they say; returns what went, by the names of the files."""
    gone: list[str] = []
    while True:
        step = archive.pruning.step(bounds, now, lambda: frozenset(needed))
        for part in step.parts:
            archive.pruning.remove(part)
        archive.pruning.done()
        gone += [Path(part.path).name for part in step.parts]
        if not step.more:
            return gone


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".pruning.json")


# -- what goes --------------------------------------------------------------------------------------------


def test_the_order_of_leaving(tmp_path: Path) -> None:
    """Left drafts, pictures, versions, threads; of each those first that were read longest ago."""
    made = archive(tmp_path, "2", "1", pictures=True)
    made.write(entry("1", version=2))
    made.write(entry("2", version=2))
    draft = made.path(ANN, "3").with_suffix(".json.tmp")
    draft.write_text("{")
    for path, day in ((made.path(ANN, "1"), 5), (made.path(ANN, "2"), 4), (draft, 3)):
        read(path, NOW - day * DAY)

    assert prune(made) == ["3.json.tmp", "1.media", "2.media", "1.versions", "2.versions", "1.json", "2.json"]


def test_nothing_of_an_empty_author_stays(tmp_path: Path) -> None:
    """Folders go with what was in them."""
    prune(archive(tmp_path, "1", pictures=True))

    assert left(tmp_path) == ["threadreader"]


def test_no_more_goes_than_must(tmp_path: Path) -> None:
    """Once what is left is small enough, the rest stays."""
    made = archive(tmp_path, "1", "2", "3")
    size = made.path(ANN, "1").stat().st_size

    assert prune(made, Bounds(most_bytes=2 * size)) == ["1.json"]


def test_only_what_is_older_goes_by_age(tmp_path: Path) -> None:
    """Age takes whole threads, however small the archive is."""
    archive(tmp_path, "1", days=10, pictures=True)
    made = archive(tmp_path, "2", days=5)

    assert prune(made, Bounds(older_than=NOW - 7 * DAY)) == ["1.media", "1.json"]


@pytest.mark.parametrize("days", [0, -3])
def test_what_is_young_stays(tmp_path: Path, days: int) -> None:
    """So does what a wrong clock dated in the future."""
    made = archive(tmp_path, "1", days=days, pictures=True)

    assert prune(made, Bounds(older_than=NOW, most_bytes=0)) == []


def test_what_is_needed_stays(tmp_path: Path) -> None:
    """A thread that must stay keeps its pictures too; others go in its place."""
    made = archive(tmp_path, "1", "2", pictures=True)

    assert prune(made, needed=[made.path(ANN, "1")]) == ["2.media", "2.json"]


def test_what_is_left_of_half_a_removal_goes(tmp_path: Path) -> None:
    """Pictures and versions without their thread are as old as their files."""
    made = archive(tmp_path, "1", pictures=True)
    made.path(ANN, "1").unlink()
    for path in tmp_path.rglob("*.png"):
        read(path, NOW - 3 * DAY)

    assert prune(made) == ["1.media"]


def test_what_is_none_of_ours_is_not_touched(tmp_path: Path) -> None:
    """Other files, folders in the place of files, and whatever a link leads to stay, and do not count."""
    made = archive(tmp_path / "archive", "1")
    author = made.path(ANN, "1").parent
    outside = tmp_path / "outside" / "ann"
    outside.mkdir(parents=True)
    for path in (author / "notes.txt", tmp_path / "archive" / "README.json", outside / "2.json"):
        path.write_text("mine")
        read(path, NOW - 9 * DAY)
    (author / "3.json").mkdir()
    (tmp_path / "archive" / "linked").symlink_to(outside.parent)
    (author / "4.json").symlink_to(outside / "2.json")
    old = (NOW - 9 * DAY).timestamp()
    os.utime(author / "4.json", (old, old), follow_symlinks=False)

    assert prune(made) == ["1.json"]
    assert left(tmp_path / "archive" / "threadreader" / "ann") == ["3.json", "4.json", "notes.txt"]
    assert (outside / "2.json").exists()


# -- in steps ---------------------------------------------------------------------------------------------


def test_a_round_is_many_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many files are looked at, so many parts removed, in one step."""
    monkeypatch.setattr(pruning, "LOOKED_AT", 4)
    monkeypatch.setattr(pruning, "REMOVED", 3)
    made = archive(tmp_path, *(str(n) for n in range(10)))
    steps = []
    while (step := made.pruning.step(EVERYTHING, NOW, lambda: NOTHING)).more:
        steps.append(len(step.parts))
        made.pruning.done()

    assert steps == [0, 0, 3, 3, 3, 1]


def test_more_than_is_chosen_at_once_goes_in_several_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen is bounded; rounds follow until nothing is too much, the oldest first all the same."""
    monkeypatch.setattr(pruning, "CHOSEN", 2)
    made = archive(tmp_path, *(str(n) for n in range(9)))
    size = made.path(ANN, "1").stat().st_size

    assert prune(made, Bounds(most_bytes=2 * size)) == [f"{n}.json" for n in range(7)]


def test_by_age_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that may stay do not keep old threads from being chosen."""
    monkeypatch.setattr(pruning, "CHOSEN", 2)
    archive(tmp_path, *"5678", days=5, pictures=True)
    made = archive(tmp_path, *"1234", days=10)

    assert prune(made, Bounds(older_than=NOW - 7 * DAY)) == [f"{n}.json" for n in "1234"]


def rounds(made: Archive, bounds: Bounds, now: datetime) -> bool:
    """Whether a round is begun now; it is then done."""
    asked: list[bool] = []
    while made.pruning.step(bounds, now, lambda: asked.append(True) or NOTHING).more:
        made.pruning.done()
    return bool(asked)


def test_files_are_looked_through_once_a_day(tmp_path: Path) -> None:
    """Also by the next process, as cron starts one for each round; and again when the clock was set back."""
    made = archive(tmp_path, "1")
    bounds = Bounds(most_bytes=10**9)

    assert [rounds(made, bounds, NOW + n * EVERY) for n in (0, 0.5, 1)] == [True, False, True]
    assert [rounds(Archive(tmp_path), bounds, NOW + n * EVERY) for n in (1.5, 2, 0)] == [False, True, True]


def test_much_that_is_written_makes_a_round_due(tmp_path: Path) -> None:
    """Once there seems to be too much, but not again and again where it may not go."""
    made = archive(tmp_path, "1", days=0)
    bounds = Bounds(most_bytes=10_000)
    begun = [rounds(made, bounds, NOW)]
    made.keep_media(ANN, "1", IMAGE, "image/png", b"x" * 20_000)
    begun += [rounds(made, bounds, NOW + n * NOT_BEFORE) for n in (0.5, 1, 1.5)]

    assert begun == [True, False, True, False]


def test_without_bounds_no_file_is_looked_at(tmp_path: Path) -> None:
    """Who keeps everything pays nothing for it."""
    assert not rounds(archive(tmp_path, "1"), Bounds(), NOW)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"looked_through": "2026-11-22T12:00:00", "bytes": 1}', "null"])
def test_a_damaged_note_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    """It only says when files were looked through last."""
    made = archive(tmp_path, "1")
    (tmp_path / ".pruning.json").write_text(text)

    assert rounds(made, EVERYTHING, NOW)


def test_an_archive_that_is_not_there_yet(tmp_path: Path) -> None:
    """Is looked through at once, without a word."""
    assert rounds(Archive(tmp_path / "archive"), EVERYTHING, NOW)


def test_what_cannot_be_removed_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told; the rest goes, and the program goes on."""
    made = archive(tmp_path, "1", "2")

    class Stubborn(Files):
        def unlink(self, path: Path) -> None:
            if path.name == "1.json":
                raise PermissionError(13, "Permission denied")
            super().unlink(path)

    made.pruning = Pruning(tmp_path, Stubborn())
    with caplog.at_level(logging.WARNING):
        prune(made)

    assert [path.name for path in tmp_path.rglob("*.json") if path.name[0] != "."] == ["1.json"]
    assert "1.json cannot be removed: Permission denied" in caplog.text


# -- which thread a file is of ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed_id", "key"),
    [(ANN, "1"), ("threadreader:Ann", "A/b.c"), ("no colon", "1"), ("a:", ""), ("a:con", ".x"), ("é:👍", "\ud800")],
)
def test_a_thread_is_known_by_the_names_of_its_file(feed_id: str, key: str) -> None:
    """Also where the file is gone."""
    made = Archive(Path("/archive"))

    assert made.thread_at(made.path(feed_id, key)) == (feed_id, key)


def test_a_long_name_is_known_by_what_the_file_says(tmp_path: Path) -> None:
    """A name with a checksum does not say all; the file does, unless it was put there by hand."""
    made, long = Archive(tmp_path, Counting()), "x" * 300
    made.write(entry(long))
    path = made.path(ANN, long)
    there = made.thread_at(path)
    other = shutil.copy(path, path.with_name(f"y{path.name}"))

    assert (there, made.thread_at(Path(other))) == ((ANN, long), None)


# -- in the store -----------------------------------------------------------------------------------------


async def kept(folder: Path, *numbers: int, files: Files | None = None) -> TinyStore:
    """A store with threads that were sent to every channel."""
    store = await TinyStore.open(folder, files=files or Counting())
    await follow(store)
    for n in numbers:
        await store.commit(news(n))
        await store.settle([replace(row, state="sent", sent_at=NOW) for row in await store.deliveries()])
    return store


async def found(folder: Path) -> tuple[dict[str, str], list[str], bool]:
    """What is said of the copies, which files there are, and whether the audit is content."""
    reader = await TinyStore.open(folder, read_only=True)
    said = {known.key: known.copy for known in await reader.threads()}
    content = audit(await books(reader, at_work=False)).ok
    await reader.close()
    return said, sorted(path.stem for path in folder.glob("archive/*/*/*.json")), content


async def test_a_fault_at_any_operation_of_pruning(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 …: what is gone is known to be gone, and the next round takes the rest."""
    later = datetime.now(UTC) + 40 * DAY
    first = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        store = await kept(folder, 1, 2)
        await store.close()
        files = Failing(first, 2)
        try:
            store = await TinyStore.open(folder, files=files)
        except StoreError:
            continue
        try:
            while await store.prune_copies(later, older_than=None, most_bytes=0):
                pass
        except StoreError:
            assert files.failed
        said, there, content = await found(folder)
        assert content
        assert {key for key in said if not said[key]} <= set(there)
        files.many = 0
        while await store.prune_copies(later + 2 * DAY, older_than=None, most_bytes=0):
            pass
        await store.close()
        assert await found(folder) == ({"1": "pruned", "2": "pruned"}, [], True)
        if not files.failed:
            break

    assert first > 8


async def test_a_thread_that_is_kept_anew_meanwhile_stays(tmp_path: Path) -> None:
    """Between the note and the removal, a commit and a new delivery have their say."""
    store = await kept(tmp_path, 1, 2, 3)
    ledger = store._ledger
    step = ledger.choose_parts(EVERYTHING, datetime.now(UTC) + 40 * DAY)
    while not step.parts:
        step = ledger.choose_parts(EVERYTHING, datetime.now(UTC) + 40 * DAY)
    await store.commit(replace(news(1), deliveries=()))
    await store.commit(replace(news(2), contents=(), deliveries=(replace(news(2).deliveries[0], id="again"),)))
    ledger.remove_parts(step.parts)
    await store.close()

    assert (await found(tmp_path))[:2] == ({"1": "", "2": "pruned", "3": "pruned"}, ["1", "2"])


async def test_a_reader_prunes_nothing(tmp_path: Path) -> None:
    """What was opened for reading changes nothing."""
    await (await kept(tmp_path, 1)).close()
    reader = await TinyStore.open(tmp_path, read_only=True)
    with pytest.raises(StoreError, match="reading only"):
        await reader.prune_copies(NOW, older_than=None, most_bytes=0)
    await reader.close()


# -- as part of the upkeep ----------------------------------------------------------------------------------


class Endless:
    """A store with more to prune than ends."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime | None, int | None]] = []

    async def prune_copies(self, now: datetime, *, older_than: datetime | None, most_bytes: int | None) -> bool:
        self.asked.append((older_than, most_bytes))
        return True


async def test_the_upkeep_does_a_part_at_a_time() -> None:
    """A huge archive does not keep the upkeep from ending."""
    store: Any = Endless()
    await prune_archive(store, NOW, ArchiveBounds(max_age=3 * DAY, max_size=9))

    assert store.asked == [(NOW - 3 * DAY, 9)] * STEPS


async def test_the_upkeep_without_bounds_asks_nothing() -> None:
    """What is kept for ever is not looked at."""
    store: Any = Endless()
    await prune_archive(store, NOW, UNBOUNDED)

    assert store.asked == []


def test_the_note_says_what_was_found(tmp_path: Path) -> None:
    """When files were looked through, and how much is left."""
    made = archive(tmp_path, "1", "2")
    size = made.path(ANN, "1").stat().st_size
    prune(made, Bounds(most_bytes=size))

    assert json.loads((tmp_path / ".pruning.json").read_text()) == {"looked_through": NOW.isoformat(), "bytes": size}
