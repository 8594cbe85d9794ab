"""The file operations that the stores are built on, one method each, so that a test can make the n-th one fail.

Whatever is created is private: files 0600, folders 0700, under any umask.
Does not retry, and does not turn `OSError` into our own errors: its callers know what was being done.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from bot.errors import StoreError


class Files:
    """The real file system."""

    def open(self, path: Path, flags: int) -> int:
        """Open or create a file that only its owner may read; returns the descriptor."""
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        if flags & os.O_CREAT:
            os.fchmod(fd, 0o600)
        return fd

    def write(self, fd: int, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def fsync(self, fd: int) -> None:
        """Return when the content is on the disk."""
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Put `source` in the place of `target`, at once."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name. Not every file system can."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove the file; it may be gone already."""
        path.unlink(missing_ok=True)

    def remove_folder(self, folder: Path) -> None:
        """Remove the folder if there is nothing in it; it may be gone already."""
        try:
            folder.rmdir()
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in the folder are on the disk."""
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def make_folder(self, folder: Path) -> None:
        """Create the folder and its parents; one that is there stays as it is."""
        if folder.is_dir():
            return
        if not folder.parent.exists():
            self.make_folder(folder.parent)
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            if not folder.is_dir():
                raise
            return
        folder.chmod(0o700)
        self.sync_folder(folder.parent)

    def identity(self, fd: int) -> tuple[int, int]:
        """What tells this open file from every other one that exists."""
        stat = os.fstat(fd)
        return stat.st_dev, stat.st_ino

    def leads_to(self, path: Path, file: tuple[int, int]) -> bool:
        """Whether the path leads to that file."""
        try:
            stat = path.stat()
        except OSError:
            return False
        return (stat.st_dev, stat.st_ino) == file

    def print_of(self, path: Path) -> tuple[int, int] | None:
        """Size and time of a file that is not open, None if it is not there: another file has others.

        (Not its inode: some network file systems number a file anew once nobody has it open.)
        """
        try:
            stat = path.stat()
        except OSError:
            return None
        return stat.st_size, stat.st_mtime_ns

    def today(self, folder: Path) -> date:
        """The day in UTC, by the clock of the file system."""
        probe = folder / ".today"
        self.close(self.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        try:
            return datetime.fromtimestamp(probe.stat().st_mtime, UTC).date()
        finally:
            self.unlink(probe)

    def room(self, folder: Path) -> int:
        """How many bytes may still be written there."""
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize

    def lines(self, path: Path) -> Iterator[bytes]:
        """The file's lines, ends included, read as they are asked for."""
        with path.open("rb") as file:
            yield from file

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()


def replace_file(files: Files, path: Path, chunks: Iterable[bytes]) -> int:
    """Write a whole file so that its name always holds the old content or the new one, never a part. Returns its size.

    Raises `OSError`; the old content is then still there, unless only the last step failed: then it may be either.
    """
    draft = path.with_name(path.name + ".tmp")
    try:
        size = _write_draft(files, draft, chunks)
        files.rename(draft, path)
    except OSError:
        # On a full disk the draft would hold the room that somebody makes.
        with suppress(OSError):
            files.unlink(draft)
        raise
    files.sync_folder(path.parent)
    return size


def _write_draft(files: Files, draft: Path, chunks: Iterable[bytes]) -> int:
    fd = files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    size = 0
    try:
        for chunk in chunks:
            files.write(fd, chunk)
            size += len(chunk)
        files.fsync(fd)
    finally:
        files.close(fd)
    return size


def reason(error: OSError) -> str:
    """Why the disk refused, with the mend where it is a matter of rights."""
    text = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{text} (this is uid {os.getuid()}: give it the folder with chown, or name another data_dir)"
    return text


def removed(path: Path) -> StoreError:
    """What to tell when a file of the store is not the one that this process opened or wrote."""
    return StoreError(
        f"{path} was removed or replaced under the running program: nothing can be saved, and nothing is sent. "
        f"Stop the program, put the folder {path.parent} back (or a backup of it), and start again."
    )
