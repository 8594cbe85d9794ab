"""The pictures of a kept thread: `KEY.media/HASH.png`, where HASH is made of the picture's address.

Written aside, synced, then put in place, as the threads are. Does not ask a site for anything, and does not decide
which pictures are wanted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bot.errors import StoreError
from bot.pictures import ENDINGS, TYPES
from bot.stores.files import Files, reason, replace_file


class Pictures:
    """The pictures of one thread, in one folder. Not for the event loop: every call waits for the disk."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    def write(self, url: str, mime: str, data: bytes) -> None:
        """Keep one. Raises `StoreError`; `ValueError` for a kind that is not kept."""
        if mime not in ENDINGS:
            raise ValueError(f"{mime} is not kept")
        path = self._folder / f"{name_of(url)}{ENDINGS[mime]}"
        try:
            self._files.make_folder(self._folder)
            replace_file(self._files, path, [data])
        except OSError as e:
            raise StoreError(f"cannot keep the picture {path}: {reason(e)}") from e

    def read(self, urls: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Those of these addresses that are kept: kind and bytes. One that cannot be read is left out."""
        wanted = {name_of(url): url for url in urls}
        found = {}
        for path in self._there():
            if path.stem in wanted:
                try:
                    found[wanted[path.stem]] = TYPES[path.suffix], self._files.read(path)
                except OSError:  # a page without one picture is better than no page
                    continue
        return found

    def names(self) -> frozenset[str]:
        """What `name_of` gives for the addresses of which there is one."""
        return frozenset(path.stem for path in self._there())

    def _there(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix in TYPES)
        except OSError:
            return []


def name_of(url: str) -> str:
    """The name of a picture's file, without its ending: safe, whatever the address holds."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]
