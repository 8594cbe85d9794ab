"""The bot as it runs for weeks: one store, one door, and one App after the other, as the settings change.

Calls things in order. Over a reload what is in flight is finished first, so that nothing is sent twice or forgotten.
Does not decide what is a good settings file (`reload`), and does not perform orders (`door.desk`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

from bot.app import App, open_app
from bot.door.desk import Desk
from bot.door.server import opened
from bot.errors import BotError, SettingsError, StoreError
from bot.finding import told
from bot.opening import open_store
from bot.perform import reconcile, stranded_channels
from bot.protocols import Store
from bot.reload import SettingsFile
from bot.runners.local import GRACE, STORE_PAUSE, LocalRunner
from bot.settings import Settings
from bot.text import counted
from bot.upkeep import take_back

log = logging.getLogger(__name__)

ORDERS_WITHIN = 60.0
"""Seconds that orders in work may hold up a reload."""
DECLARE_AGAIN = timedelta(minutes=10)
"""When declared authors are looked up again whose site could not say who they are."""
MARGIN = 5.0
"""Seconds that a send or a look may take beyond its own limit before a reload cancels it."""


async def serve(settings: Settings, file: SettingsFile, stop: asyncio.Event) -> None:
    """Work until `stop` is set. Raises `StoreError`, `SettingsError` if it cannot begin."""
    store = await open_store(settings)
    try:
        desk = Desk()
        async with opened(settings.data_dir, desk):
            await _Service(store, desk, file, stop).run(settings)
    finally:
        await store.close()


class _Service:
    def __init__(self, store: Store, desk: Desk, file: SettingsFile, stop: asyncio.Event) -> None:
        self._store = store
        self._desk = desk
        self._file = file
        self._stop = stop

    async def run(self, settings: Settings) -> None:
        """Let one App work after the other."""
        before: App | None = None
        while not self._stop.is_set():
            async with AsyncExitStack() as stack:
                app = await self._open(stack, settings, before)
                settings = await _Shift(app, self._desk, self._file, self._stop).work()
            before = app

    async def _open(self, stack: AsyncExitStack, settings: Settings, before: App | None) -> App:
        if before is None:
            return await stack.enter_async_context(open_app(settings, store=self._store))
        try:
            app = await stack.enter_async_context(open_app(settings, store=self._store, before=before))
        except SettingsError as error:
            log.error("settings: %s; those from before stay in force", error)  # noqa: TRY400 - in words
            app = await stack.enter_async_context(open_app(before.settings, store=self._store, before=before))
        await self._settle(app)
        return app

    async def _settle(self, app: App) -> None:
        """Save what the App before could not: nothing is on its way now, so what seems to be is in doubt."""
        while not self._stop.is_set():
            try:
                await app.dispatcher.save()
                await take_back(self._store, app.clock)
            except StoreError as error:
                log.error("%s; trying again in %d s", error, STORE_PAUSE.total_seconds())  # noqa: TRY400 - in words
                with suppress(TimeoutError):
                    async with asyncio.timeout(STORE_PAUSE.total_seconds()):
                        await self._stop.wait()
            else:
                return


class _Shift:
    """The time of one App: from its first look to the stop, or to other settings."""

    def __init__(self, app: App, desk: Desk, file: SettingsFile, stop: asyncio.Event) -> None:
        self._app = app
        self._desk = desk
        self._file = file
        self._stop = stop
        self._rest = asyncio.Event()
        self._ending = False
        self._runner = app.runner(started=self._started)

    def _started(self) -> None:
        if not self._ending:
            self._desk.open(self._app, self._runner.wake)

    async def work(self) -> Settings:
        """Work; returns the settings to go on with, which are the same ones where it is the stop that came."""
        working = asyncio.create_task(self._runner.run(self._rest), name="runner")
        # Beside the runner: a declared thread URL asks a site, which must hold up neither notices nor the stop.
        declaring = asyncio.create_task(declare(self._app, self._runner), name="declare")
        changing = asyncio.create_task(self._file.next(self._app.settings), name="settings")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait((working, changing, stopping), return_when=asyncio.FIRST_COMPLETED)
            self._ending = True
            reloading = not (working.done() or stopping.done())
            if reloading:
                await self._hand_over(working, stopping)
            if stopping.done() or not reloading:
                await self._leave(working)
            await working
            return changing.result() if reloading else self._app.settings
        finally:
            await _cancel(working, declaring, changing, stopping)

    async def _hand_over(self, working: asyncio.Task[None], stopping: asyncio.Task[Any]) -> None:
        """Finish what is in flight, orders first, so that another App can go on. A stop cuts this short."""
        log.info("settings: read again; they come in force when what is in flight is finished")
        await _until(self._desk.rest(ORDERS_WITHIN), stopping)
        self._runner.allow(longest(self._app.settings))
        self._rest.set()
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)

    async def _leave(self, working: asyncio.Task[None]) -> None:
        """Finish what can be finished within the grace of a stop; the rest is in doubt."""
        self._runner.allow(GRACE)
        self._rest.set()
        await asyncio.gather(self._desk.stop(GRACE), asyncio.wait((working,)))


async def declare(app: App, runner: LocalRunner) -> None:
    """Bring the store in line with the settings file, and say who is followed; who cannot be looked up, again later."""
    while True:
        if not await _declare(app, runner):
            return
        await asyncio.sleep(DECLARE_AGAIN.total_seconds())


async def _declare(app: App, runner: LocalRunner) -> bool:
    """Whether somebody is to be looked up again."""
    try:
        failures = await reconcile(app)
        for failure in failures:
            log.warning("follow %s; tried again in ten minutes", told(failure.author, failure.why))
        for name in await stranded_channels(app):
            log.warning("notices wait for channel %s, which is not in the settings; see `keepcurrent outbox`", name)
        feeds = await app.store.feeds()
    except BotError as error:
        log.error("the settings file's authors: %s; tried again at the next start or reload", error)  # noqa: TRY400
        return False
    except Exception:
        log.exception("the settings file's authors: this program failed; tried again at the next start or reload")
        return False
    log.info("running: %s, %s", counted(len(feeds), "author"), counted(len(app.channels), "channel"))
    if not feeds:
        log.warning("nobody is followed yet: `keepcurrent follow @name`")
    runner.wake()
    return bool(failures)


def longest(settings: Settings) -> float:
    """Seconds after which whatever is in flight has ended by its own limits."""
    return max(settings.delivery.timeout, settings.poll.timeout).total_seconds() + MARGIN


async def _until(work: Coroutine[Any, Any, None], stopping: asyncio.Task[Any]) -> None:
    task = asyncio.create_task(work)
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    await _cancel(task)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
