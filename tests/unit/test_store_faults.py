"""The embedded store on a disk that fails: every operation of the files, under every operation of the store."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.stores.backups import backups
from bot.stores.files import Files
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.faulty_files import Counting, Failing
from tests.store_play import ANN, DAY, NOW, audited, commit, follow, held, news, play
from tests.unit.test_migrations import delivery, known, put, schema_1


async def test_a_fault_at_any_operation_of_the_store(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 … until a day meets none: all that was acknowledged is there, and the audit is content.

    Two in a row, so that the mending fails too. Takes its time: a day has a hundred calls.
    """
    first = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        files = Failing(first, 2)
        expected = await play(folder, files)
        found, audit = await audited(folder)
        assert found == expected
        assert audit.ok, audit.faults
        if not files.failed:
            break
        shutil.rmtree(folder)

    assert first > 100


async def test_the_day_meets_every_operation_of_the_files(tmp_path: Path) -> None:
    """What is made to fail above is all that changes the disk: each operation happens in a day."""
    seen: Counter[str] = Counter()

    class Naming(Counting):
        def __getattribute__(self, name: str) -> object:
            if name in {"open", "write", "truncate", "fsync", "rename", "link", "unlink", "sync_folder", "make_folder"}:
                seen[name] += 1
            return super().__getattribute__(name)

    await play(tmp_path / "data", Naming())

    assert len(seen) == 9


async def test_a_fault_at_any_operation_of_a_migration(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 … of opening an older store: it stays as it was, and the next start ends it."""
    first = 0
    while True:
        first += 1
        folder = tmp_path / f"{first}"
        put(folder, schema_1(delivery("1"), threads=(known("1"),)))
        files = Failing(first)
        try:
            await (await TinyStore.open(folder, files=files)).close()
        except StoreError:
            assert files.failed
        store = await TinyStore.open(folder, files=Counting())
        assert await store.threads() == (known("1", queued=("me",)),)
        await store.close()
        assert [backup.kind for backup in backups(folder / "store.json")] == ["schema-1"]
        if not files.failed:
            break

    assert first > 15


# -- taken away under the running program ------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "lock"])
async def test_a_store_that_was_taken_away_is_not_begun_anew(tmp_path: Path, what: str) -> None:
    """Without its folder, or the file that holds the lock, nothing is saved, claimed or written, and it says why."""
    folder = tmp_path / "data"
    store = await TinyStore.open(folder, files=Counting())
    await follow(store)
    await commit(1)(store)
    if what == "folder":
        shutil.rmtree(folder)
    else:
        (folder / "store.lock").unlink()
    before = await held(store)
    for change in (commit(2)(store), store.claim("me", NOW), store.back_up(NOW), store.set_paused(ANN, True)):
        with pytest.raises(StoreError, match="removed or replaced under the running program"):
            await change
    assert await held(store) == before
    await store.close()

    assert folder.exists() is (what == "lock")
    assert not list(tmp_path.glob("data/archive/**/2.json"))


async def test_a_draft_that_cannot_be_finished_does_not_keep_the_room(tmp_path: Path) -> None:
    """A kept thread that does not fit leaves no half file behind."""

    class Full(Files):
        def write(self, fd: int, data: bytes) -> None:
            super().write(fd, data[: len(data) // 2])
            raise OSError(28, "No space left on device")

    store = await TinyStore.open(tmp_path, files=Counting())
    await follow(store)
    store._ledger._archive._files = Full()
    with pytest.raises(StoreError, match="No space left"):
        await store.commit(news(1))
    await store.close()

    assert not list(tmp_path.rglob("*.tmp"))


async def test_an_import_on_a_disk_that_fails_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whichever call fails: nobody is followed who was not, and at the next try all is there."""
    source = MemoryStore()
    for step in DAY:
        await step(source)
    records = [record async for record in source.export()]
    first = opening = await _calls_of_opening(tmp_path / "none")
    failed = True
    while failed:
        first += 1
        files = Failing(first)
        store = await TinyStore.open(tmp_path / f"{first}", files=files)
        try:
            await store.restore(lambda: iter(records))
        except StoreError:
            assert await held(store) == await held(MemoryStore())
            await store.restore(lambda: iter(records))
        assert await held(store) == await held(source)
        failed = files.failed > 0
        await store.close()

    assert first > opening + 15


async def _calls_of_opening(folder: Path) -> int:
    files = Counting()
    store = await TinyStore.open(folder, files=files)
    calls = files.calls
    await store.close()
    return calls
