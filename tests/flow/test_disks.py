"""The running bot on a disk that fills up, and after an old backup was put back."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.audit import audit
from bot.commands.auditing import books
from bot.runners import local
from bot.stores.backups import backups, place
from bot.stores.tiny import TinyStore
from tests.disks import mounted
from tests.fakes import World
from tests.faulty_files import Counting
from tests.running import Running, now


async def audited(store: Any) -> None:
    found = audit(await books(store, at_work=True))
    assert found.ok, found.faults


async def test_a_running_bot_on_a_full_disk_pauses_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it cannot save it does not take for seen, and sends nothing of it; with room again all arrives, once."""
    monkeypatch.setattr(local, "STORE_PAUSE", timedelta(milliseconds=50))
    with mounted(tmp_path / "data") as disk:
        store = await TinyStore.open(disk.folder)
        async with Running(store=store) as running:
            disk.fill()
            for n in range(3):
                running.world.site.publish(f"new{n}", now())
            await running.until(lambda: "No space left on device" in caplog.text)
            known = {thread.key for thread in await store.threads()}
            sent = running.world.arrived()
            disk.make_room()
            await running.until(lambda: len(running.world.arrived()) >= 3)
        await audited(store)
        await store.close()

    assert (known, sent) == (set(), [])
    assert sorted(running.world.arrived()) == ["new0", "new1", "new2"]


async def test_a_running_bot_whose_folder_is_removed_says_so_and_stops_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It pauses in words rather than pretend to save; the folder is not begun anew."""
    monkeypatch.setattr(local, "STORE_PAUSE", timedelta(milliseconds=50))
    folder = tmp_path / "data"
    async with Running(store=await TinyStore.open(folder, files=Counting())) as running:
        shutil.rmtree(folder)
        running.world.site.publish("new", now())
        await running.until(lambda: "removed or replaced under the running program" in caplog.text)
    await running.store.close()

    assert running.world.arrived() == []
    assert not folder.exists()


def put_back(folder: Path) -> None:
    """Yesterday's backup in the store's place, as the messages say; the archive stays as it is."""
    newest = backups(folder / "store.json")[0]
    shutil.copy(newest.path, folder / "store.json")


@pytest.mark.parametrize("many", [2, 8])
async def test_an_old_backup_that_is_put_back_loses_nothing_and_is_no_flood(tmp_path: Path, many: int) -> None:
    """What was announced since is announced again, as one notice; what was announced before is not."""
    folder = tmp_path / "data"
    world = World(store=await TinyStore.open(folder, files=Counting()))
    world.site.page_size = 20
    world.site.publish("old", world.clock())
    await world.follow()
    world.site.publish("before", world.clock() + timedelta(minutes=1))
    await world.round()
    await world.round(hours=24)
    assert place(folder / "store.json", world.clock().date()).exists()
    for n in range(many):
        world.site.publish(f"since{n}", world.clock() + timedelta(minutes=n + 1))
        await world.round(hours=1)
    await world.store.close()
    before = len(world.channels[0].inbox)
    put_back(folder)

    world.store = await TinyStore.open(folder, files=Counting())
    world.build()
    await audited(world.store)
    await world.round()
    await audited(world.store)
    await world.store.close()
    again = world.channels[0].inbox[before:]

    assert len(again) == 1
    assert sorted(world.arrived()) == sorted(["before", *[f"since{n}" for n in range(many)] * 2])


async def test_the_day_s_backup_is_made_by_the_first_round_of_the_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rounds of one day make one backup; the next day's first round makes the next."""
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "data"
    world = World(store=await TinyStore.open(folder, files=Counting()))
    await world.follow()
    for _ in range(30):
        await world.round(hours=1)
    await world.store.close()

    assert [backup.day.day for backup in backups(folder / "store.json")] == [2, 1]
    assert caplog.text == ""
