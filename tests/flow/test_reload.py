"""Settings that change while the bot runs: what is taken, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
import time
from types import SimpleNamespace

import pytest

from bot import app as wiring
from bot import reload
from bot.commands.setting import problems
from bot.demo.site import samples
from bot.errors import ChannelError, DeliveryInDoubt, StoreError
from bot.log import Formatter
from bot.model import Message
from bot.reload import SettingsFile
from bot.service import declare
from bot.settings import load, made
from bot.stores.memory import MemoryStore
from tests.command import eventually
from tests.fakes import START, Clock, World
from tests.pages import thread
from tests.servers.web import record
from tests.service import QUICK, keepcurrent, one_process, running, write_settings

__all__ = ["one_process"]

AUTHOR = f"@{samples().author.handle}"
NEW, NEWER = samples().upcoming[0], thread(60, "The tide table.", "A second post.", author=samples().author)


@pytest.fixture(autouse=True)
def loud(caplog):
    caplog.set_level(logging.INFO, logger="bot")


def channel(name, recorder, more=""):
    return f'[channels.{name}]\nurl = "json://127.0.0.1:{recorder.port}/{name}"\n{more}'


# -- the file -----------------------------------------------------------------------------------------------


class Watched:
    """A settings file that is watched."""

    def __init__(self, folder, text='timezone = "UTC"\n[channels.a]\nkind = "console"\n', check=problems):
        self.path = folder / "settings.toml"
        self.path.write_text(text)
        self.in_force = load(self.path)
        self.file = SettingsFile(self.path, check, every=QUICK)

    def write(self, text):
        self.path.write_text(text)

    async def __aenter__(self):
        self.next = asyncio.create_task(self.file.next(self.in_force))
        return self

    async def __aexit__(self, *_):
        self.next.cancel()
        await asyncio.wait((self.next,))

    async def looks(self, number=4):
        """So many looks at the file go by."""
        for _ in range(number):
            seen = asyncio.Event()
            signature = self.file._signature
            loop = asyncio.get_running_loop()

            def look(seen=seen, signature=signature, loop=loop):
                loop.call_soon_threadsafe(seen.set)
                return signature()

            self.file._signature = look
            await asyncio.wait_for(seen.wait(), 5)
            self.file._signature = signature


async def test_a_changed_file_is_taken(tmp_path):
    """Other settings in the file are what comes next."""
    async with Watched(tmp_path) as watched:
        watched.write('timezone = "Asia/Tokyo"\n[channels.a]\nkind = "console"\n')
        new = await asyncio.wait_for(watched.next, 5)

    assert new.timezone == "Asia/Tokyo"


async def test_the_same_settings_are_no_change(tmp_path):
    """A touched file, another comment: nothing has to be taken down for that."""
    async with Watched(tmp_path) as watched:
        await watched.looks()
        watched.write('# new\ntimezone = "UTC"\n[channels.a]\nkind = "console"\n')
        await watched.looks(6)

        assert not watched.next.done()


async def test_a_file_that_is_being_written_is_not_read(tmp_path):
    """While two looks differ, nothing is read; half a file may be a whole one with less in it."""
    async with Watched(tmp_path) as watched:
        await watched.looks()
        reads, looks = [], iter(range(10**6))
        watched.file._read = lambda: reads.append(1)
        watched.file._signature = lambda: (next(looks), 0, 0)
        await asyncio.sleep(QUICK * 8)
        read = list(reads)

    assert next(looks) > 2
    assert read == []


async def test_every_problem_is_named_once_and_the_old_settings_stay(tmp_path, caplog):
    """A broken file is told with all that is wrong, once for its content, and changes nothing."""
    broken = '[channels.a]\nurl = "nonsense://x"\n[[follow]]\nauthor = "two words"\nchannels = ["b"]\n'
    async with Watched(tmp_path) as watched:
        watched.write(broken)
        await eventually(lambda: "stay in force" in caplog.text, within=5)
        watched.write(broken)
        await watched.looks(6)
        done = watched.next.done()
    told = [record.getMessage() for record in caplog.records]

    assert not done
    assert len(told) == 4
    assert 'there is no channel "b"' in told[0]
    assert "[channels.a]" in told[1] or "channel a: " in told[1]
    assert '[[follow]] "two words" names no author' in told[2]


async def test_another_broken_content_is_told_again(tmp_path, caplog):
    """Who mends one mistake and makes another hears of it; who mends all hears that too."""
    async with Watched(tmp_path) as watched:
        watched.write("one mistake")
        await eventually(lambda: caplog.text.count("stay in force") == 1, within=5)
        watched.write("another mistake")
        await eventually(lambda: caplog.text.count("stay in force") == 2, within=5)
        watched.write('timezone = "UTC"\n[channels.a]\nkind = "console"\n')
        await eventually(lambda: "is in order again" in caplog.text, within=5)

        assert not watched.next.done()


async def test_a_file_that_vanishes_changes_nothing(tmp_path, caplog):
    """No file is not an empty one."""
    async with Watched(tmp_path) as watched:
        await watched.looks()
        watched.path.unlink()
        await eventually(lambda: "is not there any more" in caplog.text, within=5)

        assert not watched.next.done()


async def test_the_data_folder_cannot_move_under_a_running_bot(tmp_path, caplog):
    """What cannot change live is refused with what to do."""
    async with Watched(tmp_path) as watched:
        watched.write('data_dir = "elsewhere"\n[channels.a]\nkind = "console"\n')
        await eventually(lambda: "cannot change while the bot runs" in caplog.text, within=5)

        assert "restart it" in caplog.text
        assert not watched.next.done()


async def test_no_channel_is_no_good_file(tmp_path, caplog):
    """An emptied file would let every author go."""
    async with Watched(tmp_path) as watched:
        watched.write("")
        await eventually(lambda: "channels: there is none" in caplog.text, within=5)

        assert not watched.next.done()


async def test_a_secret_that_is_new_is_kept_out_of_the_log(tmp_path):
    """From the moment it is read: the old settings' secrets are not all that an error may quote."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(Formatter())
    ours = logging.getLogger("bot")
    ours.addHandler(handler)
    try:
        async with Watched(tmp_path) as watched:
            watched.write('[channels.a]\nkind = "slack"\ntoken = "xoxb-1-2-new"\nchannel = "#x"\n')
            await asyncio.wait_for(watched.next, 5)
            ours.warning("a server said: xoxb-1-2-new is no good")
    finally:
        ours.removeHandler(handler)

    assert "a server said: *** is no good" in said.getvalue()


async def test_what_nobody_foresaw_in_a_new_file_does_not_end_the_bot(tmp_path, caplog):
    """Somebody else's channel may raise what it likes; the next good file is taken."""

    async def check(new):
        if new.timezone == "Europe/Paris":
            raise RuntimeError("oddity")
        return await problems(new)

    async with Watched(tmp_path, check=check) as watched:
        watched.write('timezone = "Europe/Paris"\n[channels.a]\nkind = "console"\n')
        await eventually(lambda: "oddity" in caplog.text, within=5)
        watched.write('timezone = "Europe/Rome"\n[channels.a]\nkind = "console"\n')

        assert (await asyncio.wait_for(watched.next, 5)).timezone == "Europe/Rome"


async def test_a_disk_that_hangs_is_told(tmp_path, caplog, monkeypatch):
    """Also where nobody asked: else the new file would be passed over without a word."""
    over = threading.Event()
    monkeypatch.setattr(reload, "READ_WITHIN", 0.2)
    async with Watched(tmp_path) as watched:
        monkeypatch.setattr(watched.file, "_read", over.wait)
        watched.write("new")
        try:
            await eventually(lambda: "could not be read within" in caplog.text, within=5)
        finally:
            over.set()


async def test_who_asks_has_it_read_at_once_with_its_secrets(tmp_path):
    """SIGHUP takes the settings again though the file is the same: a secret stands in a file of its own."""
    (tmp_path / "url").write_text("json://127.0.0.1:9/one")
    async with Watched(tmp_path, '[channels.a]\nurl_file = "url"\n') as watched:
        watched.file._every = 3600
        (tmp_path / "url").write_text("json://127.0.0.1:9/two")
        watched.file.ask()
        new = await asyncio.wait_for(watched.next, 5)

    assert new.channels["a"].url.get_secret_value() == "json://127.0.0.1:9/two"


# -- the bot ------------------------------------------------------------------------------------------------


async def test_a_new_channel_gets_the_next_thread(tmp_path, site, recorder, caplog):
    """A channel that comes into the file is heard of without a restart, and nothing is sent twice."""
    path = write_settings(tmp_path, site.base_url, channel("a", recorder), interval="1s")
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    async with running(path):
        site.publish(NEW)
        await eventually(lambda: recorder.paths == ["/a"])
        write_settings(tmp_path, site.base_url, channel("a", recorder) + channel("b", recorder), interval="1s")
        await eventually(lambda: "1 author, 2 channels" in caplog.text)
        site.publish(NEWER)
        await eventually(lambda: len(recorder.paths) == 3)

    assert sorted(recorder.paths) == ["/a", "/a", "/b"]


async def test_authors_follow_the_file(tmp_path, site, recorder, caplog):
    """Removed under [[follow]], an author is let go; added there, followed."""
    declared = channel("a", recorder) + '[[follow]]\nauthor = "@{}"\n'
    path = write_settings(tmp_path, site.base_url, declared.format(AUTHOR[1:]))
    async with running(path) as bot:
        await eventually(lambda: "running: 1 author" in caplog.text)
        write_settings(tmp_path, site.base_url, declared.format("somebody_else"))
        bot.file.ask()
        await eventually(lambda: caplog.text.count("running: 1 author") == 2)
        listed = await keepcurrent("authors", "--json", cwd=tmp_path)

    assert [author["address"] for author in listed.json["authors"]] == ["@somebody_else"]


async def test_a_broken_file_does_not_stop_the_bot(tmp_path, site, recorder, caplog):
    """With nonsense in the file the bot goes on as it was."""
    path = write_settings(tmp_path, site.base_url, channel("a", recorder), interval="1s")
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    async with running(path):
        path.write_text("nonsense")
        await eventually(lambda: "stay in force" in caplog.text)
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)

    assert "settings.toml" in caplog.text


async def test_what_is_in_flight_is_finished_before_the_change(tmp_path, site, recorder, caplog):
    """A reload waits for a send that hangs: it is known as sent, and not sent again."""
    path = write_settings(tmp_path, site.base_url, channel("a", recorder))
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    site.publish(NEW)
    recorder.trickle = asyncio.Event()
    async with running(path) as bot:
        asking = asyncio.create_task(keepcurrent("poll", "--all", "--json", cwd=tmp_path))
        await eventually(lambda: recorder.bodies)
        bot.file.ask()
        await eventually(lambda: "in force when what is in flight is finished" in caplog.text)
        late = asyncio.create_task(keepcurrent("pause", AUTHOR, cwd=tmp_path))
        await asyncio.sleep(0.1)
        waited = not asking.done() and not late.done()
        recorder.trickle.set()
        recorder.trickle = None
        polled, paused = await asyncio.gather(asking, late)
        await eventually(lambda: caplog.text.count("running: 1 author") == 2)

    assert waited
    assert (polled.code, polled.json["delivered"], paused.code) == (0, 1, 0)
    assert len(recorder.bodies) == 1


async def test_the_runner_s_own_send_is_finished_before_the_change(tmp_path, site, recorder, caplog):
    """What the bot itself was sending is not given up for other settings, which would leave it in doubt."""
    path = write_settings(tmp_path, site.base_url, channel("a", recorder), interval="1s")
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    recorder.trickle = asyncio.Event()
    async with running(path) as bot:
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)
        bot.file.ask()
        await eventually(lambda: "in force when what is in flight is finished" in caplog.text)
        await asyncio.sleep(0.1)
        waited = caplog.text.count("running: 1 author") == 1
        recorder.trickle.set()
        recorder.trickle = None
        await eventually(lambda: caplog.text.count("running: 1 author") == 2)
        unsent = await keepcurrent("outbox", "--json", cwd=tmp_path)

    assert (waited, unsent.json["deliveries"], len(recorder.bodies)) == (True, [], 1)


async def test_a_stop_cuts_a_reload_short(tmp_path, site, recorder, caplog, monkeypatch):
    """Told to stop while a reload waits for what hangs, the bot ends within the grace of a stop."""
    monkeypatch.setattr("bot.service.GRACE", 0.2)
    path = write_settings(tmp_path, site.base_url, channel("a", recorder), interval="1s")
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    recorder.trickle = asyncio.Event()
    async with running(path) as bot:
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)
        bot.file.ask()
        await eventually(lambda: "in force when what is in flight is finished" in caplog.text)
        began = time.monotonic()
        await bot.ended()
        took = time.monotonic() - began
        recorder.trickle.set()
    (row,) = (await keepcurrent("outbox", "--json", cwd=tmp_path)).json["deliveries"]

    assert took < 3
    assert row["state"] == "unknown"


# -- what is handed from one App to the next ----------------------------------------------------------------


async def test_pauses_and_holds_of_hosts_survive(tmp_path):
    """A host that asked to be left alone is, by the client that comes in the place of the one it told."""
    async with two_apps(made(), made(poll={"timeout": "9s"})) as (before, after):
        before.http._holds.refused("x:443", "a", wiring.now(), None)
        before.http._holds.refused("x:443", "b", wiring.now(), None)
        async with before.http._turns.turn("x:443"):
            pass
        after.succeed(before)

        assert after.http._holds.held("x:443", wiring.now()) is not None
        assert after.http._turns._place("x:443").next_start == before.http._turns._place("x:443").next_start
        assert after.http._timeout == 9


class two_apps:
    def __init__(self, *settings):
        self._settings = settings

    async def __aenter__(self):
        self._opened = [wiring.open_app(settings, store=MemoryStore()) for settings in self._settings]
        return [await opened.__aenter__() for opened in self._opened]

    async def __aexit__(self, *_):
        for opened in self._opened:
            await opened.__aexit__(None, None, None)


async def test_a_send_that_nobody_can_cancel_is_not_sent_again():
    """It still runs in its thread: the channel that comes next waits for its end, and for its own place only."""
    async with record() as recorder:
        recorder.trickle = asyncio.Event()
        here, other = (
            made(channels={"a": {"url": f"json://127.0.0.1:{recorder.port}/{name}"}}, delivery={"timeout": "1s"})
            for name in ("here", "other")
        )
        message = Message(key="k", title="t", text="x")
        async with two_apps(here, here, other) as (before, after, elsewhere):
            with pytest.raises(DeliveryInDoubt):
                await before.channels["a"].send(message)
            after.succeed(before)
            elsewhere.succeed(before)
            with pytest.raises(ChannelError, match="an earlier try still runs"):
                await after.channels["a"].send(message)
            sent = len(recorder.bodies)
            recorder.trickle.set()
            recorder.trickle = None
            await elsewhere.channels["a"].send(message)

    assert (sent, recorder.paths) == (1, ["/here", "/other"])


async def test_an_outcome_that_could_not_be_saved_is_handed_on():
    """The notice went out, the disk was full, the settings changed: it is not sent again."""
    world = World(store=MemoryStore())
    await world.follow()
    world.site.publish("new", world.clock())
    await world.poller.poll("fake:ann")
    world.clock.advance(hours=1)
    await world.poller.poll("fake:ann")
    settle = world.store.settle

    async def full(*_args):
        raise StoreError("no space left on the disk")

    world.store.settle = full
    with pytest.raises(StoreError):
        await world.dispatcher.dispatch("me")
    before = world.dispatcher
    world.build()
    world.store.settle = settle
    world.dispatcher.succeed(before)
    await world.dispatcher.save()
    (row,) = await world.store.deliveries()

    assert (row.state, len(world.channels[0].inbox)) == ("sent", 1)


def test_the_gap_is_kept_over_a_change():
    """The first send of the lane that comes next waits for the last one of the lane before."""
    world = World(store=MemoryStore(), clock=Clock(START))
    one, two = (world.once.lanes[0] for _ in range(2))
    world.build()
    two = world.once.lanes[0]
    one._last_start = 7.0
    two.succeed(one)

    assert two._last_start == 7.0


async def test_what_nobody_foresaw_about_the_file_s_authors_is_told(caplog):
    """The bot goes on, and says why nobody new is followed."""

    def reconcile(_declared):
        raise RuntimeError("oddity")

    app = SimpleNamespace(follower=SimpleNamespace(reconcile=reconcile), declared=())
    await declare(app, SimpleNamespace())

    assert "the settings file's authors: this program failed" in caplog.text


async def test_settings_with_digests_are_compared_without_a_word(tmp_path):
    """They were dumped for it, and pydantic warned of each digest, every two seconds."""
    path = tmp_path / "settings.toml"
    path.write_text('[channels.me]\nkind = "console"\ndigest = "daily 08:00"\nquiet_hours = "22:00-07:00"\n')
    one, other = load(path), load(path)
    path.write_text('[channels.me]\nkind = "console"\ndigest = "daily 09:00"\n')

    assert reload.same(one, other)
    assert not reload.same(one, load(path))
