"""`threads --search` on a real archive, as a person and as a program read it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import cli
from bot.commands.listing import threads
from bot.errors import NotFound
from bot.model import Post
from bot.settings import made
from bot.stores.archive import Archive
from bot.stores.tiny import TinyStore
from tests.fakes import World
from tests.faulty_files import Counting

TEXTS = {"t0": "The harbour wall", "t1": "A Harbour of walls", "t2": "Nothing of it"}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A closed store with three threads of @ann, read whole and sent."""
    world = World(store=await TinyStore.open(tmp_path / "data", files=Counting()))
    await world.follow()
    for key in TEXTS:
        world.clock.advance(minutes=1)
        world.site.publish(key, world.clock())
        await world.round()
    await world.store.close()
    archive = Archive(tmp_path / "data" / "archive", Counting())
    for key, text in TEXTS.items():
        thread = archive.read("fake:ann", key)
        assert thread is not None
        archive.write(replace(thread, posts=(Post(id="1", text=text),)))
    return tmp_path / "data"


async def search(folder: Path, *typed: str, json: bool = False) -> int:
    args = cli.parser().parse_args(["threads", *typed, *(["--json"] if json else [])])
    return await threads(args, made(data_dir=folder))


async def test_what_was_found_as_a_table(folder: Path, capsys: Any) -> None:
    """The newest first; title, posts, state, id, and the line where it was found."""
    await search(folder, "--search", "harbour wall")
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]

    assert [(row[1], *row[4:]) for row in rows] == [
        ("@ann", "sent", "t1", "A Harbour of walls"),
        ("@ann", "sent", "t0", "The harbour wall"),
    ]


async def test_a_quoted_phrase_is_one(folder: Path, capsys: Any) -> None:
    """Its words must stand together."""
    await search(folder, "@ann", "--search", '"harbour wall"', json=True)

    assert [thread["id"] for thread in json.loads(capsys.readouterr().out)["threads"]] == ["t0"]


async def test_the_document_is_that_of_threads(folder: Path, capsys: Any) -> None:
    """The same keys, and `match`."""
    await search(folder, json=True)
    listed = json.loads(capsys.readouterr().out)["threads"]
    await search(folder, "--search", "nothing", json=True)
    (found,) = json.loads(capsys.readouterr().out)["threads"]

    assert found.pop("match") == "Nothing of it"
    assert found == next(thread for thread in listed if thread["id"] == "t2")


async def test_threads_of_the_unfollowed_are_found(folder: Path, capsys: Any) -> None:
    """What was kept of them outlives the subscription."""
    store = await TinyStore.open(folder, files=Counting())
    await store.unsubscribe([subscription.id for subscription in await store.subscriptions()])
    await store.close()
    await search(folder, "--search", "nothing", json=True)
    (found,) = json.loads(capsys.readouterr().out)["threads"]

    assert (found["id"], found["author"], found["state"], found["first_seen"]) == ("t2", "@ann", "unfollowed", None)


async def test_damaged_files_are_left_out_with_a_note(folder: Path, capsys: Any) -> None:
    """One note for all of them; the rest is found."""
    for key in ("t0", "t2"):
        Archive(folder / "archive").path("fake:ann", key).write_text("{")
    code = await search(folder, "--search", "harbour", json=True)
    out, err = capsys.readouterr()

    assert (code, [thread["id"] for thread in json.loads(out)["threads"]]) == (0, ["t1"])
    assert err.startswith("2 kept files left out; the first: ")
    assert err.count("\n") == 1


async def test_nothing_found(folder: Path, capsys: Any) -> None:
    """Is said, and is no failure."""
    code = await search(folder, "--search", "absent")

    assert (code, *capsys.readouterr()) == (0, "", "No kept thread holds all of that.\n")


async def test_an_author_who_is_not_followed(folder: Path) -> None:
    """Is an error, as in the list."""
    with pytest.raises(NotFound):
        await search(folder, "@bob", "--search", "x")


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_a_search_for_nothing_is_refused(text: str, capsys: Any) -> None:
    """On the command line, in words."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["threads", "--search", text])

    assert caught.value.code == 2
    assert "has no word to search for" in capsys.readouterr().err


async def test_a_pruned_copy_is_listed_as_such(folder: Path, capsys: Any) -> None:
    """The thread stays in the list, without its copy."""
    store = await TinyStore.open(folder, files=Counting())
    while await store.prune_copies(datetime.now(UTC) + timedelta(days=9), older_than=None, most_bytes=0):
        pass
    await store.close()
    await search(folder, json=True)

    assert {t["copy"] for t in json.loads(capsys.readouterr().out)["threads"]} == {"pruned"}
