"""A disk that fails, or loses power, at the n-th operation.

`Failing`: the n-th call (or the n-th and those that follow) is an error; a write fails half done.
`PowerCut`: from the n-th call on nothing works, and only what was synced is left on the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot.stores.files import Files


class Cut(BaseException):
    """The process is gone: nothing of ours may catch this and go on."""


class Counting(Files):
    """Counts the operations that change the disk; `hit` says whether the present one fails.

    Does not really wait for the disk: what these tests open again, they read from the same running system, and on
    a busy disk the waiting made them ten times slower.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.written = 0
        self.synced = 0

    def hit(self) -> bool:
        self.calls += 1
        return False

    def error(self) -> BaseException:
        return OSError(28, "No space left on device")

    def open(self, path: Path, flags: int) -> int:
        if self.hit():
            raise self.error()
        return super().open(path, flags)

    def write(self, fd: int, data: bytes) -> None:
        if self.hit():
            super().write(fd, data[: len(data) // 2])
            raise self.error()
        self.written += len(data)
        super().write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        if self.hit():
            raise self.error()
        super().truncate(fd, size)

    def fsync(self, fd: int) -> None:
        if self.hit():
            raise self.error()
        self.synced += 1

    def rename(self, source: Path, target: Path) -> None:
        if self.hit():
            raise self.error()
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        if self.hit():
            raise self.error()
        super().link(source, target)

    def unlink(self, path: Path) -> None:
        if self.hit():
            raise self.error()
        super().unlink(path)

    def remove_folder(self, folder: Path) -> None:
        if self.hit():
            raise self.error()
        super().remove_folder(folder)

    def sync_folder(self, folder: Path) -> None:
        if self.hit():
            raise self.error()

    def make_folder(self, folder: Path) -> None:
        if not folder.is_dir() and self.hit():
            raise self.error()
        super().make_folder(folder)


class Failing(Counting):
    """Call number `first` fails, and the `many - 1` after it."""

    def __init__(self, first: int, many: int = 1) -> None:
        super().__init__()
        self.first, self.many = first, many
        self.failed = 0

    def hit(self) -> bool:
        self.calls += 1
        is_hit = self.first <= self.calls < self.first + self.many
        self.failed += is_hit
        return is_hit


class PowerCut(Counting):
    """From call number `first` on nothing works. `leave` then lays out what a power cut is sure to leave.
    Call number `fails_at` is an ordinary error.

    A file's content is sure once it was synced, a name (new, changed, removed) once its folder was synced.
    """

    def __init__(self, first: int, folder: Path) -> None:
        super().__init__()
        self.first, self.folder = first, folder
        self.fails_at = 0
        self.files: dict[int, object] = {}
        self.contents: dict[object, bytes] = {}
        self.names: dict[str, object] = {}

    @property
    def was_hit(self) -> bool:
        return self.calls >= self.first

    def hit(self) -> bool:
        self.calls += 1
        return self.was_hit or self.calls == self.fails_at

    def error(self) -> BaseException:
        return Cut() if self.was_hit else super().error()

    def open(self, path: Path, flags: int) -> int:
        is_new = not path.exists()
        fd = super().open(path, flags)
        if is_new:
            # An inode number is used again once its file is gone, so each new file gets a mark of its own.
            self.files[os.fstat(fd).st_ino] = object()
        return fd

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        self.contents[self.files[os.fstat(fd).st_ino]] = Path(f"/proc/self/fd/{fd}").read_bytes()

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        if folder == self.folder:
            self.names = {path.name: self.files[path.stat().st_ino] for path in folder.iterdir()}

    def leave(self, folder: Path) -> Path:
        """A folder with what is left."""
        folder.mkdir(parents=True)
        for name, file in self.names.items():
            (folder / name).write_bytes(self.contents.get(file, b""))
        return folder
