"""The audit on a real store that the flow filled, and that somebody then broke by hand."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.audit import audit
from bot.commands.auditing import SHOWN, books, check_store
from bot.settings import made
from bot.stores.tiny import TinyStore
from tests.fakes import FakeChannel, World
from tests.faulty_files import Counting

ANN = "fake:ann"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A closed store with a baseline thread and two that were sent to two channels."""
    data = tmp_path / "data"
    world = World(
        store=await TinyStore.open(data, files=Counting()), channels=(FakeChannel("me"), FakeChannel("team"))
    )
    world.site.publish("old", world.clock())
    await world.follow()
    for key in ("new1", "new2"):
        world.clock.advance(minutes=1)
        world.site.publish(key, world.clock())
    await world.round()
    await world.store.close()
    return data


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the store as a person with an editor does."""
    path = folder / "store.json"
    found = json.loads(path.read_text())
    edit(found)
    del found["meta"]["store"]["sum"]
    path.write_text(json.dumps(found))


async def faults(folder: Path) -> dict[str, list[str]]:
    reader = await TinyStore.open(folder, read_only=True)
    found = audit(await books(reader, at_work=False))
    await reader.close()
    return {
        kind: [f"{one.thread} {one.channel}".strip() for one in offenders]
        for kind, offenders in found.faults.items()
        if offenders
    }


def row_of(found: dict[str, Any], thread: str, channel: str) -> str:
    rows = found["deliveries"].items()
    return next(id_ for id_, row in rows if (row["thread"], row["channel"]) == (thread, channel))


def lose_a_row(found: dict[str, Any]) -> None:
    del found["deliveries"][row_of(found, "new1", "team")]


def lose_a_thread(found: dict[str, Any]) -> None:
    del found["threads"][f"{ANN}/new1"]


def announce_the_baseline(found: dict[str, Any]) -> None:
    found["threads"][f"{ANN}/old"]["state"] = "announced"


def give_a_second_row(found: dict[str, Any]) -> None:
    found["deliveries"]["again"] = found["deliveries"][row_of(found, "new1", "me")]


def make_them_one_thread(found: dict[str, Any]) -> None:
    found["threads"][f"{ANN}/new2"]["aliases"] = ["new1"]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda _: None, {}),
        (lose_a_row, {"lost": ["new1 team"]}),
        (lose_a_thread, {"without_thread": ["new1 me", "new1 team"]}),
        (announce_the_baseline, {"never_queued": ["old"]}),
        (give_a_second_row, {"sent_twice": ["new1 me"]}),
        (make_them_one_thread, {"sent_twice": ["new2 me", "new2 team"]}),
    ],
    ids=["in order", "row", "thread", "baseline", "second row", "one thread"],
)
async def test_what_was_broken_by_hand_is_found(folder: Path, edit: Any, expected: dict[str, list[str]]) -> None:
    """Each kind of break is told, with the thread and the channel."""
    change(folder, edit)

    assert await faults(folder) == expected


@pytest.mark.parametrize("how", ["removed", "damaged", "a card"])
async def test_a_lost_copy_is_found(folder: Path, how: str) -> None:
    """A kept thread that is gone, cannot be parsed, or is only the card that a listing shows."""
    (file,) = (folder / "archive").rglob("new1.json")
    if how == "removed":
        file.unlink()
    elif how == "damaged":
        file.write_text(file.read_text()[:-20])
    else:
        file.write_text(file.read_text().replace('"whole": true', '"whole": false'))

    assert await faults(folder) == {"no_copy": ["new1"]}


def options(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"json": False, **more})


async def test_the_command_names_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A count that is not zero is marked, its offenders are named, and the exit status is 1."""
    change(folder, lose_a_row)
    code = await check_store(options(), made(data_dir=folder))
    out = capsys.readouterr().out

    assert code == 1
    assert "FAIL 1 queued for a channel, but the delivery is gone" in out
    assert "fake:ann new1 to team: there is no delivery" in out
    assert out.count("ok  ") == 4


async def test_the_command_is_content_beside_a_running_bot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All zero is exit 0; another process that holds the store is no hindrance."""
    store = await TinyStore.open(folder)
    code = await check_store(options(), made(data_dir=folder))
    await store.close()
    out = capsys.readouterr().out

    assert code == 0
    assert [line[:6] for line in out.splitlines()[:5]] == ["ok   0"] * 5
    assert "Audited: 3 threads, 4 deliveries." in out


async def test_the_command_as_one_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` has every kind, with count, meaning and offenders; keys are a contract."""
    change(folder, lose_a_row)
    code = await check_store(options(json=True), made(data_dir=folder))
    found = json.loads(capsys.readouterr().out)

    assert (code, found["ok"], found["threads"], found["deliveries"]) == (1, False, 3, 3)
    assert list(found["faults"]) == ["never_queued", "lost", "without_thread", "sent_twice", "no_copy"]
    assert list(found["notes"]) == ["in_doubt", "dead", "repeated"]
    assert found["faults"]["lost"]["count"] == 1
    assert found["faults"]["lost"]["offenders"] == [
        {"author": ANN, "thread": "new1", "channel": "team", "delivery": None, "why": "there is no delivery"}
    ]


async def test_many_offenders_are_not_all_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty of a kind are named, and how many more there are."""

    def lose_many(found: dict[str, Any]) -> None:
        for n in range(SHOWN + 5):
            found["threads"][f"{ANN}/t{n}"] = found["threads"][f"{ANN}/old"] | {"state": "announced"}

    change(folder, lose_many)
    await check_store(options(), made(data_dir=folder))
    out = capsys.readouterr().out

    assert (out.count("without any delivery"), "       and 5 more" in out.splitlines()) == (SHOWN, True)
