"""Starts the stand-in site and talks to it. Does not serve (`site`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.children import ROOT, environment, python


@dataclass(frozen=True, slots=True)
class Served:
    """A site that runs."""

    url: str

    def conduct(self, **how: object) -> None:
        """Have it answer like this from now on; its counts begin anew."""
        self._ask(f"/_set?{urlencode({name: json.dumps(value) for name, value in how.items()})}")

    def counts(self, *, forget: bool = True) -> dict[str, Any]:
        """What was asked since the counts began."""
        counted: dict[str, Any] = json.loads(self._ask("/_counts" if forget else "/_look"))
        return counted

    def _ask(self, path: str) -> bytes:
        with urlopen(self.url + path, timeout=30) as answer:  # noqa: S310  our own, on loopback
            body: bytes = answer.read()
            return body


@contextmanager
def site(port: int = 0) -> Iterator[Served]:
    """The site, in a process of its own, until the block ends."""
    command = python("-m", "benchmarks.site", str(port))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield Served(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()
