"""The store under the whole program: damaged, gone back to, on a full disk and on one that may only be read."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.command import keepcurrent
from tests.disks import mounted
from tests.e2e.test_program import AUTHOR, NEW


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything but the lock, which bears the last owner's pid."""
    found = (file for file in folder.rglob("*") if file.is_file() and file.name != "store.lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.mark.parametrize("damage", ["emptied", "gone"])
async def test_a_damaged_store_sends_nothing_and_is_left_as_it_is(home, site, recorder, damage):
    """`poll` refuses with exit 1, says where and how to go on, delivers nothing and writes nothing."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    path = home / "data" / "store.json"
    path.unlink()
    if damage == "emptied":
        path.touch()
    before = files_of(home / "data")
    polled = await keepcurrent("poll", "--all", cwd=home)

    assert polled.code == 1
    assert recorder.bodies == []
    assert files_of(home / "data") == before
    assert "data/store.json cannot be read: " in polled.err
    assert "Traceback" not in polled.err
    assert re.search(r": mv \S+ \S+$", polled.err, re.MULTILINE)


async def test_going_back_to_the_day_s_backup_as_the_message_says(home, site, recorder):
    """The command in the message gives a store that audits clean; the next poll brings what was new, nothing else."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    await keepcurrent("poll", "--all", cwd=home)
    (backup,) = (home / "data" / "backups").iterdir()
    for file in (home / "data").glob("store*"):
        if file.is_file() and file.suffix != ".lock":
            file.write_bytes(b"damaged")
    site.publish(NEW)
    refused = await keepcurrent("poll", "--all", cwd=home)
    (command,) = re.findall(r": (mv .*; cp .*)$", refused.err, re.MULTILINE)
    subprocess.run(command, shell=True, check=True, cwd=home)
    audited = await keepcurrent("check", "--store", cwd=home)
    polled = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert backup.name == f"store-{datetime.now(UTC):%Y-%m-%d}.json"
    assert (refused.code, audited.code, polled.code) == (1, 0, 0)
    assert [new["id"] for new in polled.json["new"]] == [NEW.key]
    assert len(recorder.bodies) == 1


async def test_the_audit_of_the_whole_program(home, site, recorder):
    """`check --store --json` is one document; a row taken out by hand is exit 1, and is named."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=home)
    good = await keepcurrent("check", "--store", "--json", cwd=home)
    path = home / "data" / "store.json"
    store = json.loads(path.read_text())
    store["deliveries"].clear()
    del store["meta"]["store"]["sum"]
    path.write_text(json.dumps(store))
    bad = await keepcurrent("check", "--store", cwd=home)
    alone = await keepcurrent("check", "--json", cwd=home)

    assert (good.code, good.json["ok"], good.err) == (0, True, "")
    assert (bad.code, alone.code) == (1, 2)
    assert f"{NEW.key} to me: there is no delivery" in bad.out


async def test_a_full_disk_is_said_and_nothing_is_lost(home, site, recorder):
    """`poll` on a full disk is exit 1 in words and sends nothing; with room again the thread arrives, once."""
    with mounted(home / "data") as disk:
        await keepcurrent("follow", AUTHOR, cwd=home)
        site.publish(NEW)
        disk.fill()
        full = await keepcurrent("poll", "--all", cwd=home)
        sent = len(recorder.bodies)
        disk.make_room()
        rounds = [await keepcurrent("poll", "--all", cwd=home) for _ in range(2)]
        audited = await keepcurrent("check", "--store", cwd=home)

    assert (full.code, sent) == (1, 0)
    assert "No space left on device" in full.err
    assert "Traceback" not in full.err
    assert [result.code for result in (*rounds, audited)] == [0, 0, 0]
    assert len(recorder.bodies) == 1


async def test_a_disk_that_may_only_be_read_is_said(home, site, recorder):
    """`poll` and `run` on a read-only disk are exit 1 in words; listings and the audit work; then all goes on."""
    with mounted(home / "data") as disk:
        await keepcurrent("follow", AUTHOR, cwd=home)
        site.publish(NEW)
        disk.set_read_only(True)
        refused = [await keepcurrent(command, cwd=home) for command in ("poll", "run")]
        listed = [await keepcurrent(*command, cwd=home) for command in (["authors"], ["check", "--store"])]
        disk.set_read_only(False)
        polled = await keepcurrent("poll", "--all", cwd=home)

    assert [(result.code, "Read-only file system" in result.err) for result in refused] == [(1, True)] * 2
    assert [result.code for result in (*listed, polled)] == [0, 0, 0]
    assert len(recorder.bodies) == 1
