"""Where the door is: `run.sock` in the data folder, by a path that fits into a socket's address.

Does not open the socket, and does not ask whether anybody listens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "run.sock"
LONGEST = 107 if sys.platform == "linux" else 103
"""Bytes of a path in `sockaddr_un`, without the NUL at its end."""
_DESCRIPTORS = Path("/proc/self/fd")


class AddressTooLong(OSError):
    """The data folder's path is too long for a socket in it, and this system knows no shorter one."""


@contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """The socket's path, good while the block lasts; by an open descriptor of the folder where it is too long.

    Raises `AddressTooLong`, `OSError`.
    """
    path = os.fspath(folder / NAME)
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    if not _DESCRIPTORS.is_dir():
        raise AddressTooLong(f"the path of the data folder {folder} is too long for a socket in it")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"{_DESCRIPTORS}/{fd}/{NAME}"
    finally:
        os.close(fd)
