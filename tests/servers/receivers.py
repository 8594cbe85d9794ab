"""Mail, Matrix, Slack and JSON receivers on loopback that misbehave on demand, each behind a gate.

What a receiver has taken counts, also where it then says that it has not. Slack is reached as the `slack_server`
fixture does it: by the class attribute where Apprise's plugin keeps Slack's address.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers import mail, matrix, slack
from tests.servers.web import listen, record
from tests.trials import arrivals
from tests.trials.arrivals import Arrival

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """A port in front of a server. `mode`: "open", "refuse" (closed), "drop" (accepts and drops the line), "deaf"."""

    def __init__(self, behind: int) -> None:
        self.port = 0
        self.mode = "open"
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def set(self, mode: str) -> None:
        """Behave so from now on; lines that are open are cut."""
        self.mode = mode
        await self.close()
        if mode != "refuse":
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            if self.mode == "open":
                await self._relay(reader, writer)
            elif self.mode == "deaf":
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(line)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            pumps = [asyncio.ensure_future(_pump(reader, back)), asyncio.ensure_future(_pump(there, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            back.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


@dataclass
class Receiver:
    """One of the four. `times` has the moment of each message in `arrived()`, on the loop's clock."""

    kind: str
    section: str
    arrived: Callable[[], list[Arrival]]
    gate: Gate
    fault: Fault
    times: list[float]

    async def misbehave(self, fault: str) -> None:
        """Behave so from now on; "" is as it should be."""
        self.fault.set(fault)
        await self.gate.set(GATES.get(fault, "open"))


GATES = {"accepts and drops the line": "drop", "refuses the connection": "refuse", "says nothing": "deaf"}


@dataclass
class Fault:
    """How a receiver misbehaves just now: a status to answer with, or what happens after it has the message."""

    name: str = ""
    slow: float = 2.0
    retry_after: int = 41
    healed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, name: str) -> None:
        self.healed.set()
        self.name, self.healed = name, asyncio.Event()

    def as_middleware(self, kind: str, times: list[float], message: str) -> Any:
        """For an aiohttp server. `message`: what is in the path of a request that brings one."""

        @web.middleware
        async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.name[:3].isdigit():
                return _refusal(kind, int(self.name[:3]), self.retry_after)
            if self.name == "slow":
                await asyncio.sleep(self.slow)
            answer = await handler(request)
            if message not in request.path:
                return answer
            times.append(asyncio.get_running_loop().time())
            if self.name == "hangs":
                await self.healed.wait()
            if self.name == "drops after the request" and request.transport is not None:
                request.transport.abort()
            return answer

        return misbehave


WORDS = {
    ("matrix", 401): {"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"},
    ("matrix", 429): {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests", "retry_after_ms": 41_000},
    ("slack", 401): "invalid_token",
    ("slack", 429): "rate_limited",
    ("slack", 500): "rollup_error",
}


def _refusal(kind: str, status: int, retry_after: int) -> web.Response:
    words = WORDS.get((kind, status), "")
    text = words if isinstance(words, str) else json.dumps(words)
    headers = {"Retry-After": str(retry_after)} if status == 429 else {}
    return web.Response(status=status, text=text, headers=headers)


class FaultyMail(mail.MailServer):
    """The same for mail."""

    def __init__(self, fault: Fault, times: list[float]) -> None:
        super().__init__()
        self.fault = fault
        self.times = times
        self.account = ("me", "password")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._dawdle()
        if self.fault.name[:3].isdigit():
            return f"{self.fault.name[:3]} 4.2.0 not now, or not at all"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self._dawdle()
        answer = await super().handle_DATA(server, session, envelope)
        self.times.append(asyncio.get_running_loop().time())
        if self.fault.name == "hangs":
            await self.fault.healed.wait()
        if self.fault.name == "drops after the request":
            server.transport.abort()
        return answer

    async def _dawdle(self) -> None:
        if self.fault.name == "slow":
            await asyncio.sleep(self.fault.slow)

    def authenticate(self, *args: Any) -> Any:
        self.account = ("me", "another") if self.fault.name.startswith("535") else ("me", "password")
        return super().authenticate(*args)


@asynccontextmanager
async def serve() -> AsyncIterator[dict[str, Receiver]]:
    """Run all four, by kind. Leaves Apprise's Slack plugin as it was."""
    from apprise.plugins.slack import NotifySlack

    async with AsyncExitStack() as stack:
        made: dict[str, Receiver] = {}
        times: dict[str, list[float]] = {kind: [] for kind in ("mail", "matrix", "slack", "json")}
        faults = {kind: Fault() for kind in times}
        letters = FaultyMail(faults["mail"], times["mail"])
        await stack.enter_async_context(mail.serve(handler=letters, login=True))

        def middleware(kind: str, message: str = "") -> Any:
            return faults[kind].as_middleware(kind, times[kind], message)

        room = await stack.enter_async_context(matrix.serve(None, middleware("matrix", "/send/")))
        hook = await stack.enter_async_context(record(None, middleware("json")))
        workspace = slack.SlackServer()
        app = web.Application(middlewares=[middleware("slack")])
        app.router.add_post("/services/{team}/{bot}/{token}", workspace.webhook)
        workspace.port = await stack.enter_async_context(listen(app))
        ports = {"mail": letters.port, "matrix": room.port, "slack": workspace.port, "json": hook.port}
        have: dict[str, Callable[[], list[Arrival]]] = {
            "mail": lambda: arrivals.by_mail(letters.mails),
            "matrix": lambda: arrivals.by_matrix(room.contents),
            "slack": lambda: arrivals.by_slack(workspace.posted),
            "json": lambda: arrivals.by_json(hook.bodies),
        }
        for kind, port in ports.items():
            gate = Gate(port)
            await gate.set("open")
            stack.push_async_callback(gate.close)
            section = SECTIONS[kind].format(port=gate.port)
            made[kind] = Receiver(kind, section, have[kind], gate, faults[kind], times[kind])
        before, NotifySlack.webhook_url = (
            NotifySlack.webhook_url,
            f"http://127.0.0.1:{made['slack'].gate.port}/services",
        )
        stack.callback(setattr, NotifySlack, "webhook_url", before)
        yield made
        for receiver in made.values():
            receiver.fault.set("")


SECTIONS = {
    "mail": """[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {port}
security = "none"
user = "me"
password = "password"
sender = "bot@example.org"
to = "me@example.org"
gap = "0s"
""",
    "matrix": """[channels.matrix]
kind = "matrix"
homeserver = "http://127.0.0.1:{port}"
token = "t0ken"
room = "!room:localhost"
gap = "0s"
""",
    "slack": """[channels.slack]
kind = "slack"
webhook = "https://hooks.slack.com/services/T0/B0/t0ken"
gap = "0s"
""",
    "json": """[channels.json]
url = "json://127.0.0.1:{port}/me"
""",
}
