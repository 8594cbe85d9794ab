"""A running bot in this process, on a real store and a real socket, and the command line beside it."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import cli, log, show
from bot.commands.setting import problems
from bot.door.address import NAME
from bot.reload import SettingsFile
from bot.service import serve
from bot.settings import load
from tests.command import Result, eventually

QUICK = 0.02


def write_settings(folder: Path, base_url: str, channels: str, more: str = "", interval: str = "1h") -> Path:
    path = folder / "settings.toml"
    path.write_text(
        f"""timezone = "Europe/Paris"
{more}
[poll]
min_interval = "1s"
interval = "{interval}"
host_delay = "0s"
[sources.threadreader]
base_url = "{base_url}"
[sources.fxtwitter]
enabled = false
{channels}
"""
    )
    return path


class Bot:
    """A bot at work."""

    def __init__(self, path: Path, *, every: float = QUICK) -> None:
        self.path = path
        self.stop = asyncio.Event()
        self.file = SettingsFile(path, problems, every=every)
        self.socket = path.parent / "data" / NAME
        self.task = asyncio.create_task(serve(load(path), self.file, self.stop))

    async def ended(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 12)


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Bot]:
    """A bot with these settings, from the moment its door is there, to its stop."""
    bot = Bot(path)
    await eventually(lambda: bot.task.done() or bot.socket.exists(), within=5)
    try:
        yield bot
    finally:
        await bot.ended()


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line does to the log and to what is shown would reach the bot beside it, and the next test."""
    monkeypatch.setattr(log, "set_up", lambda *_, **__: None)
    monkeypatch.setattr(show, "_quiet", False)


def _main(folder: Path, argv: tuple[str, ...]) -> Result:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main([*argv, "--settings", str(folder / "settings.toml")])
        except SystemExit as left:
            code = int(left.code or 0)
    return Result(code, out.getvalue(), err.getvalue())


async def keepcurrent(*argv: str, cwd: Path) -> Result:
    """One command, in a thread and an event loop of its own."""
    return await asyncio.to_thread(_main, cwd, argv)
