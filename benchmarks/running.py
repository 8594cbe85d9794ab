"""`keepcurrent run` in a process of its own, from its first words to a stop. Measures nothing."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.children import environment
from benchmarks.product import Folder


@contextmanager
def running(folder: Folder, within: float = 60.0) -> Iterator[int]:
    """The pid of a bot that has said that it runs; stopped at the end."""
    said = folder.path / "log"
    with said.open("wb") as log:
        bot = subprocess.Popen(folder.command("run"), cwd=folder.path, env=environment(), stdout=log, stderr=log)
        try:
            _wait(bot, lambda: b"running:" in said.read_bytes(), within)
            yield bot.pid
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(20)


def _wait(bot: subprocess.Popen[bytes], is_there: Callable[[], bool], within: float) -> None:
    latest = time.monotonic() + within
    while not is_there():
        if bot.poll() is not None or time.monotonic() > latest:
            raise TimeoutError("the bot did not begin to run")
        time.sleep(0.02)
