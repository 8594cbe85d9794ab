"""To another machine, and to and from other readers: nothing comes twice, nothing is lost, no secret goes out."""

from __future__ import annotations

import asyncio
import io
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.commands import exchanging
from bot.demo.site import samples
from bot.door import client
from bot.exchange import opml
from bot.exchange.opml import Outline
from bot.model import Alert, Delivery
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.command import eventually
from tests.fakes import START, FakeChannel, World
from tests.faulty_files import Counting
from tests.moves import exported, imported, moved
from tests.service import keepcurrent, one_process, running, write_settings

__all__ = ["one_process"]

AUTHOR = f"@{samples().author.handle}"
NEW = samples().upcoming[0]


async def tiny(folder: Path) -> TinyStore:
    return await TinyStore.open(folder, files=Counting())


# -- to another machine -----------------------------------------------------------------------------------


@pytest.fixture
async def world() -> World:
    """An author with a baseline, and a thread in each state that a delivery can be in."""
    world = World(store=MemoryStore(), channels=(FakeChannel("me"),))
    me = world.channels[0]
    world.site.page_size = 20
    for day in range(1, 4):
        world.site.publish(f"old{day}", START - timedelta(days=day))
    await world.follow()
    for name, mode in [("sent", "ok"), ("refused", "refused"), ("doubted", "lost"), ("pending", "down")]:
        me.mode = mode
        world.site.publish(name, world.clock() + timedelta(minutes=1))
        await world.round()
    me.mode = "ok"
    return world


async def states(store) -> dict[str, str]:
    return {row.entry_key: row.state for row in await store.deliveries()}


async def test_a_move_repeats_nothing_and_loses_nothing(world, tmp_path):
    """Sent stays sent, what waits is sent there, what is in doubt stays in doubt, the baseline stays quiet, and what is
    published afterwards is news."""
    before = await states(world.store)
    store = await tiny(tmp_path)
    await moved(world, store)
    after = await states(store)
    world.site.publish("later", world.clock())
    for _ in range(4):
        await world.round(hours=3)

    assert before == {"sent": "sent", "refused": "dead", "doubted": "unknown", "pending": "pending"}
    assert after == before
    assert sorted(world.arrived()) == ["doubted", "later", "pending", "sent"]
    assert await states(store) == {
        "sent": "sent", "refused": "dead", "doubted": "sent", "pending": "sent", "later": "sent",
    }  # fmt: skip
    await store.close()


async def test_what_was_on_its_way_is_in_doubt_there(world, tmp_path):
    """A message that was being sent when the export was made may have arrived: it is sent again, and says so."""
    world.site.publish("going", world.clock())
    world.channels[0].mode = "down"
    await world.round(hours=2)
    world.clock.advance(days=1)
    while batch := await world.store.claim("me", world.clock()):
        if batch.deliveries[0].entry_key == "going":
            break
    world.channels[0].mode = "ok"
    store = await tiny(tmp_path)
    done = await moved(world, store)
    (row,) = [row for row in await store.deliveries() if row.entry_key == "going"]
    for _ in range(3):
        await world.round(hours=3)

    assert (row.state, row.doubtful) == ("unknown", True)
    assert done.deliveries == 4
    assert "may repeat" in next(m.text for m in world.channels[0].inbox if "thread/going" in "".join(m.links))
    await store.close()


async def test_growth_that_was_not_told_is_told_there(tmp_path):
    """Both versions come along: what is told there are the new posts alone, once."""
    world = World(store=MemoryStore())
    world.site.publish("old", START - timedelta(days=2))
    await world.follow()
    world.site.publish("t", START + timedelta(minutes=30))
    await world.round()
    world.site.threads["t"].posts = 5
    await _quiet(world, 12)
    store = await tiny(tmp_path)
    await moved(world, store)
    before = len(world.channels[0].inbox)
    await _quiet(world, 11)
    for _ in range(3):
        await world.round(hours=6)
    told = [message for message in world.channels[0].inbox[before:] if message.event == "grown"]

    assert (await store.known("fake:ann", ["t"]))["t"].version == 2
    assert len(world.channels[0].inbox) == before + 1
    assert "post 4 of t" in told[0].text
    assert "post 0 of t" not in told[0].text
    await store.close()


async def _quiet(world: World, minutes: float) -> None:
    world.clock.advance(minutes=minutes)
    await world.once.deliver()


async def test_an_import_that_is_repeated_later_changes_nothing(world, tmp_path):
    """The same file once more, after the bot has worked on it for a day: nothing is announced again."""
    text = await exported(world.store)
    store = await tiny(tmp_path)
    await moved(world, store)
    for _ in range(8):
        await world.round(hours=3)
    before = [await store.threads(), await store.deliveries(), await store.feeds()]
    again = await imported(world, text, store)
    after = [await store.threads(), await store.deliveries(), await store.feeds()]

    assert (again.added, again.held) == ((), ("@ann",))
    assert after == before
    await store.close()


async def test_who_was_followed_anew_on_the_new_machine_is_refused(world, tmp_path):
    """Its notices that wait would be lost or come twice: nothing is taken, and the author is named."""
    text = await exported(world.store)
    other = World(store=await tiny(tmp_path), site=world.site, clock=world.clock)
    await other.follow()
    done = await imported(other, text, other.store)

    assert (done.added, done.conflicts) == ((), ("@ann",))
    assert await other.store.deliveries() == ()
    await other.store.close()


async def test_an_alert_that_was_not_sent_comes_along(world, tmp_path):
    """What is told of trouble is of no author, and is not lost either."""
    row = Delivery(
        id="a",
        batch="a",
        feed_id="",
        entry_key="",
        channel="me",
        created_at=START,
        due_at=START,
        alert=Alert(title="!"),
    )
    await world.store.alert([], deliveries=[row])
    store = await tiny(tmp_path)
    await moved(world, store)

    assert row in await store.deliveries()
    await store.close()


# -- by command ---------------------------------------------------------------------------------------------


@pytest.fixture
async def filled(home, site, recorder):
    """A home with an author, whose newest thread waits for a channel that is down."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.status = 503
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=home)
    recorder.status = 200
    recorder.bodies.clear()
    return home


@pytest.fixture
def other(tmp_path, site, recorder):
    """The other machine: the same settings, and nothing else."""
    folder = tmp_path / "other"
    folder.mkdir()
    write_settings(folder, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
    return folder


async def told(home: Path, *args: str) -> object:
    result = await keepcurrent(*args, "--json", cwd=home)
    return result.json


async def test_everything_is_moved_by_two_commands(filled, other, recorder):
    """`export` here, `import` there: authors, threads and the outbox are the same, and what waited arrives once."""
    path = str(filled / "all.json")
    out = await keepcurrent("export", "-o", path, cwd=filled)
    done = await keepcurrent("import", path, cwd=other)
    same = [await told(filled, *which) == await told(other, *which) for which in [("threads",), ("outbox",)]]
    (row,) = (await told(other, "outbox"))["deliveries"]
    await keepcurrent("outbox", "retry", row["id"], cwd=other)
    for _ in range(2):
        await keepcurrent("poll", "--all", cwd=other)

    assert (out.code, done.code) == (0, 0)
    assert "Exported 1 author" in out.err
    assert "Imported 1 author" in done.out
    assert same == [True, True]
    assert len(recorder.bodies) == 1
    assert os.stat(path).st_mode & 0o777 == 0o600


async def test_an_export_in_a_pipe(filled, tmp_path):
    """Standard output is the document and nothing else; the counts go to standard error."""
    out = await keepcurrent("export", cwd=filled)
    document = json.loads(out.out)

    assert document["keepcurrent"] == 1
    assert document["about"]["store"] == {"schema": 4}
    assert len(document["feeds"]) == 1
    assert "kept text" in out.err


async def test_a_kept_text_that_is_damaged(filled):
    """The rest is exported; that one is missing is told, exit 1."""
    next((filled / "data" / "archive").rglob(f"{NEW.key}.json")).write_text("{")
    out = await keepcurrent("export", cwd=filled)

    assert out.code == 1
    assert "1 kept text could not be read" in out.err
    assert len(json.loads(out.out)["threads"]) > 1


async def test_a_move_through_a_pipe(filled, other, monkeypatch):
    """What one command writes to standard output, the other takes from standard input, and leaves nothing of it."""
    out = await keepcurrent("export", cwd=filled)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(out.out.encode())))
    done = await keepcurrent("import", "-", cwd=other)

    assert done.code == 0
    assert await told(other, "threads") == await told(filled, "threads")
    assert list((other / "data").glob(".import*")) == []


async def test_an_export_beside_a_running_bot(filled):
    """It reads what is there, and says what to do before going on elsewhere."""
    alone = json.loads((await keepcurrent("export", cwd=filled)).out)
    async with running(filled / "settings.toml"):
        beside = await keepcurrent("export", cwd=filled)

    assert set(json.loads(beside.out)["threads"]) == set(alone["threads"])
    assert "stop it and export again" in beside.err


async def test_a_running_bot_takes_an_export_in(filled, other, recorder):
    """Through the door, as alone; and goes on with it at once."""
    path = str(filled / "all.json")
    await keepcurrent("export", "-o", path, cwd=filled)
    async with running(other / "settings.toml"):
        done = await keepcurrent("import", path, cwd=other)
        again = await keepcurrent("import", path, cwd=other)
        (row,) = (await told(other, "outbox"))["deliveries"]
        await keepcurrent("outbox", "retry", row["id"], cwd=other)
        await eventually(lambda: recorder.bodies, within=10)

    assert (done.code, again.code) == (0, 0)
    assert "Imported 1 author" in done.out
    assert "Here already, with all of it: 1 author" in again.out


async def test_a_dry_run_of_a_move(filled, other):
    """It says what there is, and takes nothing."""
    path = str(filled / "all.json")
    await keepcurrent("export", "-o", path, cwd=filled)
    done = await keepcurrent("import", path, "--dry-run", cwd=other)

    assert "Would import 1 author" in done.out
    assert (await told(other, "authors")) == {"authors": []}


async def test_a_move_into_a_store_that_knows_the_author_otherwise(filled, other):
    """It is refused in a line that says how to go on, exit 1."""
    path = str(filled / "all.json")
    await keepcurrent("export", "-o", path, cwd=filled)
    await keepcurrent("follow", AUTHOR, cwd=other)
    done = await keepcurrent("import", path, cwd=other)

    assert done.code == 1
    assert f"nothing was imported: {AUTHOR} is followed here already" in done.err


async def test_what_the_new_settings_lack_is_told(filled, other, site, recorder):
    """A channel that has another name there, an author whom the old settings file declared."""
    channels = f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"\n[[follow]]\nauthor = "{AUTHOR}"'
    write_settings(filled, site.base_url, channels)
    await keepcurrent("poll", cwd=filled)
    path = str(filled / "all.json")
    await keepcurrent("export", "-o", path, cwd=filled)
    write_settings(other, site.base_url, f'[channels.you]\nurl = "json://127.0.0.1:{recorder.port}/me"')
    done = await keepcurrent("import", path, cwd=other)

    assert "the settings have no channel me" in done.err
    assert f"{AUTHOR}: in the other machine's settings file, but not in this one" in done.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"keepcurrent":1,\n"feeds":{\n"a":{}', "it is cut"),
        ('{"keepcurrent":1,\n"feeds":{\n"a":{"b":\n}}\n', "line 3 is damaged"),
        ('{"keepcurrent":1,\n"about":{\n"store":{"schema":3}\n},\n', "it is cut"),
        ('{"keepcurrent":1,\n"about":{\n"store":{"schema":5}\n}}\n', "newer version"),
        ('{"keepcurrent":9}', "newer version"),
        ("<html></html>", "nothing that can be imported"),
    ],
)
async def test_a_file_that_cannot_be_taken(other, text, says):
    """One clear line that names the file, exit 1, and nothing is stored."""
    path = other / "all.json"
    path.write_text(text)
    done = await keepcurrent("import", str(path), cwd=other)

    assert done.code == 1
    assert str(path) in done.err
    assert says in done.err
    assert "Traceback" not in done.err


async def test_no_secret_is_in_any_export(filled, site, recorder):
    """What the settings file keeps secret is not in the store, and does not get out with it."""
    channels = f'[channels.me]\nurl = "json://user:hunter2secret@127.0.0.1:{recorder.port}/me?+X-Token=s3cr3ttoken"'
    write_settings(filled, site.base_url, channels)
    recorder.status = 403
    await keepcurrent("outbox", "retry", (await told(filled, "outbox"))["deliveries"][0]["id"], cwd=filled)
    await keepcurrent("poll", "--all", cwd=filled)
    texts = [(await keepcurrent("export", "--format", form, cwd=filled)) for form in ("json", "opml", "handles", "csv")]

    assert [word for word in ("hunter2", "s3cr3t") for one in texts if word in one.out + one.err] == []


async def test_a_disk_that_is_full_leaves_the_file_that_was_there(filled, monkeypatch):
    """An export is there whole or not at all."""
    path = filled / "all.json"
    path.write_text("before")

    def full(_record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exchanging, "_about", full)
    out = await keepcurrent("export", "-o", str(path), cwd=filled)

    assert out.code == 1
    assert "No space left on device" in out.err
    assert path.read_text() == "before"
    assert [file.name for file in filled.glob(".*.tmp")] == []


# -- lists ----------------------------------------------------------------------------------------------------


async def test_a_list_is_followed_and_may_be_repeated(home, site):
    """One after another; who fails does not keep the next from being followed; again: nobody is asked anew."""
    path = home / "list.txt"
    path.write_text(f"# mine\n{AUTHOR}\nnobody_at_all\nhttps://threadreaderapp.com/user/{AUTHOR[1:]}\n")
    first = await keepcurrent("import", str(path), cwd=home)
    asked = len(site.requests)
    path.write_text(f"{AUTHOR}\n")
    again = await keepcurrent("import", str(path), cwd=home)

    assert (first.code, again.code) == (1, 0)
    assert "Followed: 1. Followed already: 1. Failed: 1." in first.out
    assert "line 3: nobody_at_all: " in first.err
    assert "Followed: 0. Followed already: 1. Failed: 0." in again.out
    assert len(site.requests) == asked


async def test_a_list_beside_a_running_bot(home):
    """The same, through the door."""
    path = home / "list.txt"
    path.write_text(f"{AUTHOR}\nnobody_at_all\n")
    async with running(home / "settings.toml"):
        done = await keepcurrent("import", str(path), cwd=home)

    assert done.code == 1
    assert "Followed: 1. Followed already: 0. Failed: 1." in done.out


async def test_a_bot_that_ends_in_the_middle_of_a_list(home, monkeypatch):
    """The rest is done without it."""
    path = home / "list.txt"
    path.write_text(f"{AUTHOR}\n@nobody_at_all\n@nobody_else\n")
    asked = []
    async with running(home / "settings.toml") as bot:
        loop, ask = asyncio.get_running_loop(), client.ask

        async def asks(folder, order):
            asked.append(order.address)
            if len(asked) == 1:
                return await ask(folder, order)
            loop.call_soon_threadsafe(bot.stop.set)
            raise client.NoDoor("it is ending")

        monkeypatch.setattr(client, "ask", asks)
        done = await keepcurrent("import", str(path), "--no-look", cwd=home)

    assert done.code == 0
    assert "Followed: 3." in done.out
    assert asked[:2] == [AUTHOR, "@nobody_at_all"]
    assert "@nobody_else" not in asked


async def test_a_list_without_a_look_asks_nobody(home, site):
    """The first poll sets the baseline: nothing that was there before is announced."""
    path = home / "list.txt"
    path.write_text(f"{AUTHOR}\n")
    done = await keepcurrent("import", str(path), "--no-look", cwd=home)
    asked = list(site.requests)
    first = (await keepcurrent("poll", "--json", cwd=home)).json
    site.publish(NEW)
    second = (await keepcurrent("poll", "--all", "--json", cwd=home)).json

    assert (done.code, asked) == (0, [])
    assert (first["new"], first["polled"]) == ([], 1)
    assert [thread["id"] for thread in second["new"]] == [NEW.key]


async def test_a_dry_run_of_a_list(home, site):
    """Who would be followed, who is, and what means nothing; nobody is asked, nothing is stored."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    asked = len(site.requests)
    path = home / "list.opml"
    outlines = (Outline(title="A", address=AUTHOR), Outline(title="B", address="@b", folder=("x", "y")))
    path.write_text(opml.write((*outlines, Outline(title="C", address="no/such/thing")), "L", START))
    done = await keepcurrent("import", str(path), "--dry-run", cwd=home)

    assert done.out.splitlines() == [
        f"{path}: OPML, 3 addresses.",
        f"followed already\t{AUTHOR}\tA\t",
        "to follow\t@b\tB\tx / y",
        "not known\tno/such/thing\tC\t",
    ]
    assert len(site.requests) == asked
    assert len((await told(home, "authors"))["authors"]) == 1


async def test_a_dry_run_says_why_and_who_is_one(home):
    """What means nothing, with the reason; an author of X in two spellings, once."""
    path = home / "list.txt"
    path.write_text("@petra\nhttps://x.com/Petra\nno/such/thing\n")
    done = await keepcurrent("import", str(path), "--dry-run", cwd=home)

    assert done.code == 1
    assert done.out.splitlines()[1:] == [
        "to follow\t@petra\t\t",
        "the same as @petra\thttps://x.com/Petra\t\t",
        "not known\tno/such/thing\t\t",
    ]
    assert done.err.startswith(f'keepcurrent: {path}, line 3: "no/such/thing" names no author: give @name (X)')


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("", (), "is empty"),
        (" \n\n", (), "is empty"),
        ("", ("--format", "json"), "is empty"),
        ("# nobody yet\n", (), ": a list of addresses, and nobody is in it"),
        ('<opml version="2.0"><body/></opml>', ("--dry-run",), ": OPML, and nobody is in it"),
        ("<opml><body>\n</body></opml>", ("--format", "handles"), "is not a list of addresses: it looks like OPML"),
        ("@ann\n@bob\n", ("--format", "opml"), "is not OPML: it looks like a list of addresses"),
        ("ann\nbob\n", ("--format", "csv"), "is not Mastodon's list of accounts: it looks like a list"),
        ("@ann\n", ("--format", "x"), "is not following.js of an archive of X: it looks like a list"),
        ("@ann\n", ("--format", "json"), "is not an export of keepcurrent: it looks like a list"),
    ],
)
async def test_a_file_that_is_nothing_is_said_in_one_line(home, text, more, words):
    """That it is empty, or another kind of file than it was said to be; exit 1."""
    path = home / "list"
    path.write_text(text)
    done = await keepcurrent("import", str(path), *more, cwd=home)

    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert words in done.err


async def test_a_format_that_is_named_is_taken_where_the_file_can_be_read_so(home):
    """`--format` overrules what the file looks like."""
    path = home / "list"
    path.write_text("@ann@social.example\n")
    done = await keepcurrent("import", str(path), "--format", "csv", "--dry-run", cwd=home)

    assert (done.code, "to follow\t@ann@social.example\t" in done.out) == (0, True)


async def test_a_folder_is_named(home, monkeypatch):
    """Also where it was given as a dot."""
    monkeypatch.chdir(home)
    done = await keepcurrent("import", ".", cwd=home)

    assert (done.code, done.err) == (1, f"keepcurrent: {home} is a folder: give a file in it\n")


@pytest.mark.parametrize("form", ["opml", "handles"])
async def test_a_list_comes_back(home, other, form):
    """What one machine exports as a list, another one follows."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    path = str(home / "list")
    await keepcurrent("export", "--format", form, "-o", path, cwd=home)
    await keepcurrent("import", path, cwd=other)

    assert [one["address"] for one in (await told(other, "authors"))["authors"]] == [AUTHOR]


async def test_a_channel_that_is_named_is_added_to_who_is_followed_already(home, site, recorder):
    """And without one, nothing is changed of them."""
    channels = [f'[channels.{name}]\nurl = "json://127.0.0.1:{recorder.port}/{name}"' for name in ("me", "team", "you")]
    write_settings(home, site.base_url, "\n".join(channels))
    await keepcurrent("follow", AUTHOR, "--channel", "me", cwd=home)
    path = home / "list.txt"
    path.write_text(f"{AUTHOR}\n")
    await keepcurrent("import", str(path), cwd=home)
    before = await subscribed(home)
    await keepcurrent("import", str(path), "--channel", "team", cwd=home)

    assert (before, await subscribed(home)) == (["me"], ["me", "team"])


async def subscribed(home: Path) -> list[str]:
    store = await TinyStore.open(home / "data", read_only=True)
    channels = [one.channel for one in await store.subscriptions()]
    await store.close()
    return channels
