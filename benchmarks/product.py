"""The program as a user has it: a folder with a settings file, and `keepcurrent` run in it. Measures nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Cost, cost_of, environment, python

_SETTINGS = """timezone = "UTC"
[poll]
interval = "12h"
concurrency = 32
per_host = 32
host_delay = "0s"
[sources.threadreader]
base_url = "{url}"
{channels}
"""
CHANNEL = '[channels.hook]\nurl = "json://{host}/notify/hook"\ngap = "0s"\n'


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one settings file and its store are."""

    path: Path

    @classmethod
    def made(cls, path: Path, url: str, authors: int = 0, channels: str = "") -> Folder:
        """A folder whose store follows so many authors, none of whom was looked at yet."""
        path.mkdir(parents=True)
        text = _SETTINGS.format(url=url, channels=channels or CHANNEL.format(host=url.removeprefix("http://")))
        (path / "settings.toml").write_text(text, encoding="utf-8")
        folder = cls(path)
        if authors:
            folder.filled("authors", url, str(authors))
        return folder

    def filled(self, *what: str) -> None:
        """Have a process of its own write to the store, which would make this one large."""
        subprocess.run(python("-m", "benchmarks.filling", self.data, *what), env=environment(), check=True)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.path / "data"

    def copy(self, path: Path) -> Folder:
        """The same once more."""
        if path.exists():
            shutil.rmtree(path)
        shutil.copytree(self.path, path)
        return Folder(path)

    def archived(self) -> int:
        """Bytes of the kept threads."""
        return sum(one.stat().st_size for one in (self.data / "archive").rglob("*") if one.is_file())

    def command(self, *words: str) -> list[str]:
        """A command of the program in this folder."""
        return python("-m", "bot", *words, "--settings", self.path / "settings.toml")

    def cost(self, *words: str) -> Cost:
        """Run one command of the program."""
        return cost_of(self.command(*words), self.path)

    def poll(self) -> Cost:
        """One round over all authors."""
        return self.cost("poll", "--all")
