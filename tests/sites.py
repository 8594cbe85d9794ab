"""Servers on 127.0.0.1 that misbehave, one way at a time, and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class Asked:
    """One request as it came: its first line's path, its headers in lower case, the connection it came on."""

    path: str
    headers: dict[str, str]
    connection: int


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """A running server. `answers` by path, else `default`; both are bytes to write, or a coroutine that writes them."""

    answers: dict[str, bytes | Answer] = field(default_factory=dict)
    default: bytes | Answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    requests: list[Asked] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while await self._one(reader, writer, connection):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        asked = Asked(head[0].split(" ")[1], headers, connection)
        self.requests.append(asked)
        answer = self.answers.get(asked.path, self.default)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(asked, writer)
            await writer.drain()
        finally:
            self.in_flight -= 1
        return not isinstance(answer, bytes) or b"connection: close" not in answer.lower()


@asynccontextmanager
async def site(
    default: bytes | Answer = b"", *, host: str = "127.0.0.1", port: int = 0, **answers: bytes | Answer
) -> AsyncIterator[Site]:
    """Serve until the block ends."""
    made = Site(answers={f"/{name}": answer for name, answer in answers.items()}, host=host)
    if default:
        made.default = default
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(made.serve(reader, writer)))

    server = await asyncio.start_server(connected, host, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answer(status: str = "200 OK", body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    """A whole HTTP answer; `length` lies about its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def drip(piece: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") -> Answer:
    """An answer that never ends and never stops."""

    async def write(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    return write


class Clock:
    """The time, which passes when somebody sleeps."""

    def __init__(self, now: datetime = datetime(2026, 9, 1, 12, tzinfo=UTC)) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)
