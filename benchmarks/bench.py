"""What every row needs: a place to work, the site, the peers, how large and how often. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.children import Cost, cost_of, python
from benchmarks.product import Folder
from benchmarks.servers import Served

CONCURRENCY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`small`: a tenth of everything, to see that it works; its figures say little."""

    folder: Path
    site: Served
    peers_folder: Path
    small: bool
    times: int = 5

    def sized(self, number: int) -> int:
        """So many, or a tenth."""
        return number // 10 if self.small else number

    def product(self, name: str, authors: int = 0, channels: str = "") -> Folder:
        """A folder of the program's, with authors that were not looked at yet."""
        return Folder.made(self.folder / name, self.site.url, authors, channels)

    def looked_at(self, name: str, authors: int) -> Folder:
        """The same, after its first round and one more, so that the day's backup is there."""
        made = self.product(name, authors)
        self.site.conduct()
        for _ in range(2):
            made.poll()
        return made

    def floor(self, authors: int, state: str = "unchanged", *parse: str) -> Cost:
        """Bare GETs of the same pages."""
        words = (self.site.url, str(authors), str(CONCURRENCY), state, *parse)
        return cost_of(python("-m", "benchmarks.floor", *words), self.folder)

    def peers(self, *names: str) -> Sequence[peers.Peer]:
        """Those programs, installed."""
        return peers.installed(names, self.peers_folder)
