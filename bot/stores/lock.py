"""One writer at a time: a lock file that the system itself takes back when its owner dies.

Does not wait for the owner, and does not guess whether a pid is alive.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from bot.errors import StoreLocked
from bot.stores.files import Files, removed

# `owner` holds the lock for some microseconds; a writer that starts just then must not give up.
TRIES, PAUSE = 20, 0.01


class Lock:
    """The right to write to a store."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._files = files
        self._fd: int | None = None
        self._file: tuple[int, int] | None = None

    def acquire(self) -> None:
        """Take the lock, also that of a dead owner. Raises `StoreLocked`, `OSError`."""
        fd = self._files.open(self._path, os.O_RDWR | os.O_CREAT)
        try:
            self._take(fd)
            self._files.truncate(fd, 0)
            self._files.write(fd, f"{os.getpid()}\n".encode())
        except BaseException:
            self._files.close(fd)
            raise
        self._fd, self._file = fd, self._files.identity(fd)

    def check_in_place(self) -> None:
        """Raise `StoreError` if the file is not there any more: another process may have the lock as well, then."""
        if self._file is not None and not self._files.leads_to(self._path, self._file):
            raise removed(self._path)

    def _take(self, fd: int) -> None:
        for _ in range(TRIES):
            if _flock(fd, fcntl.LOCK_EX):
                return
            time.sleep(PAUSE)
        pid = _pid(fd)
        who = "running" if pid is None else f"running as pid {pid}"
        raise StoreLocked(
            f"{self._path.parent} is in use: {who}. Stop it first"
            f"{'' if pid is None else f' (kill {pid})'}, or wait until it has ended; what only reads works beside it.",
            pid=pid,
        )

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        fd, self._fd = self._fd, None
        self._file = None
        if fd is not None:
            self._files.close(fd)


def owner(path: Path) -> int | None:
    """The pid of the process that holds this lock file now; 0 if it did not say, None if nobody holds it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(fd, fcntl.LOCK_SH) else _pid(fd) or 0
    finally:
        os.close(fd)


def _flock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else None
