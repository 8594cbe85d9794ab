"""`run` as a service manager and a person treat it: signals, a second process, commands beside it, a changed file."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest

from bot.demo.site import samples
from tests.command import environment, eventually, finish, keepcurrent, running, start
from tests.service import write_settings

AUTHOR = f"@{samples().author.handle}"
NEW = samples().upcoming[0]


async def until_said(bot: asyncio.subprocess.Process, words: str) -> str:
    """The first line of the bot's log with these words."""
    assert bot.stderr is not None
    async with asyncio.timeout(15):
        while line := (await bot.stderr.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"ended without saying: {words}")


async def test_commands_reach_a_running_bot(home, site, recorder):
    """Follow, look and deliver, while the bot holds the store; a second bot is sent away and told by whom."""
    async with running("run", cwd=home, until="running: 0 authors") as bot:
        followed = await keepcurrent("follow", AUTHOR, cwd=home)
        site.publish(NEW)
        polled = await keepcurrent("poll", "--all", "--json", cwd=home)
        began = time.monotonic()
        second = await keepcurrent("run", cwd=home)
        took = time.monotonic() - began
        modes = [path.stat().st_mode & 0o777 for path in (home / "data", home / "data" / "run.sock")]

    assert (followed.code, polled.code, polled.json["delivered"]) == (0, 0, 1)
    assert (second.code, took < 5) == (3, True)
    assert f"running as pid {bot.pid}" in second.err
    assert modes == [0o700, 0o600]


async def test_a_killed_bot_s_lock_and_socket_are_taken_over(home):
    """kill -9 leaves both behind; a command alone and the next bot go on all the same."""
    async with running("run", cwd=home, until="running: 0 authors") as bot:
        bot.kill()
        await bot.wait()
    alone = await keepcurrent("follow", AUTHOR, cwd=home)
    left = (home / "data" / "run.sock").exists()
    async with running("run", cwd=home, until="running: 1 author"):
        beside = await keepcurrent("pause", AUTHOR, cwd=home)

    assert (alone.code, left, beside.code) == (0, True, 0)


async def test_a_client_that_is_killed_leaves_nothing_half_done(home, site, recorder):
    """The order goes on without it, once."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    recorder.trickle = asyncio.Event()
    async with running("run", cwd=home, until="running: 1 author"):
        asking = await start("poll", "--all", cwd=home)
        await eventually(lambda: recorder.bodies)
        asking.send_signal(signal.SIGINT)
        left = await finish(asking)
        recorder.trickle.set()
        recorder.trickle = None
        again = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert (left.code, left.err) == (130, "")
    assert (again.json["delivered"], again.json["pending"], len(recorder.bodies)) == (0, 0, 1)


async def test_sigterm_while_a_channel_hangs_and_an_order_waits(home, site, recorder):
    """Gone within 10 s; whoever waits is told in a line, and the notice is in doubt."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    recorder.trickle = asyncio.Event()
    async with running("run", cwd=home, until="running: 1 author") as bot:
        asking = await start("poll", "--all", cwd=home)
        await eventually(lambda: recorder.bodies)
        began = time.monotonic()
        bot.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(bot.wait(), 15)
        took = time.monotonic() - began
        asked = await finish(asking)
    recorder.trickle.set()
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]

    assert (code, asked.code, row["state"]) == (0, 1, "unknown")
    assert took < 10
    assert asked.err.startswith("keepcurrent: the running bot was stopped before it had done this")
    assert not (home / "data" / "run.sock").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_second_signal_ends_it_at_once(home, site, recorder, number, code):
    """Who asks twice does not wait for what hangs; no traceback, and the notice is in doubt as after a crash."""
    write_settings(home, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"', interval="1s")
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    recorder.trickle = asyncio.Event()
    async with running("run", cwd=home, until="running: 1 author") as bot:
        await eventually(lambda: recorder.bodies)
        bot.send_signal(number)
        await until_said(bot, "stopping")
        began = time.monotonic()
        bot.send_signal(number)
        left = await asyncio.wait_for(bot.wait(), 5)
        took = time.monotonic() - began
        said = (await bot.stderr.read()).decode()
    recorder.trickle.set()
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]

    assert (left, took < 1) == (code, True)
    assert "stopped at once" in said
    assert "Traceback" not in said
    assert row["state"] == "unknown"


async def test_sighup_and_a_changed_file_are_a_reload(home, site, recorder):
    """A broken file is told and changes nothing; a good one brings its channel; SIGHUP reads it without waiting."""
    path = home / "settings.toml"
    good = path.read_text()
    await keepcurrent("follow", AUTHOR, cwd=home)
    async with running("run", cwd=home, until="running: 1 author, 1 channel") as bot:
        path.write_text(good.replace("host_delay", "hostdelay"))
        bot.send_signal(signal.SIGHUP)
        told = await until_said(bot, "hostdelay")
        await until_said(bot, "those from before stay in force")
        path.write_text(f'{good}\n[channels.team]\nurl = "json://127.0.0.1:{recorder.port}/team"\n')
        await until_said(bot, "running: 1 author, 2 channels")
        site.publish(NEW)
        polled = await keepcurrent("poll", "--all", "--json", cwd=home)
        bot.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(bot.wait(), 10)

    assert 'did you mean "host_delay"?' in told
    assert (polled.json["delivered"], sorted(recorder.paths), code) == (2, ["/me", "/team"], 0)


async def test_an_ignored_sighup_stays_ignored(home):
    """Under `nohup` the end of the terminal is no order."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'trap "" HUP; exec "$0" -m bot run'),
        sys.executable,
        cwd=home,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await until_said(process, "running: 0 authors")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    result = await finish(process)

    assert result.code == 0
    assert "read again" not in result.err
