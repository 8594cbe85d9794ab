"""The programs that ours is compared with, each in a virtual environment of its own, kept outside of this repository.

Says how each is installed, told whom to follow, and run. Measures nothing.
"""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.children import Cost, cost_of
from benchmarks.pages import handle

DEFAULT_FOLDER: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keepcurrent-benchmarks"
# reader 3.26 with feedparser 6.0.14 fails at import without sgmllib3k.
PACKAGES: Final = {
    "reader": ("reader==3.26", "sgmllib3k"),
    "rss2email": ("rss2email==3.14",),
    "urlwatch": ("urlwatch==2.29", "cssselect"),
}

_FOLLOW = """
import sys
from reader import make_reader
reader = make_reader("db.sqlite")
for number in range(int(sys.argv[2])):
    reader.add_feed(f"{sys.argv[1]}/feed/author{number:06d}.xml")
"""
_UPDATE = """
from reader import make_reader
reader = make_reader("db.sqlite")
reader.update_feeds(workers=10, scheduled=False)
"""
_MAILDIR = """[DEFAULT]
to = me@example.org
email-protocol = maildir
maildir-path = {}
maildir-mailbox = INBOX
"""


class Peer(Protocol):
    """A program that is compared with ours."""

    @property
    def name(self) -> str:
        """What it is called."""

    def follow(self, folder: Path, url: str, authors: int) -> None:
        """Make a folder in which so many authors are followed."""

    def round(self, folder: Path) -> Cost:
        """Look at all of them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """lemon24/reader, by its own interface, with ten workers."""

    bin: Path
    name: str = "reader"

    def follow(self, folder: Path, url: str, authors: int) -> None:
        """Add the feeds."""
        folder.mkdir(parents=True)
        cost_of([self.bin / "python", "-c", _FOLLOW, url, str(authors)], folder)

    def round(self, folder: Path) -> Cost:
        """Update all feeds."""
        return cost_of([self.bin / "python", "-c", _UPDATE], folder)


@dataclass(frozen=True, slots=True)
class Rss2Email:
    """rss2email, which writes to a mail folder."""

    bin: Path
    name: str = "rss2email"

    def follow(self, folder: Path, url: str, authors: int) -> None:
        """Write its configuration."""
        folder.mkdir(parents=True)
        for part in ("new", "cur", "tmp"):
            (folder / "mail" / "INBOX" / part).mkdir(parents=True)
        feeds = (f"[feed.a{number}]\nurl = {url}/feed/{handle(number)}.xml\n" for number in range(authors))
        (folder / "r2e.cfg").write_text(_MAILDIR.format(folder / "mail") + "".join(feeds), encoding="utf-8")

    def round(self, folder: Path) -> Cost:
        """Run it on all feeds."""
        return cost_of([self.bin / "r2e", "-c", folder / "r2e.cfg", "-d", folder / "r2e.json", "run"], folder)


@dataclass(frozen=True, slots=True)
class Urlwatch:
    """urlwatch on the same pages as ours, cut down to the threads by a CSS selector."""

    bin: Path
    name: str = "urlwatch"

    def follow(self, folder: Path, url: str, authors: int) -> None:
        """Write its jobs; it does not run without one."""
        folder.mkdir(parents=True)
        job = "name: a{0}\nurl: {1}/user/{2}\nfilter:\n  - css: .thread-card\n  - html2text: re\n"
        jobs = "---\n".join(job.format(number, url, handle(number)) for number in range(max(authors, 1)))
        (folder / "urls.yaml").write_text(jobs, encoding="utf-8")
        (folder / "config.yaml").write_text("report:\n  text:\n    line_length: 75\n", encoding="utf-8")

    def round(self, folder: Path) -> Cost:
        """Run all jobs."""
        files = ("--urls", "urls.yaml", "--config", "config.yaml", "--cache", "cache.db", "--hooks", "hooks.py")
        return cost_of([self.bin / "urlwatch", *files], folder, HOME=str(folder))


_KINDS: Final[Mapping[str, Callable[[Path], Peer]]] = {"reader": Reader, "rss2email": Rss2Email, "urlwatch": Urlwatch}


def installed(names: Sequence[str], folder: Path = DEFAULT_FOLDER) -> list[Peer]:
    """These peers, each installed where it is not yet."""
    return [_KINDS[name](_installed(name, folder / "-".join(PACKAGES[name]))) for name in names]


def _installed(name: str, folder: Path) -> Path:
    done = folder / "installed"
    if not done.exists():
        print(f"installing {name} into {folder} …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*map(str, install), *PACKAGES[name]], check=True)
        done.touch()
    return folder / "bin"
