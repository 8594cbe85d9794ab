"""`run`: the bot itself, and the signals that it heeds."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from bot.commands.setting import problems, require_channels, wrong_addresses
from bot.errors import SettingsError
from bot.reload import SettingsFile
from bot.runners.local import GRACE
from bot.service import serve
from bot.settings import Settings

log = logging.getLogger(__name__)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Poll and deliver until stopped."""
    require_channels(args, settings)
    if wrong := tuple(wrong_addresses(settings)):
        raise SettingsError(*wrong)
    stop = asyncio.Event()
    file = SettingsFile(args.file_read, problems)
    _heed_signals(stop, file.ask)
    await serve(settings, file, stop)
    log.info("stopped")
    return 0


def _heed_signals(stop: asyncio.Event, reload: Callable[[], None]) -> None:
    """Stop on SIGTERM and SIGINT, at once on a second one; read the settings again on SIGHUP."""
    loop = asyncio.get_running_loop()

    def begin_to_stop() -> None:
        log.info("stopping: what is in flight is given %g s; a second signal does not wait", GRACE)
        stop.set()

    def heed(_number: int, _frame: object) -> None:
        for each in _STOPS:
            signal.signal(each, _leave_at_once)
        with suppress(RuntimeError):  # the loop has just ended by itself
            loop.call_soon_threadsafe(begin_to_stop)

    # Not by the event loop, which may be what is stuck when the second one comes.
    for number in _STOPS:
        signal.signal(number, heed)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it: the terminal's end is no order
        loop.add_signal_handler(signal.SIGHUP, reload)


_STOPS = (signal.SIGTERM, signal.SIGINT)


def _leave_at_once(number: int, _frame: object) -> None:
    """As safe as a crash: what was being sent is in doubt, and the next start says so."""
    os.write(2, b"keepcurrent: stopped at once; what was being sent is in doubt, see `keepcurrent outbox`\n")
    os._exit(128 + number)
