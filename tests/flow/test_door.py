"""Orders: what a command does beside a running bot is what it does alone, and the door lets nothing else in."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from bot import __version__
from bot.commands import ordering
from bot.demo.site import UnrollSite, samples
from bot.door import client, server, wire
from bot.door.address import NAME, reachable
from bot.door.desk import STOPPED
from bot.errors import NotFound, OrderRefused, SettingsError, StoreReadOnly
from bot.orders import Follow, Followings, Introduced, Pause, Poll, Rows, Shown
from tests.command import eventually
from tests.fakes import START
from tests.servers.web import record
from tests.service import keepcurrent, one_process, running, write_settings

__all__ = ["one_process"]

AUTHOR = f"@{samples().author.handle}"
NEW = samples().upcoming[0]


# -- the same as alone --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Commands whose results are compared; those of `before` are run alone, then the author may write, and the
    channel answer with `status`. "ID" stands for the delivery that is in the outbox."""

    name: str
    compared: tuple[str, ...]
    before: tuple[str, ...] = (f"follow {AUTHOR}",)
    publish: bool = False
    status: int = 200
    codes: tuple[int, ...] = field(default=(0,))


FAILED = (f"follow {AUTHOR}", "PUBLISH", "poll --all --json")
CASES = [
    Case("follow", (f"follow {AUTHOR}", f"follow {AUTHOR}", "authors --json"), before=(), codes=(0, 0, 0)),
    Case("follow with a backfill", (f"follow {AUTHOR} --backfill 1", "threads --json"), before=(), codes=(0, 0)),
    Case("a backfill that is refused", (f"follow {AUTHOR} --backfill 2",), before=(), status=403, codes=(1,)),
    Case("follow nobody", ("follow @nobodyatall", "follow x/y/z", f"follow {AUTHOR} --channel team"), codes=(1, 1, 2)),
    Case("pause and resume", (f"pause {AUTHOR}", "poll --all --json", f"resume {AUTHOR}"), codes=(0, 0, 0)),
    Case("pause nobody", (f"pause @nobody {AUTHOR}", "resume @nobody", "unfollow @nobody"), codes=(1, 1, 1)),
    Case("unfollow", (f"unfollow {AUTHOR}", "authors --json"), codes=(0, 0)),
    Case("a round", ("poll --all", "poll", "threads --json"), publish=True, codes=(0, 0, 0)),
    Case("a round as JSON", (f"poll {AUTHOR} --json",), publish=True),
    Case("a quiet round", ("poll --all --quiet",), publish=True),
    Case("a round that is refused", ("poll --all --json", "outbox"), publish=True, status=403, codes=(1, 0)),
    Case("a round that fails", ("poll --all", "poll --json"), publish=True, status=503, codes=(1, 0)),
    Case("a round over nobody", ("poll @nobody",), codes=(1,)),
    Case("retry", ("outbox retry ID",), before=FAILED, status=403),
    Case("drop", ("outbox drop ID", "outbox --json", "threads --json"), before=FAILED, status=403, codes=(0, 0, 0)),
    Case("retry nothing", ("outbox retry nonsense", "outbox drop nonsense"), codes=(1, 1)),
]


async def play(folder: Path, case: Case, *, beside: bool) -> list[tuple[int, str, str]]:
    """The results of a case, without what tells one run from another."""
    site = UnrollSite()
    await site.start()
    async with record() as recorder:
        recorder.status = case.status
        path = write_settings(folder, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
        for line in case.before:
            if line == "PUBLISH":
                site.publish(NEW)
            else:
                await keepcurrent(*line.split(), cwd=folder)
        if case.publish:
            site.publish(NEW)
        try:
            if beside:
                async with running(path):
                    results = [await command(folder, line) for line in case.compared]
            else:
                results = [await command(folder, line) for line in case.compared]
        finally:
            await site.stop()
    return [(code, plain(out, site), plain(err, site)) for code, out, err in results]


async def command(folder: Path, line: str) -> tuple[int, str, str]:
    if "ID" in line.split():
        (row,) = (await keepcurrent("outbox", "--json", cwd=folder)).json["deliveries"]
        line = line.replace("ID", row["id"])
    result = await keepcurrent(*line.split(), cwd=folder)
    return result.code, result.out, result.err


def plain(text: str, site: UnrollSite) -> str:
    text = text.replace(site.base_url, "SITE")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    return re.sub(r"\bin \d+ s\b|\bnow\b", "SOON", text)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_a_command_beside_a_running_bot_does_the_same_as_alone(tmp_path, case):
    """Words, JSON, errors and exit status do not tell whether a bot was running."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "beside").mkdir()
    alone = await play(tmp_path / "alone", case, beside=False)
    beside = await play(tmp_path / "beside", case, beside=True)

    assert tuple(code for code, _, _ in alone) == case.codes
    assert beside == alone


async def test_what_is_ordered_is_done_by_the_bot_at_once(home, site, recorder):
    """A dead notice that is retried arrives without a further command; a resumed author is looked at."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.status = 403
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=home)
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]
    recorder.status = 200
    recorder.bodies.clear()
    async with running(home / "settings.toml"):
        await keepcurrent("outbox", "retry", row["id"], cwd=home)
        await eventually(lambda: recorder.bodies, within=5)


async def test_unfollow_of_a_declared_author_is_refused_in_the_same_words(tmp_path, site, recorder):
    """The settings file is what counts, also for a bot that was asked."""
    channels = f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"\n[[follow]]\nauthor = "{AUTHOR}"'
    path = write_settings(tmp_path, site.base_url, channels)
    async with running(path):
        await eventually(lambda: f"/user/{AUTHOR[1:]}" in site.requests, within=5)
        result = await keepcurrent("unfollow", AUTHOR, cwd=tmp_path)

    assert result.code == 1
    assert "declared in the settings file" in result.err


async def test_a_channel_that_the_bot_does_not_know_yet_asks_for_a_reload(home, recorder):
    """A newer settings file on the command's side is told in a line, not met with a puzzle."""
    path = home / "settings.toml"
    async with running(path) as bot:
        bot.file._every = 3600.0
        await keepcurrent("follow", AUTHOR, cwd=home)
        path.write_text(f'{path.read_text()}\n[channels.team]\nurl = "json://127.0.0.1:{recorder.port}/team"\n')
        asked = await keepcurrent("follow", AUTHOR, "--channel", "team", cwd=home)
        paused = await keepcurrent("pause", AUTHOR, cwd=home)

    assert (asked.code, paused.code) == (1, 0)
    assert 'does not know the channel "team" yet; reload it (kill -HUP' in asked.err
    assert 'does not know the channel "team" yet: reload it (kill -HUP' in paused.err


# -- who owns the store -------------------------------------------------------------------------------------


async def test_an_owner_without_a_door_is_named(home, monkeypatch):
    """Where nobody answers, it is exit 3 with the pid, as for a second `run`."""
    monkeypatch.setattr(ordering, "DOOR_WITHIN", 0.1)
    monkeypatch.setattr(server, "_listen", no_socket)
    async with running_without_a_door(home / "settings.toml"):
        result = await keepcurrent("pause", AUTHOR, cwd=home)

    assert result.code == 3
    assert "in use: running as pid" in result.err


def no_socket(folder):
    raise PermissionError(1, "Operation not permitted")


class running_without_a_door:
    def __init__(self, path):
        self._path = path

    async def __aenter__(self):
        from tests.service import Bot

        self._bot = Bot(self._path)
        await eventually(lambda: (self._path.parent / "data" / "store.lock").exists(), within=5)
        await asyncio.sleep(0.1)

    async def __aexit__(self, *_):
        await self._bot.ended()


async def test_a_command_waits_for_a_round_that_ends(home, site):
    """A `poll` of cron's owns the store for a moment: a command beside it goes on when it has ended."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    results = await asyncio.gather(*(keepcurrent("poll", "--all", "--json", cwd=home) for _ in range(2)))

    assert [result.code for result in results] == [0, 0]


# -- the socket ---------------------------------------------------------------------------------------------


async def test_the_socket_is_its_owner_s_alone(home):
    """0600 in a folder 0700, and gone after the stop."""
    async with running(home / "settings.toml") as bot:
        modes = [path.stat().st_mode & 0o777 for path in (bot.socket, bot.socket.parent)]

    assert modes == [0o600, 0o700]
    assert not bot.socket.exists()


async def test_a_bot_shuts_no_door_but_its_own(home):
    """The data folder was replaced under a bot, and another works there: the first one's end leaves that one's door."""
    async with running(home / "settings.toml") as first:
        (home / "data").rename(home / "moved")
        async with running(home / "settings.toml") as second:
            await first.ended()
            there = second.socket.exists()

    assert (there, second.socket.exists()) == (True, False)


async def test_a_killed_bot_s_socket_is_replaced(home):
    """A socket that nobody listens on is in nobody's way."""
    (home / "data").mkdir(mode=0o700)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(home / "data" / NAME))
    left.close()
    async with running(home / "settings.toml"):
        followed = await keepcurrent("follow", AUTHOR, cwd=home)

    assert followed.code == 0


async def test_a_dead_owner_s_socket_alone_holds_up_nobody(home):
    """With the lock free, a command does its work itself."""
    (home / "data").mkdir(mode=0o700)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(home / "data" / NAME))
    left.close()

    assert (await keepcurrent("follow", AUTHOR, cwd=home)).code == 0


async def test_a_folder_with_a_long_path_has_a_door_too(tmp_path, site, recorder):
    """A socket's address holds 108 bytes; a path may be longer."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = write_settings(deep, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
    async with running(path):
        followed = await keepcurrent("follow", AUTHOR, cwd=deep)

    assert len(str(deep / "data" / NAME)) > 107
    assert followed.code == 0


OURS = {wire.VERSION_HEADER: __version__}


async def post(folder: Path, body: bytes, path: str = wire.PATH, **headers: str) -> tuple[int, bytes]:
    with reachable(folder / "data") as address:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(address)) as session,
            session.post(f"http://x{path}", data=io.BytesIO(body), headers=OURS | headers) as answer,
        ):
            return answer.status, await answer.read()


async def test_another_version_is_refused_in_a_line(home, monkeypatch):
    """After an upgrade the running bot is the old one: both ends say so before anything is done."""
    async with running(home / "settings.toml"):
        refused, _ = await post(home, wire.encode(Pause(addresses=(AUTHOR,))), **{wire.VERSION_HEADER: "0.0.1"})
        monkeypatch.setattr(client, "__version__", "9.9.9")
        asked = await keepcurrent("pause", AUTHOR, cwd=home)

    assert (refused, asked.code) == (409, 1)
    assert f"the running bot is version {__version__}, this command is 9.9.9: restart the bot" in asked.err


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        (b"x", "/", 404),
        (b"x" * 1_100_000, wire.PATH, 413),
        (b"\x00\xff{", wire.PATH, 200),
        (b'{"kind": "explode"}', wire.PATH, 200),
        (b'{"kind": "pause", "addresses": "@a"}', wire.PATH, 200),
        (b"[" * 100_000, wire.PATH, 200),
    ],
    ids=["wrong path", "too large", "no text", "unknown order", "wrong form", "deep"],
)
async def test_what_is_no_order_is_refused(home, body, path, status):
    """Nothing of it is performed, and the bot goes on."""
    async with running(home / "settings.toml"):
        got, answer = await post(home, body, path)
        followed = await keepcurrent("follow", AUTHOR, cwd=home)

    assert (got, followed.code) == (status, 0)
    assert status != 200 or json.loads(answer)["error_kind"] == "OrderRefused"


def head(length: int) -> bytes:
    lines = ["POST /order HTTP/1.1", "Host: x", f"{wire.VERSION_HEADER}: {__version__}", f"Content-Length: {length}"]
    return "\r\n".join((*lines, "", "")).encode()


async def connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(folder / "data" / NAME))


async def test_garbage_and_silence_are_shut_out(home, monkeypatch, caplog):
    """Bytes that are no HTTP, a head that never ends and a client that says nothing are closed in time."""
    monkeypatch.setattr(server, "READ_WITHIN", 0.2)
    async with running(home / "settings.toml"):
        for said in (b"\x16\x03\x01\x02\x00\x01\x00" * 50 + b"\r\n\r\n", b"POST /order HTTP/1.1\r\nX: ", b""):
            reader, writer = await connect(home)
            writer.write(said)
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()
        reader, writer = await connect(home)
        writer.write(head(99) + b"{")
        async with asyncio.timeout(5):
            late = await reader.readline()
        writer.close()
        followed = await keepcurrent("follow", AUTHOR, cwd=home)

    assert late.split()[1] == b"408"
    assert followed.code == 0
    assert "Traceback" not in caplog.text


async def test_many_connections_are_too_many(home):
    """Beyond a number, who comes is told so; when the others are gone there is room again."""
    async with running(home / "settings.toml"):
        open_ones = [await connect(home) for _ in range(server.MOST_CONNECTIONS)]
        await asyncio.sleep(0.05)
        refused = await keepcurrent("pause", AUTHOR, cwd=home)
        for _, writer in open_ones:
            writer.close()
        await asyncio.sleep(0.05)
        taken = await keepcurrent("follow", AUTHOR, cwd=home)

    assert (refused.code, taken.code) == (1, 0)
    assert "too many orders" in refused.err


# -- an order that takes its time ---------------------------------------------------------------------------


async def hanging_order(home, site, recorder):
    """An order to poll whose notice hangs in its channel."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    recorder.trickle = asyncio.Event()


async def test_an_order_is_finished_also_when_nobody_waits_for_it(home, site, recorder):
    """The client goes away in the middle: the notice goes out once, and the next round finds nothing to do."""
    await hanging_order(home, site, recorder)
    async with running(home / "settings.toml"):
        _, writer = await connect(home)
        body = wire.encode(Poll(everyone=True))
        writer.write(head(len(body)) + body)
        await eventually(lambda: recorder.bodies, within=5)
        writer.transport.abort()
        recorder.trickle.set()
        recorder.trickle = None
        again = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert (again.code, again.json["pending"], len(recorder.bodies)) == (0, 0, 1)


async def test_a_look_that_an_unfollow_came_between_announces_nothing(home, site, monkeypatch):
    """Who was unfollowed during the look is in no count, and nothing of theirs is called new."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    asked, go_on = asyncio.Event(), asyncio.Event()
    answer = UnrollSite._user

    async def slow(self, request):
        asked.set()
        await go_on.wait()
        return await answer(self, request)

    monkeypatch.setattr(UnrollSite, "_user", slow)
    await site.stop()
    await site.start()
    write_settings(home, site.base_url, '[channels.me]\nkind = "console"')
    async with running(home / "settings.toml"):
        asking = asyncio.create_task(keepcurrent("poll", AUTHOR, "--json", cwd=home))
        async with asyncio.timeout(5):
            await asked.wait()
        await keepcurrent("unfollow", AUTHOR, cwd=home)
        go_on.set()
        polled = (await asking).json

    assert (polled["polled"], polled["new"], polled["failed"]) == (0, [], [])


async def test_a_delivery_that_was_sent_meanwhile_is_said_to_be_sent(home, site):
    """Who asks for a row that has just gone out is not told that there never was one."""
    write_settings(home, site.base_url, '[channels.me]\nkind = "console"')
    await keepcurrent("follow", AUTHOR, "--backfill", "1", cwd=home)
    (row,) = (await keepcurrent("outbox", "list", "--all", "--json", cwd=home)).json["deliveries"]
    async with running(home / "settings.toml"):
        results = [await keepcurrent("outbox", verb, row["id"], cwd=home) for verb in ("retry", "drop")]

    assert [(r.code, r.err) for r in results] == [(1, f"keepcurrent: delivery {row['id']} was sent already\n")] * 2


async def test_signs_of_life_keep_an_asker_waiting(home, site, recorder, monkeypatch):
    """An order may take longer than the asker waits in silence."""
    monkeypatch.setattr(wire, "SIGN_EVERY", 0.05)
    monkeypatch.setattr(wire, "SILENCE_MAX", 0.2)
    await hanging_order(home, site, recorder)
    async with running(home / "settings.toml"):
        asking = asyncio.create_task(keepcurrent("poll", "--all", "--json", cwd=home))
        await eventually(lambda: recorder.bodies, within=5)
        await asyncio.sleep(0.4)
        waited = not asking.done()
        recorder.trickle.set()
        result = await asking

    assert waited
    assert (result.code, result.json["delivered"]) == (0, 1)


async def test_silence_ends_the_wait(home, monkeypatch):
    """A bot that takes an order and says nothing more is given up with a line."""
    monkeypatch.setattr(wire, "SILENCE_MAX", 0.2)
    (home / "data").mkdir(mode=0o700)
    left = asyncio.Event()

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()
        left.set()

    silent = await asyncio.start_unix_server(say_nothing, home / "data" / NAME)
    with pytest.raises(OrderRefused, match=r"no sign of life for 0\.2 s"):
        await client.ask(home / "data", Pause(addresses=(AUTHOR,)))
    await asyncio.wait_for(left.wait(), 5)
    silent.close()


async def test_a_bot_that_dies_ends_the_wait(home):
    """A connection that breaks in the middle of an order is told as that."""
    (home / "data").mkdir(mode=0o700)
    dying = await asyncio.start_unix_server(lambda _, writer: writer.transport.abort(), home / "data" / NAME)
    with pytest.raises(OrderRefused, match="ended before it had answered"):
        await client.ask(home / "data", Pause(addresses=(AUTHOR,)))
    dying.close()


async def test_a_stop_ends_an_order_with_a_line(home, site, recorder, monkeypatch):
    """Stopped in mid-order, the bot says so to whoever waits, and the notice is in doubt, not lost."""
    monkeypatch.setattr("bot.service.GRACE", 0.1)
    await hanging_order(home, site, recorder)
    async with running(home / "settings.toml") as bot:
        asking = asyncio.create_task(keepcurrent("poll", "--all", cwd=home))
        await eventually(lambda: recorder.bodies, within=5)
        await bot.ended()
        result = await asking
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]

    assert (result.code, result.err) == (1, f"keepcurrent: {STOPPED}\n")
    assert row["state"] == "unknown"


# -- how orders and answers are written ---------------------------------------------------------------------


def test_answers_survive_the_way():
    """What is answered is read as it was meant: times, numbers, and texts that no encoding takes."""
    thread = Shown(id="1", author="@a", title="half \ud83d of it", url="u", posts=3, published=START)
    answer = Followings(authors=(Introduced(address="@a", threads=(thread,)),))
    reply = wire.decode_reply(wire.encode(wire.answered(answer, pid=1, channels=["me"])))

    assert reply.result().authors[0].threads[0].title == "half ? of it"


@pytest.mark.parametrize("backfill", [None, 3])
def test_orders_survive_the_way(backfill):
    """What is asked for is read as it was meant."""
    order = Follow(addresses=("@a", "https://x.com/b"), channels=("me",), backfill=backfill)

    assert wire.decode_order(wire.encode(order)) == order


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SettingsError("a", "b"), SettingsError),
        (NotFound("no such author"), NotFound),
        (StoreReadOnly("read only"), OSError),
    ],
)
def test_errors_survive_the_way(error, kind):
    """An error keeps its kind, which the exit status follows from, and its words."""
    reply = wire.decode_reply(wire.encode(wire.failed(error, pid=1, channels=[])))
    with pytest.raises(Exception, match=str(error).split("\n", maxsplit=1)[0]) as caught:
        reply.result()

    assert str(caught.value) == str(error)
    assert isinstance(error, type(caught.value))


def test_an_answer_to_something_else_is_refused():
    """An answer that is none is never taken for one."""
    with pytest.raises(OrderRefused):
        wire.decode_reply(b'{"pid": 1, "channels": [], "answer": {"kind": "rows"}}')
    assert Rows(ids=()).kind == "rows"
