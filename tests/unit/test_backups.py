"""Dated backups: when they are made, which stay, and that each of them opens."""

from __future__ import annotations

import logging
import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.stores.backups import Backup, backups, place, superfluous
from bot.stores.files import Files
from bot.stores.journal import JournalStorage
from bot.stores.records import generations, journal_path
from bot.stores.table import Database
from tests.faulty_files import Counting, Failing
from tests.unit.test_journal import content, expected_after, journal, on_disk, put

TODAY = date(2026, 11, 24)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.json"


def filled(path: Path, last: int = 3, files: Files | None = None) -> Database:
    db = Database(path, files=files or Counting())
    for n in range(1, last + 1):
        put(db, n)
    return db


# -- making them ----------------------------------------------------------------------------------------


def test_a_backup_is_the_whole_store(path: Path) -> None:
    """The file of the day, put in the place of a lost store, gives all that was saved then, by itself."""
    db = filled(path)
    journal(db).back_up(TODAY)
    put(db, 4)
    db.close()
    other = path.parent / "other" / "store.json"
    other.parent.mkdir()
    other.write_bytes((path.parent / "backups" / "store-2026-11-24.json").read_bytes())

    assert on_disk(other) == expected_after(3)
    assert on_disk(path) == expected_after(4)


def test_one_backup_a_day(path: Path) -> None:
    """Only the first call of a day writes; the next day another is made."""
    files = Counting()
    db = filled(path, files=files)
    journal(db).back_up(TODAY)
    calls = files.calls
    put(db, 4)
    commit = files.calls - calls
    journal(db).back_up(TODAY)
    assert files.calls == calls + commit
    journal(db).back_up(TODAY + timedelta(days=1))
    db.close()

    assert [backup.day.day for backup in backups(path)] == [25, 24]


def test_a_store_that_never_held_anything_is_not_backed_up(path: Path) -> None:
    """There is nothing to keep in a new store."""
    db = Database(path)
    journal(db).back_up(TODAY)
    db.close()

    assert not (path.parent / "backups").exists()


def test_backups_are_private(path: Path) -> None:
    """The folder is 0700 and the files 0600."""
    db = filled(path)
    journal(db).back_up(TODAY)
    db.close()
    folder = path.parent / "backups"

    assert [found.stat().st_mode & 0o777 for found in (folder, *folder.iterdir())] == [0o700, 0o600]


class NoRoom(Counting):
    """A disk without room for backups."""

    def room(self, folder: Path) -> int:
        return 100


def test_a_backup_never_takes_the_last_room(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no room for two of it, none is made; that is one warning a day, and the work goes on."""
    db = filled(path, files=NoRoom())
    for day in (TODAY, TODAY, TODAY + timedelta(days=1)):
        journal(db).back_up(day)
    put(db, 4)
    db.close()

    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "No space left on device" in caplog.text
    assert on_disk(path) == expected_after(4)
    assert backups(path) == []


def test_a_fault_at_any_step_of_a_backup_harms_nothing(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 …: no half backup is there, the store goes on, and the next try makes one."""
    first = 0
    while True:
        first += 1
        path = tmp_path / f"{first}" / "store.json"
        path.parent.mkdir()
        files = Failing(10**9)
        db = filled(path, files=files)
        for n in range(KEEP):
            place(path, TODAY - timedelta(days=n + 1)).parent.mkdir(exist_ok=True)
            place(path, TODAY - timedelta(days=n + 1)).write_bytes(b"old")
        files.first = files.calls + first
        journal(db).back_up(TODAY)
        failed, files.first = files.failed, 10**9
        for backup in backups(path):
            assert backup.path.read_bytes() == b"old" or on_disk(backup.path) == expected_after(3)
        put(db, 4)
        journal(db).back_up(TODAY)
        assert on_disk(place(path, TODAY)) in (expected_after(3), expected_after(4))
        assert not list(path.parent.glob("backups/*.tmp"))
        db.close()
        assert on_disk(path) == expected_after(4)
        if not failed:
            break

    assert first > 5


KEEP = 8


# -- which stay ------------------------------------------------------------------------------------------


def days(*ago: int, kind: str = "") -> list[Backup]:
    dates = [TODAY - timedelta(days=n) for n in ago]
    return [Backup(path=Path(f"{day}{kind}"), day=day, kind=kind) for day in dates]


@pytest.mark.parametrize(
    ("there", "gone"),
    [
        (days(0, 1, 2, 3, 4, 5, 6), []),
        (days(0, 1, 2, 3, 4, 5, 6, 7, 8), days(7, 8)),
        (days(0, 10, 20, 30, 31, 40), days(31, 40)),
        (days(31), []),
        (days(40, 50), days(50)),
        ([*days(0, 1), *days(40, 50, kind="schema-1")], days(50, kind="schema-1")),
        (days(*range(-9, 2)), days(-2, -1)),
        (days(*range(-9, -1)), days(-2)),
    ],
    ids=["a week", "more than a week", "seldom", "only an old one", "old ones", "kinds", "future", "clock back"],
)
def test_which_backups_are_forgotten(there: list[Backup], gone: list[Backup]) -> None:
    """Seven of a kind, none older than 30 days but the newest; a wrong clock removes none of the others."""
    assert sorted(superfluous(there, TODAY), key=str) == sorted(gone, key=str)


def test_old_backups_are_removed_with_the_day_s(path: Path) -> None:
    """After a month of days there are seven files, and what is not ours is left alone."""
    db = filled(path)
    other = path.parent / "backups" / "store-mine.json"
    for n in range(30):
        journal(db).back_up(TODAY + timedelta(days=n))
        other.write_text("mine")
    db.close()

    assert len(backups(path)) == 7
    assert other.read_text() == "mine"


# -- going back ------------------------------------------------------------------------------------------


def commands(error: str) -> list[str]:
    return re.findall(r": ((?:mv|cp|truncate|echo) .*)$", error, re.MULTILINE)


def test_the_message_names_the_newest_backup_that_can_be_read(path: Path) -> None:
    """The command in the message puts it in place, and the unreadable file is kept beside it."""
    db = filled(path)
    for n in range(3):
        journal(db).back_up(TODAY - timedelta(days=2 - n))
        put(db, 4 + n)
    journal(db).compact()
    db.close()
    place(path, TODAY).write_bytes(b"{")
    path.write_bytes(b"damaged")
    path.with_name("store.previous.json").unlink()
    with pytest.raises(StoreError, match="2026-11-23") as caught:
        Database(path)
    (command,) = commands(str(caught.value))
    subprocess.run(command, shell=True, check=True)
    db = Database(path)

    assert content(db) == expected_after(4)
    assert path.with_name("store.json.damaged").read_bytes() == b"damaged"
    put(db, 5)
    db.close()
    assert on_disk(path) == expected_after(5)


def test_a_previous_generation_that_leads_nowhere_is_not_recommended(path: Path) -> None:
    """The former generation is offered only where it gives back all that was saved."""
    db = filled(path)
    journal(db).back_up(TODAY)
    journal(db).compact()
    put(db, 4)
    path.write_bytes(b"")
    assert path.with_name("store.previous.json").exists()
    journal_path(path, generations(path)[-1]).write_bytes(b"junk")
    with pytest.raises(StoreError) as caught:
        Database(path)

    assert "store.previous.json" not in str(caught.value)
    assert len(commands(str(caught.value))) == 1


def test_after_going_back_the_former_generation_is_not_offered(path: Path) -> None:
    """A backup in the store's place begins a history of its own; no older file is said to continue it."""
    db = filled(path)
    journal(db).back_up(TODAY)
    journal(db).compact()
    db.close()
    path.write_bytes(place(path, TODAY).read_bytes())
    db = Database(path)
    assert not path.with_name("store.previous.json").exists()
    put(db, 4)
    path.write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        Database(path)

    assert "store.previous.json" not in str(caught.value)


@pytest.mark.parametrize("left", ["backup", "previous", "journal"])
def test_a_store_that_is_gone_is_not_a_new_one(path: Path, left: str) -> None:
    """Whatever of a store is left says that there was one: it is refused, with the way back."""
    db = filled(path)
    journal(db).back_up(TODAY)
    journal(db).compact()
    db.close()
    keep = {
        "backup": place(path, TODAY),
        "previous": path.with_name("store.previous.json"),
        "journal": journal_path(path, generations(path)[-1]),
    }[left]
    for file in [*path.parent.iterdir(), *path.parent.glob("backups/*")]:
        if file.is_file() and file != keep:
            file.unlink()

    for read_only in (True, False):
        with pytest.raises(StoreError, match="the file is missing"):
            Database(path, read_only=read_only)


def test_a_migration_keeps_the_store_as_it_was(path: Path) -> None:
    """The backup of the older schema bears it in its name, beside the one of the day."""
    db = filled(path)
    journal(db).back_up(datetime.now(UTC).date())
    db.close()
    JournalStorage(path, schema=2, migrations={1: lambda tables: tables.pop("last", None)}, files=Counting()).close()
    with pytest.raises(StoreError, match="newer version") as caught:
        Database(path)
    (command,) = commands(str(caught.value))

    assert len(backups(path)) == 2
    assert command.split("; ")[1].startswith(f"cp {backups(path)[0].path} ")
