"""The stand-in site, in a process of its own: pages, feeds and a place for notices, as fast as Python allows.

    python -m benchmarks.site [PORT]

Prints its port. `/_set` changes how it answers, `/_counts` says what was asked of it. Models no faults.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from benchmarks import pages

_STATUS: Final = {200: b"200 OK", 304: b"304 Not Modified", 404: b"404 Not Found"}


@dataclass(slots=True)
class Conduct:
    """How it answers: seconds of latency ± jitter, a fresh token in every page.

    `news` threads of each of the first `authors_with_news` are new, and `next_news` of the author after them.
    """

    latency: float = 0.0
    jitter: float = 0.0
    token: bool = False
    news: int = 0
    authors_with_news: int = 0
    next_news: int = 0

    def news_of(self, number: int) -> int:
        """How many threads of an author are new."""
        if number == self.authors_with_news:
            return self.next_news
        return self.news if number < self.authors_with_news else 0


@dataclass(slots=True)
class Counts:
    """What was asked, by kind and status; `notices` are the arrivals by channel.

    `read`: when a thread page was last asked for, by author. All by the wall clock.
    """

    asked: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    first: float = 0.0
    last: float = 0.0
    notices: dict[str, list[float]] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "asked": dict(self.asked),
            "connections": self.connections,
            "most_in_flight": self.most_in_flight,
            "first": self.first,
            "last": self.last,
            "notices": self.notices,
            "read": self.read,
        }


class Site:
    """What there is, how it is answered, and what was asked."""

    def __init__(self) -> None:
        self.conduct = Conduct()
        self.counts = Counts()

    def answer(self, path: str, etag: str) -> bytes:
        """The answer to a GET."""
        kind, status, mark, body = self._found(path, etag)
        self.counts.asked[f"{kind} {status}"] += 1
        return _encoded(status, mark, body)

    def _found(self, path: str, etag: str) -> tuple[str, int, str, bytes]:
        kind, _, rest = path.strip("/").partition("/")
        if kind == "user":
            return self._author(rest, etag)
        if kind == "feed":
            return self._feed(int(rest[6:12]), etag)
        if kind == "thread" and (found := pages.thread_of(rest.removesuffix(".html"))) is not None:
            self.counts.read[str(found[0])] = time.time()
            return "thread", 200, f'"thread-{rest}"', pages.thread_page(*found)
        return "other", 404, "", b""

    def _author(self, rest: str, etag: str) -> tuple[str, int, str, bytes]:
        name, _, query = rest.partition("?")
        number = int(name[6:12])
        news = self.conduct.news_of(number)
        if query:
            return "deeper", 200, "", b""  # there is nothing below the first page
        if self.conduct.token:
            token = secrets.token_urlsafe(64)
            return "author", 200, f'W/"{token[:32]}"', pages.author_page(number, news, token)
        mark = author_mark(number, news)
        return ("author", 304, mark, b"") if etag == mark else ("author", 200, mark, pages.author_page(number, news))

    def _feed(self, number: int, etag: str) -> tuple[str, int, str, bytes]:
        news = self.conduct.news_of(number)
        mark = f'"feed-{number}-{news}"'
        return ("feed", 304, mark, b"") if etag == mark else ("feed", 200, mark, pages.feed(number, news))

    def control(self, path: str) -> bytes:
        """Change the conduct, or tell the counts: `/_counts` forgets them, `/_look` does not."""
        command, _, query = path.partition("?")
        told = json.dumps(self.counts.document()).encode()
        if command == "/_look":
            return _encoded(200, "", told)
        if command == "/_set":
            # A feed may be asked again for what the conduct was before; the counts begin anew.
            self.conduct = Conduct(**{name: json.loads(value) for name, value in parse_qsl(query)})
        self.counts = Counts()
        return _encoded(200, "", told)

    def delay(self) -> float:
        """Seconds before this answer."""
        conduct = self.conduct
        return conduct.latency + random.uniform(-conduct.jitter, conduct.jitter) if conduct.latency else 0.0


def author_mark(number: int, news: int = 0) -> str:
    """The ETag of an author's page."""
    return f'"author-{number}-{news}"'


def _encoded(status: int, mark: str, body: bytes) -> bytes:
    etag = f"ETag: {mark}\r\n".encode() if mark else b""
    return (
        b"HTTP/1.1 %b\r\nContent-Type: %b; charset=utf-8\r\n%bContent-Length: %d\r\n"
        b"Cache-Control: max-age=0, private, must-revalidate\r\n\r\n"
        % (_STATUS[status], b"text/xml" if mark.startswith('"feed') else b"text/html", etag, len(body))
    ) + body


class Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._site.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that is there whole."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            length = int(headers.get("content-length", 0))
            if len(self._unread) < end + 4 + length:
                return
            self._unread = self._unread[end + 4 + length :]
            method, path, _ = head[0].split(" ")
            self._answer(method, path, headers.get("if-none-match", ""))

    def _answer(self, method: str, path: str, etag: str) -> None:
        if path.startswith("/_"):
            self._transport.write(self._site.control(path))
            return
        counts, now = self._site.counts, time.time()
        counts.first = counts.first or now
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        if method == "POST":
            counts.asked["notice"] += 1
            counts.notices.setdefault(path.rsplit("/", 1)[1], []).append(now)
            answer = _encoded(200, "", b"ok")
        else:
            answer = self._site.answer(path, etag)
        if delay := self._site.delay():
            asyncio.get_running_loop().call_later(delay, self._write, answer, counts)
        else:
            self._write(answer, counts)

    def _write(self, answer: bytes, counts: Counts) -> None:
        counts.in_flight -= 1
        counts.last = time.time()
        self._transport.write(answer)


async def serve(port: int) -> None:
    """Serve until the standard input is closed, so that no site outlives who started it."""
    site = Site()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
