"""The settings file, watched while the bot runs: when other settings are to come in force, and which.

What is wrong with a new file is said, once for each content, and the settings from before stay in force. The file is
read in a thread, since a disk may hang. Does not put settings in force (`service`), and does not know what makes them
good beyond their own form: that is `check`'s.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot import settings
from bot.errors import SettingsError
from bot.log import hide
from bot.redact import SHORTEST_IN_WORDS, Redactor
from bot.settings import Settings
from bot.threads import Threads

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks at the file. One that changed is read when it is still the same at the next look."""
READ_WITHIN = 20.0

Signature = tuple[int, ...]
Check = Callable[[Settings], Awaitable[Sequence[str]]]
"""Says all that is wrong with settings that are well formed."""


class SettingsFile:
    """The file that the settings came from; None: they came from the environment alone."""

    def __init__(self, path: Path | None, check: Check, *, every: float = LOOK_EVERY) -> None:
        self._path = path
        self._check = check
        self._every = every
        self._asked = asyncio.Event()
        self._threads = Threads("settings")
        self._judged: Signature | None = None
        self._told: bytes | None = None

    def ask(self) -> None:
        """Read the settings again, also if the file is the same: secrets may stand in files of their own."""
        self._asked.set()

    async def next(self, in_force: Settings) -> Settings:
        """Wait for settings that are to take the place of those in force, and are good."""
        while True:
            try:
                new = await self._judge(in_force, await self._cause())
            except Exception:  # a file, or somebody else's channel, must not end a bot that is at work
                log.exception("settings: this program failed to read them; those from before stay in force")
                await asyncio.sleep(self._every)
                continue
            if new is not None:
                return new

    async def _cause(self) -> bool:
        """Wait until somebody asks (True), or until the file is another one, whole by all appearance (False)."""
        last = self._judged
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._asked.wait()
            seen = await self._in_thread(self._signature)
            if self._asked.is_set():
                self._asked.clear()
                self._judged = seen
                return True
            if seen is not None and seen == last and seen != self._judged:
                self._judged = seen
                return False
            last = seen

    async def _judge(self, in_force: Settings, asked: bool) -> Settings | None:
        """Settings as they are read now, if they are good and there is a reason to take them."""
        content, new = await self._in_thread(self._read) or (b"", _hangs(self._path))
        if await self._in_thread(self._signature) != self._judged:
            # Written while it was read.
            self._judged = None
            return None
        problems = await self._problems(in_force, new)
        if problems or isinstance(new, SettingsError):
            self._tell(content, problems, asked)
            return None
        if self._told is not None:
            log.info("settings: %s is in order again", self._path or "the environment")
            self._told = None
        return new if asked or not same(new, in_force) else None

    async def _problems(self, in_force: Settings, new: Settings | SettingsError) -> Sequence[str]:
        if isinstance(new, SettingsError):
            return new.problems
        if new.data_dir.resolve() != in_force.data_dir.resolve():
            return (f"data_dir: cannot change while the bot runs ({in_force.data_dir}): restart it",)
        # Before anything is made of them: an error of somebody else's channel may quote what it was given.
        hide(Redactor({*in_force.secrets(), *new.secrets()}, shortest=SHORTEST_IN_WORDS))
        return await self._check(new)

    def _tell(self, content: bytes, problems: Sequence[str], asked: bool) -> None:
        if content == self._told and not asked:
            return
        self._told = content
        for problem in problems:
            log.error("settings: %s", problem)
        log.error("settings: those from before stay in force")

    # -- in a thread ------------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `work` returns
        """What `work` returns; None if the disk hangs."""
        if self._threads.full:
            return None
        job = self._threads.start(work)
        try:
            await job.wait(READ_WITHIN)
        except TimeoutError:
            return None
        if job.error is not None:
            raise job.error
        return job.result

    def _signature(self) -> Signature:
        """What tells one state of the file from another; () where there is none."""
        if self._path is None:
            return ()
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            return (error.errno or 0,)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> tuple[bytes, Settings | SettingsError]:
        """A digest of the file's content, and the settings or what is wrong with them."""
        if self._path is not None and not self._path.exists():
            return b"gone", SettingsError(f"{self._path}: is not there any more")
        try:
            content = self._path.read_bytes() if self._path else b""
            return hashlib.sha256(content).digest(), settings.load(self._path)
        except SettingsError as error:
            return hashlib.sha256(content).digest(), error
        except OSError as error:
            return b"unreadable", SettingsError(f"{self._path}: {error.strerror}")


def same(one: Settings, other: Settings) -> bool:
    """Whether two settings say the same, secrets included."""
    # Not by `==`: each reading is of a class of its own. Nor dumped: pydantic warns of values that it cannot write.
    return dict(one) == dict(other)


def _hangs(path: Path | None) -> SettingsError:
    return SettingsError(f"{path}: could not be read within {READ_WITHIN:g} s")
