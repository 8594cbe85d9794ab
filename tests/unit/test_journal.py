"""The journal: what a commit costs, and what is left after faults, kills, power cuts and damage."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB, where
from tinydb.table import Document, Table

from bot.errors import SchemaTooNew, StoreError, StoreReadOnly
from bot.stores.journal import JournalStorage
from bot.stores.records import _apply, changed_part, journal_path
from bot.stores.snapshot import encode
from bot.stores.table import Database, JournalTable
from tests.faulty_files import Counting, Cut, Failing, PowerCut

KILLS = int(os.environ.get("TEST_KILLS", "30"))


def journal(db: TinyDB) -> JournalStorage:
    assert isinstance(db.storage, JournalStorage)
    return db.storage


def put(db: TinyDB, n: int, table: str = "a") -> None:
    """One commit that can be told from every other: number n, in two tables."""
    with journal(db).batch():
        our_table(db, table).put(f"{n % 7}", {"n": n, "text": "x" * (n % 50)})
        our_table(db, "last").put("last", {"n": n})


def our_table(db: TinyDB, name: str) -> JournalTable:
    table = db.table(name)
    assert isinstance(table, JournalTable)
    return table


def content(db: TinyDB) -> dict[str, dict[str, str]]:
    """Every table with its documents as text."""
    return {name: dict(journal(db).texts(name)) for name in sorted(db.tables()) if journal(db).texts(name)}


def on_disk(path: Path) -> dict[str, dict[str, str]]:
    return content(Database(path, read_only=True))


def expected_after(last: int) -> dict[str, dict[str, str]]:
    """The content after the commits 1 … last of `put`."""
    newest = {f"{n % 7}": f'{{"n":{n},"text":"{"x" * (n % 50)}"}}' for n in range(1, last + 1)}
    return {"a": newest, "last": {"last": f'{{"n":{last}}}'}} if last else {}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.json"


# -- what is written -----------------------------------------------------------------------------------


@pytest.mark.parametrize("documents", [0, 20_000])
def test_a_commit_costs_what_it_changes(path: Path, documents: int) -> None:
    """One commit over two tables is one write and one fsync of the same size in a small and in a large store."""
    files = Counting()
    db = Database(path, files=files)
    journal(db).change("a", [(f"old{n}", f'{{"n":{n},"text":"{"y" * 100}"}}') for n in range(documents)])
    calls, written, synced = files.calls, files.written, files.synced
    put(db, 1)

    assert (files.calls - calls, files.synced - synced) == (2, 1)
    assert files.written - written == len(
        f'12345678 {1 + bool(documents)} [["a","1",{{"n":1,"text":"x"}}],["last","last",{{"n":1}}]]\n'
    )
    db.close()


def test_a_commit_that_changes_nothing_writes_nothing(path: Path) -> None:
    """Putting what is there already, and removing what is not, is free."""
    files = Counting()
    db = Database(path, files=files)
    put(db, 1)
    calls = files.calls
    put(db, 1)
    our_table(db, "a").delete("no")
    db.table("a").update({"n": 2}, where("n") == 99)

    assert files.calls == calls
    db.close()


def test_a_large_store_is_not_written_whole_at_close(path: Path) -> None:
    """Closing costs little after little was changed; the journal is kept instead."""
    db = Database(path)
    journal(db).change(
        "a", [(f"old{n}", json.dumps({"text": "y" * 100}, separators=(",", ":"))) for n in range(12_000)]
    )
    db.close()
    files = Counting()
    db = Database(path, files=files)
    put(db, 1)
    db.close()

    assert files.written < 200
    assert on_disk(path)["last"] == {"last": '{"n":1}'}


def test_stock_tinydb_opens_a_closed_store(path: Path) -> None:
    """After a clean close the file is plain TinyDB JSON with everything in it."""
    db = Database(path)
    put(db, 1)
    db.close()
    with TinyDB(path) as stock:
        table = Table(stock.storage, "a")
        table.document_id_class = str  # type: ignore[assignment]

        assert stock.tables() == {"meta", "a", "last"}
        assert table.search(where("n") == 1) == [{"n": 1, "text": "x"}]


def test_old_journals_are_removed(path: Path) -> None:
    """The files beside the snapshot are those of the present and of the previous generation."""
    db = Database(path, limit=100, files=Counting())
    for n in range(1, 60):
        put(db, n)
    generation = journal(db)._generation
    assert generation > 3

    expected = {"store.json", "store.previous.json", f"store.{generation - 1}.journal", f"store.{generation}.journal"}
    assert {file.name for file in path.parent.iterdir()} == expected
    db.close()


def test_the_previous_generation_is_a_whole_backup(path: Path) -> None:
    """The previous snapshot, put in place, gives the present content: its journals are still there."""
    db = Database(path, limit=100, files=Counting())
    for n in range(1, 60):
        put(db, n)
    db.close()
    path.with_name("store.previous.json").replace(path)

    db = Database(path, limit=100, files=Counting())
    assert content(db) == expected_after(59)
    put(db, 60)
    db.close()
    assert on_disk(path) == expected_after(60)


# -- nothing aliases -----------------------------------------------------------------------------------


def test_results_do_not_alias_the_store(path: Path) -> None:
    """Changing what was read, or what was written, changes nothing stored."""
    db = Database(path)
    table = db.table("a")
    given = {"n": 1, "list": [1]}
    table.insert(Document(given, doc_id="1"))
    given["list"].append(2)  # type: ignore[attr-defined]
    for found in (
        table.get(doc_id="1"),  # type: ignore[arg-type]
        table.search(where("n") == 1)[0],
        table.search(where("n") == 1)[0],
        table.all()[0],
        table.get(where("n") == 1),
    ):
        assert isinstance(found, Document)
        assert found["list"] == [1]
        found["list"].append(3)

    assert table.all() == [{"n": 1, "list": [1]}]
    db.close()


def test_what_json_cannot_hold_is_refused(path: Path) -> None:
    """NaN, sets and the like change nothing; the storage's own table is not to be written."""
    db = Database(path)
    put(db, 1)
    for value in (float("nan"), {1}, object()):
        with pytest.raises((ValueError, TypeError)):
            our_table(db, "a").put("1", {"n": value})
    with pytest.raises(ValueError, match="own table"):
        our_table(db, "meta").put("1", {})

    assert content(db) == expected_after(1)
    db.close()


def test_a_batch_inside_a_batch_undoes_only_its_part(path: Path) -> None:
    """The outer batch goes on after an inner one failed, and is saved as one record."""
    db = Database(path)
    with journal(db).batch():
        put(db, 1)
        with pytest.raises(ZeroDivisionError), journal(db).batch():
            put(db, 2)
            raise ZeroDivisionError

    assert content(db) == on_disk(path) == expected_after(1)
    db.close()


def test_a_stock_table_works_on_the_storage(path: Path) -> None:
    """TinyDB's own table, which reads and writes whole tables, is slow here, but right."""
    db = Database(path)
    put(db, 1)
    table = Table(db.storage, "a")
    table.document_id_class = str  # type: ignore[assignment]
    table.update({"text": "y"}, where("n") == 1)

    assert on_disk(path)["a"] == {"1": '{"n":1,"text":"y"}'}
    assert on_disk(path)["last"] == expected_after(1)["last"]
    db.close()


# -- readers -------------------------------------------------------------------------------------------


def test_a_reader_cannot_write(path: Path) -> None:
    """What is opened for reading refuses every change, and creates nothing."""
    db = Database(path, read_only=True)
    with pytest.raises(StoreReadOnly):
        put(db, 1)
    with pytest.raises(StoreReadOnly):
        journal(db).compact()

    assert list(path.parent.iterdir()) == []


def test_a_closed_store_cannot_be_written(path: Path) -> None:
    """A late write is an error, not a write to a file that somebody else may hold."""
    db = Database(path)
    db.close()
    db.close()

    with pytest.raises(StoreError, match="closed"):
        put(db, 1)


def test_a_reader_is_consistent_while_the_writer_compacts(path: Path) -> None:
    """Whatever the writer does meanwhile, a reader sees the content after some whole commit, never going back."""
    db = Database(path, limit=100, files=Counting())
    put(db, 1)
    failures: list[object] = []
    done = threading.Event()

    def read() -> None:
        last = 1
        while not done.is_set():
            found = on_disk(path)
            n = json.loads(found["last"]["last"])["n"]
            if found != expected_after(n) or n < last:
                failures.append((n, last, found))
            last = n

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(2, 400):
        put(db, n)
    done.set()
    reader.join()

    assert failures == []
    assert journal(db)._generation > 20
    db.close()


# -- faults --------------------------------------------------------------------------------------------


def commit_all(path: Path, files: Failing) -> tuple[int, int]:
    """Commits 1, 2, … 12, each until it is taken, with snapshots in between. Returns the last one and the errors."""
    errors = 0
    db = None
    for n in range(1, 13):
        for _ in range(20):
            try:
                db = db or Database(path, limit=250, files=files)
                put(db, n)
                break
            except StoreError:
                errors += 1
                assert db is None or content(db) == expected_after(n - 1)
                # Once the disk works again, what failed is cut off at once.
                assert db is None or files.many > 1 or on_disk(path) == expected_after(n - 1)
        else:
            raise AssertionError("never worked again")
        assert db is not None
        assert content(db) == on_disk(path) == expected_after(n)
    assert db is not None
    db.close()
    return n, errors


@pytest.mark.parametrize("many", [1, 2, 3, 7])
def test_a_fault_at_any_operation_loses_nothing(tmp_path: Path, many: int) -> None:
    """Fault at call 1, 2, 3 … until a run meets none: no confirmed commit is lost, no failed one is claimed."""
    first = errors = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        folder.mkdir()
        files = Failing(first, many)
        last, failed = commit_all(folder / "store.json", files)
        assert on_disk(folder / "store.json") == expected_after(last)
        errors += failed
        if not files.failed:
            break

    assert first > 60
    assert errors > 15


def cut_short(path: Path, files: Any) -> int:
    """Commits until the power goes. Returns the last commit that was confirmed."""
    confirmed = 0
    try:
        db = Database(path, limit=250, files=files)
        for n in range(1, 13):
            put(db, n)
            confirmed = n
        db.close()
    except Cut:
        pass
    return confirmed


def survives(path: Path, confirmed: int) -> None:
    """Opening again gives all that was confirmed, or that and the one commit that was under way."""
    db = Database(path, limit=250, files=Counting())
    assert content(db) in (expected_after(confirmed), expected_after(confirmed + 1))
    put(db, 13)
    expected = content(db)
    db.close()
    assert on_disk(path) == expected


def test_a_cut_at_any_operation_loses_nothing(tmp_path: Path) -> None:
    """Killed, or without power, at call 1, 2, 3 …: what was confirmed is there, and the store goes on."""
    first = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        folder.mkdir()
        files = PowerCut(first, folder)
        confirmed = cut_short(folder / "store.json", files)
        left = files.leave(tmp_path / f"{first}-left")
        survives(left / "store.json", confirmed)
        survives(folder / "store.json", confirmed)
        if not files.was_hit:
            break

    assert first > 60


def test_a_cut_after_a_fault_loses_nothing(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 …, and no power after any later commit: what was confirmed is there, and nothing else."""
    first = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        folder.mkdir()
        files = PowerCut(10**9, folder)
        files.fails_at = first
        try:
            db = Database(folder / "store.json", limit=250, files=files)
        except StoreError:
            continue
        for n in range(1, 13):
            taken(db, n)
            left = files.leave(tmp_path / f"{first}-{n}-left")
            assert on_disk(left / "store.json") == content(db)
        if files.calls < first:
            break

    assert first > 60


def taken(db: TinyDB, n: int) -> bool:
    try:
        put(db, n)
    except StoreError:
        return False
    return True


def test_what_could_not_be_cut_off_is_cut_before_the_next_journal(path: Path) -> None:
    """A failed commit whose remains are still there does not stand in the way of a journal that follows."""

    class Broken(Counting):
        broken: tuple[str, ...] = ()

        def fsync(self, fd: int) -> None:
            if "fsync" in self.broken:
                raise self.error()

        def truncate(self, fd: int, size: int) -> None:
            if "truncate" in self.broken:
                raise self.error()
            super().truncate(fd, size)

        def rename(self, source: Path, target: Path) -> None:
            if "rename" in self.broken:
                raise self.error()
            super().rename(source, target)

    files = Broken()
    db = Database(path, files=files)
    put(db, 1)
    files.broken = ("fsync", "truncate")
    assert not taken(db, 2)
    files.broken = ("rename",)
    with pytest.raises(StoreError, match="cannot write"):
        journal(db).compact()
    put(db, 2)

    assert on_disk(path) == expected_after(2)
    db.close()


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """A real process, killed with -9 while it commits and compacts: what it confirmed is there, and it goes on."""
    path = tmp_path / "store.json"
    last = -1
    for trial in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.crash_journal", str(tmp_path), str(last + 1)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        for _ in range(1 + trial % 11):
            confirmed = child.stdout.readline()
        child.kill()
        confirmed = ([confirmed, *child.stdout.read().splitlines(keepends=True)])[-1]
        child.wait()
        child.stdout.close()
        found = on_disk(path)
        (last,) = map(int, found["c"])

        assert int(confirmed) <= last <= int(confirmed) + 1
        assert json.loads(found["b"]["last"]) == {"n": last}
        numbers = sorted(json.loads(text)["n"] for text in found["a"].values())
        assert numbers == list(range(max(0, last - 49), last + 1))


# -- torn and damaged files ----------------------------------------------------------------------------


@pytest.fixture
def three(path: Path) -> Path:
    """A store with three commits in its journal, not closed."""
    db = Database(path)
    for n in (1, 2, 3):
        put(db, n)
    return path


def test_a_torn_tail_is_cut_at_every_byte(three: Path, tmp_path: Path) -> None:
    """However much of the last record is there, the records before it are read and the next commit follows them."""
    file = journal_path(three, 1)
    whole = file.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for size in range(start, len(whole)):
        for tail in (b"", b"\0" * (len(whole) - size - 1) + b"\n", b"\0" * 5000):
            file.write_bytes(whole[:size] + tail)
            if whole[:size] + tail == whole or tail == b"\0\n":
                continue
            assert on_disk(three) == expected_after(2)
    db = Database(three)
    assert content(db) == expected_after(2)
    put(db, 3)
    assert on_disk(three) == expected_after(3)
    assert file.read_bytes() == whole
    db.close()


def damage(name: str, change: Callable[[bytes], bytes]) -> Any:
    return pytest.param(name, change, id=f"{name} {len(DAMAGES)}")


DAMAGES: list[Any] = []
for _name, _change in [
    ("store.json", lambda data: b""),
    ("store.json", lambda data: b"\n"),
    ("store.json", lambda data: b"\0" * len(data)),
    ("store.json", lambda data: b"null"),
    ("store.json", lambda data: b"[]"),
    ("store.json", lambda data: b"{}"),
    ("store.json", lambda data: b"[" * 100_000),
    ("store.json", lambda data: b'"text"'),
    ("store.json", lambda data: b'{"_default": {"1": {"a": 1}}}'),
    ("store.json", lambda data: b'{"meta": {"store": {"format": "other", "schema": 1, "generation": 1, "seq": 0}}}'),
    ("store.json", lambda data: b'{"meta": []}'),
    ("store.json", lambda data: b"\xef\xbb\xbf" + data),
    ("store.json", lambda data: data + b"{}"),
    ("store.json", lambda data: data.replace(b'"n":2', b'"n":7')),
    ("store.json", lambda data: data.replace(b'"seq":3', b'"seq":2')),
    ("store.json", lambda data: json.dumps(json.loads(data)).encode()),
    ("store.json", lambda data: data[: len(data) // 2]),
    ("store.json", lambda data: data[:-1]),
    ("store.json", lambda data: data[:-3]),
    ("store.json", lambda data: data.replace(b"\n", b"")),
    ("store.2.journal", lambda data: b""),
    ("store.2.journal", lambda data: data[:10]),
    ("store.2.journal", lambda data: data.replace(b"journal 2", b"journal 3")),
    ("store.2.journal", lambda data: data.replace(b"after 3", b"after 4")),
    ("store.2.journal", lambda data: data.replace(b'"n":5', b'"n":7', 1)),
    ("store.2.journal", lambda data: data.replace(b'"n":6', b'"n":7')),
    ("store.2.journal", lambda data: re.sub(rb"\n\w+ 5 .*", b"", data)),
    ("store.2.journal", lambda data: re.sub(rb"(\n\w+ 5 .*)", rb"\1\1", data)),
    ("store.2.journal", lambda data: data[:60] + b"\0" * 20 + data[80:]),
    ("store.2.journal", lambda data: data[:-1] + b"junk\n" + data[-1:]),
    ("store.2.journal", lambda data: data + b"junk\njunk"),
]:
    DAMAGES.append(damage(_name, _change))


@pytest.fixture
def six(path: Path) -> Path:
    """A store with three commits in its snapshot and three in its journal, and no previous generation."""
    db = Database(path)
    for n in range(1, 7):
        if n == 4:
            journal(db).compact()
        put(db, n)
    path.with_name("store.previous.json").unlink()
    journal_path(path, 1).unlink()
    return path


@pytest.mark.parametrize(("name", "change"), DAMAGES)
def test_damage_is_told_and_nothing_is_changed(six: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """A damaged file is an error that names the file and the way on; it is never read as less, and not written."""
    file = six.with_name(name)
    damaged = change(file.read_bytes())
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    for read_only in (True, False):
        with pytest.raises(StoreError, match=re.escape(str(file))) as caught:
            Database(six, read_only=read_only)
        assert re.search(r"Restore|truncate|remove", str(caught.value))

    assert file.read_bytes() == damaged


def test_every_flipped_byte_is_noticed(six: Path) -> None:
    """No single changed byte in the snapshot or the journal is read as something else."""
    for file in (six, journal_path(six, 2)):
        whole = file.read_bytes()
        for place in range(len(whole)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            try:
                found = on_disk(six)
            except StoreError:
                continue
            # The newline that ends the last record: without it the record is unfinished.
            assert (file.name, place, found) == ("store.2.journal", len(whole) - 1, expected_after(5))
        file.write_bytes(whole)


def test_the_way_on_after_damage_works(six: Path) -> None:
    """The command in the message gives up what is damaged, and the store opens."""
    file = journal_path(six, 2)
    file.write_bytes(file.read_bytes().replace(b'"n":5', b'"n":7', 1))
    with pytest.raises(StoreError) as caught:
        Database(six)
    command = re.search(r"truncate -s \d+ \S+", str(caught.value))
    assert command is not None
    subprocess.run(command[0], shell=True, check=True)

    assert on_disk(six) == expected_after(4)


def test_a_missing_snapshot_is_not_a_new_store(six: Path) -> None:
    """A store whose snapshot is gone, but not its journal, is damaged, not new."""
    six.unlink()

    for read_only in (True, False):
        with pytest.raises(StoreError, match="missing"):
            Database(six, read_only=read_only)


def test_a_missing_journal_is_told_with_the_way_on(six: Path) -> None:
    """A store without its journal lacks commits; the command in the message gives them up."""
    journal_path(six, 2).unlink()
    with pytest.raises(StoreError, match=r"store\.2\.journal is missing") as caught:
        Database(six)
    command = re.search(r"echo .*", str(caught.value))
    assert command is not None
    subprocess.run(command[0], shell=True, check=True)

    assert on_disk(six) == expected_after(3)


def test_a_missing_journal_in_the_middle_is_told(path: Path) -> None:
    """Later journals do not make up for one that is gone."""
    db = Database(path)
    for n in range(1, 7):
        if n in (3, 5):
            journal(db).compact()
        put(db, n)
    path.with_name("store.previous.json").replace(path)
    db = Database(path)
    assert content(db) == expected_after(6)
    journal_path(path, 2).unlink()

    with pytest.raises(StoreError, match=r"store\.2\.journal"):
        Database(path)


def test_the_way_on_is_the_previous_generation_where_there_is_one(three: Path) -> None:
    """A damaged snapshot with its predecessor beside it is mended by one `mv`, without loss."""
    db = Database(three)
    journal(db).compact()
    put(db, 4)
    three.write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        Database(three)
    command = re.search(r"mv .*", str(caught.value))
    assert command is not None
    subprocess.run(command[0], shell=True, check=True)

    assert on_disk(three) == expected_after(4)


def test_a_store_edited_by_hand_opens_once_its_checksum_is_taken_out(six: Path) -> None:
    """What a person changed on purpose, in any layout, is taken as it is."""
    data = json.loads(six.read_bytes())
    data["a"]["9"] = {"n": 9}
    del data["meta"]["store"]["sum"]
    six.write_text(json.dumps(data, indent=4))

    assert on_disk(six)["a"] == {**expected_after(6)["a"], "9": '{"n":9}'}


def test_a_foreign_file_beside_the_store_is_left_alone(three: Path) -> None:
    """Only the store's own journals are looked at."""
    other = three.with_name("notes.7.journal")
    other.write_text("mine")
    Database(three).close()

    assert other.read_text() == "mine"
    assert on_disk(three) == expected_after(3)


def test_a_file_system_without_links_keeps_no_previous_generation(path: Path) -> None:
    """Where a file cannot have two names, snapshots work and old journals still go."""

    class NoLinks(Counting):
        def link(self, source: Path, target: Path) -> None:
            raise OSError(1, "Operation not permitted")

    db = Database(path, limit=100, files=NoLinks())
    for n in range(1, 30):
        put(db, n)

    assert not path.with_name("store.previous.json").exists()
    assert len(list(path.parent.glob("*.journal"))) == 2
    db.close()
    assert on_disk(path) == expected_after(29)


# -- schemas -------------------------------------------------------------------------------------------


def rename_n(tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    """A made-up migration."""
    for document in tables.get("a", {}).values():
        document["number"] = document.pop("n")


def drop_last(tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Another one."""
    tables.pop("last", None)


MIGRATIONS = {1: rename_n, 2: drop_last}


def migrated(path: Path, **more: Any) -> Database:
    return Database(path, schema=3, migrations=MIGRATIONS, **more)


def test_an_older_schema_is_migrated_with_a_backup(three: Path) -> None:
    """Every step is done in order, and the store as it was is kept under a date."""
    db = migrated(three)
    after = {"a": {f"{n}": f'{{"text":"{"x" * n}","number":{n}}}' for n in (1, 2, 3)}}
    assert content(db) == after
    db.close()

    assert content(migrated(three, read_only=True)) == after
    (backup,) = three.parent.glob("backups/*.json")
    assert re.fullmatch(r"store-\d{4}-\d\d-\d\d\.schema-1\.json", backup.name)
    with pytest.raises(SchemaTooNew, match="newer version"):
        Database(three)
    shutil.move(backup, three)
    db = Database(three)
    assert content(db) == expected_after(3)
    put(db, 4)
    db.close()
    assert on_disk(three) == expected_after(4)


def test_a_reader_migrates_in_memory_only(three: Path) -> None:
    """A reader of an older store sees it in the present schema and leaves the files alone."""
    before = {file.name: file.read_bytes() for file in three.parent.iterdir()}

    assert set(content(migrated(three, read_only=True))) == {"a"}
    assert {file.name: file.read_bytes() for file in three.parent.iterdir()} == before


def test_a_fault_in_any_step_of_a_migration_loses_nothing(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 …: the store stays readable and the next start ends the migration."""
    first = 0
    while True:
        first += 1
        path = tmp_path / f"{first}" / "store.json"
        path.parent.mkdir()
        db = Database(path, files=Counting())
        for n in (1, 2, 3):
            put(db, n)
        files = Failing(first)
        try:
            migrated(path, files=files).close()
        except StoreError:
            assert files.failed
        db = migrated(path, files=Counting())
        assert set(content(db)) == {"a"}
        assert [json.loads(text)["number"] for text in content(db)["a"].values()] == [1, 2, 3]
        db.close()
        if not files.failed:
            break

    assert first > 10


# -- files that vanish or are replaced under the running program ------------------------------------------


def gone(path: Path) -> None:
    """The folder is deleted."""
    shutil.rmtree(path.parent)


def moved(path: Path) -> None:
    """The folder is renamed."""
    path.parent.rename(path.parent.with_name("elsewhere"))


def swapped(path: Path) -> None:
    """Another store is put in its place."""
    moved(path)
    shutil.copytree(path.parent.with_name("elsewhere"), path.parent)


def journal_gone(path: Path) -> None:
    """Only the journal is deleted."""
    journal_path(path, 1).unlink()


@pytest.mark.parametrize("happens", [gone, moved, swapped, journal_gone])
def test_a_store_that_was_taken_away_says_so_and_touches_nothing(tmp_path: Path, happens: Any) -> None:
    """The next commit is an error in words, not a write into nowhere or into files that are not ours."""
    path = tmp_path / "data" / "store.json"
    path.parent.mkdir()
    db = Database(path, files=Counting())
    put(db, 1)
    happens(path)
    before = {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()}
    for _ in range(2):
        with pytest.raises(StoreError, match="removed or replaced under the running program"):
            put(db, 2)
        assert content(db) == expected_after(1)
    with pytest.raises(StoreError, match="removed or replaced"):
        journal(db).back_up(date(2026, 11, 24))
    with pytest.raises(StoreError, match="removed or replaced"):
        journal(db).compact()
    db.close()

    assert {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()} == before


def test_a_store_that_comes_back_goes_on(tmp_path: Path) -> None:
    """A folder that was away for a while, and is the same, is written again without a restart; nothing is lost."""
    path = tmp_path / "data" / "store.json"
    path.parent.mkdir()
    db = Database(path, files=Counting())
    put(db, 1)
    moved(path)
    assert not taken(db, 2)
    path.parent.with_name("elsewhere").rename(path.parent)
    put(db, 2)
    db.close()

    assert on_disk(path) == expected_after(2)


def test_a_snapshot_that_was_replaced_is_noticed_and_kept(three: Path) -> None:
    """A file that somebody put in the snapshot's place is not written over: not at a backup, not at the end."""
    db = Database(three, limit=1)
    put(db, 4)
    three.write_bytes(b"mine")
    with pytest.raises(StoreError, match=r"store\.json was removed or replaced"):
        journal(db).back_up(date(2026, 11, 24))
    put(db, 5)
    db.close()

    assert three.read_bytes() == b"mine"


# -- the whole corpus: refused in words, or exactly what was saved ----------------------------------------


def outcomes(path: Path) -> dict[str, dict[str, str]] | None:
    """What is read, None if it is refused; the same by a reader and by the writer, and a refusal changes nothing."""
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    try:
        found = on_disk(path)
    except StoreError as error:
        assert str(path.parent) in str(error)
        with pytest.raises(StoreError):
            Database(path, files=Counting())
        assert {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before
        return None
    return found


def test_a_file_cut_at_any_byte_is_refused_or_read_as_some_commit_left_it(six: Path) -> None:
    """A snapshot that is cut anywhere is refused. A journal that is cut looks like one whose last commit was cut short:
    it is read up to there, never as empty; cut within its first line it is refused."""
    for file in (six, journal_path(six, 2)):
        whole = file.read_bytes()
        header = whole.index(b"\n") + 1
        for size in range(len(whole)):
            file.write_bytes(whole[:size])
            found = outcomes(six)
            if file == six or size < header:
                assert found is None, (file.name, size)
            else:
                assert found in [expected_after(n) for n in (3, 4, 5)], (file.name, size)
        file.write_bytes(whole)


@pytest.mark.parametrize("mask", [1, 32, 128])
def test_a_changed_bit_is_refused_or_only_the_unfinished_end(six: Path, mask: int) -> None:
    """No single changed bit, anywhere, is read as something that was never saved."""
    for file in (six, journal_path(six, 2)):
        whole = file.read_bytes()
        for place in range(len(whole)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
            found = outcomes(six)
            assert found in (None, expected_after(5)), (file.name, place)
            assert found is None or (file != six and place == len(whole) - 1), (file.name, place)
        file.write_bytes(whole)


def in_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_another_store(path: Path) -> None:
    other = path.parent / "other" / "store.json"
    other.parent.mkdir()
    db = Database(other, files=Counting())
    for n in range(1, 4):
        if n == 2:
            journal(db).compact()
        put(db, n, "b")
    db.close()
    path.write_bytes((other.parent / path.name).read_bytes())


@pytest.mark.parametrize("name", ["store.json", "store.2.journal"])
@pytest.mark.parametrize("change", [in_folder, of_another_store])
def test_what_is_no_file_of_this_store_is_refused(six: Path, name: str, change: Any) -> None:
    """A folder in a file's place, or another store's file: refused, with the file's name and the way on."""
    change(six.with_name(name))

    for read_only in (True, False):
        with pytest.raises(StoreError, match=re.escape(str(six.with_name(name)))) as caught:
            Database(six, read_only=read_only, files=Counting())
        assert "Restore the folder" in str(caught.value)


def test_swapped_journals_are_refused(path: Path) -> None:
    """A journal under another's number is not replayed."""
    db = Database(path, files=Counting())
    put(db, 1)
    journal(db).compact()
    put(db, 2)
    shutil.copy(journal_path(path, 1), journal_path(path, 2))

    with pytest.raises(StoreError, match=r"store\.2\.journal does not begin as it must"):
        Database(path, files=Counting())


LONG = {"a": 1, "b": "two", "c": [3], "d": {"e": 4}, "f": 5}


@pytest.mark.parametrize(
    ("after", "part"),
    [
        ({**LONG, "a": 9}, '{"a":9}'),
        ({**LONG, "a": True}, '{"a":true}'),
        ({**LONG, "c": [True]}, '{"c":[true]}'),
        ({**LONG, "d": {"e": 5}, "f": 6}, '{"d":{"e":5},"f":6}'),
        ({**LONG, "a": 0, "b": 0, "c": 0}, None),  # more than half of it
        ({**LONG, "g": 7}, None),
        ({"a": 1, "b": "two", "c": [3], "d": {"e": 4}}, None),
        (dict(reversed(LONG.items())), None),
    ],
)
def test_of_a_document_the_smaller_part_is_written(after, part):
    """Where it is the same otherwise, field by field, so that a replay spells it alike."""
    assert changed_part(encode(LONG), encode(after)) == part


def test_parts_are_replayed(tmp_path):
    """Over several journals, and whatever became of the document or its table between two of them."""
    path = tmp_path / "store.json"
    storage = JournalStorage(path)

    def put(doc_id, **fields):
        storage.change("t", [(doc_id, encode({**LONG, **fields}))])

    for doc_id in ("kept", "gone", "new"):
        put(doc_id)
        put(doc_id, a=2)
    storage.change("t", [("gone", None), ("new", None)])
    put("new", b="other")
    put("new", b="other", f=6)
    put("kept", a=2, f=7)
    left = {"kept": {**LONG, "a": 2, "f": 7}, "new": {**LONG, "b": "other", "f": 6}}

    assert JournalStorage(path, read_only=True).texts("t") == {name: encode(one) for name, one in left.items()}
    assert (tmp_path / "store.1.journal").read_text().count(",0]") == 5


def test_a_part_of_what_is_not_there_is_damage(tmp_path):
    """It is none of ours, though its checksum holds."""
    tables: dict[str, dict[str, str]] = {}
    with pytest.raises(KeyError):
        _apply(tables, {}, [["t", "1", {"a": 1}, 0]])
    with pytest.raises(ValueError, match="4 parts"):
        _apply(tables, {}, [["t", "1", {"a": 1}, 0, 1]])
