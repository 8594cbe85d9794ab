"""A place that notices go to, by mail, Matrix, Slack or JSON, that keeps what it takes and fails as such places do.

Each has a port of its own, which stays the same while nobody listens there. Real protocols, no real servers: what
those make of a notice is tested elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest.mock import patch

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import slack
from tests.servers.mail import MailServer

Kind = Literal["mail", "matrix", "slack", "json"]
Fault = Literal[
    "",
    "hang",  # takes the connection, and the request where there is one, and says nothing
    "hang at the end",  # takes the whole message and says nothing
    "drop",  # reads the message, forgets it and breaks off
    "keep and drop",  # keeps the message and breaks off
    "refuse",  # nobody listens
    "401",  # will not know us any more
    "550",  # no such mailbox
    "429",
    "500",
    "503",
    "greylist",  # 450 to the recipient
    "greylist at the end",  # 451 to the message
    "slow",  # well, but each answer takes a while
]
KINDS: tuple[Kind, ...] = ("mail", "matrix", "slack", "json")
SLOW = 2.0
"""Seconds that a slow place takes for each answer."""
RETRY_AFTER = 47
"""Seconds that a place with a 429 asks for."""
REPEATS = "may repeat"
"""What a notice says whose earlier try may have arrived."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as a person has it: the threads that it brings, when it came (monotonic seconds)."""

    keys: tuple[str, ...]
    at: float
    may_repeat: bool


@dataclass
class Receiver:
    """One place. `arrived` is what it keeps; `tries` counts what reached it, `connections` who came."""

    kind: Kind
    name: str
    fault: Fault = ""
    arrived: list[Arrived] = field(default_factory=list)
    tries: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _web: web.Server | None = None
    _mails: list[SMTP] = field(default_factory=list)
    _transactions: set[str] = field(default_factory=set)

    @property
    def settings(self) -> str:
        """Its table in a settings file."""
        host = "127.0.0.1"
        return (
            f'[channels.{self.name}]\ngap = "0s"\n'
            + {
                "mail": f'kind = "email"\nhost = "{host}"\nport = {self.port}\nsecurity = "none"\nuser = "u"\n'
                'password = "p"\nsender = "bot@example.org"\nto = "you@example.org"\n',
                "matrix": f'kind = "matrix"\nhomeserver = "http://{host}:{self.port}"\ntoken = "t"\n'
                'room = "!r:localhost"\n',
                "slack": f'kind = "slack"\nwebhook = "https://hooks.slack.com/services/T0/B0/p{self.port}"\n',
                "json": f'url = "json://{host}:{self.port}/"\n',
            }[self.kind]
        )

    def copies(self) -> Counter[str]:
        """How often each thread is there."""
        return Counter(key for one in self.arrived for key in one.keys)

    def order(self) -> list[str]:
        """The threads, by their first arrival."""
        return list(dict.fromkeys(key for one in self.arrived for key in one.keys))

    async def misbehave(self, fault: Fault) -> None:
        """Fail like this from now on; "" is to be well again."""
        self.fault = fault
        if fault == "refuse":
            self._close()
        elif self._server is None:
            await self.open()

    async def open(self) -> None:
        """Listen, on the same port as before."""
        loop = asyncio.get_running_loop()
        if self.kind == "mail":
            self._server = await loop.create_server(self._mail, "127.0.0.1", self.port)
        else:
            self._web = self._web or web.Server(self._take, access_log=None)
            self._server = await loop.create_server(self._web, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def shut(self) -> None:
        """Close the port and whatever is open."""
        self._close()
        if self._web is not None:
            await self._web.shutdown(0.01)  # nought would mean without a limit
        for one in self._mails:
            if one.transport is not None:
                one.transport.abort()
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
                await asyncio.gather(one._handler_coroutine, return_exceptions=True)
        await asyncio.sleep(0)

    def keep(self, text: str) -> None:
        """Take a message; its threads are known by the addresses of their pages."""
        keys = tuple(dict.fromkeys(re.findall(r"/thread/(\d+)\.html", text)))
        self.arrived.append(Arrived(keys, time.monotonic(), REPEATS in text))

    # -- HTTP -------------------------------------------------------------------------------------

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await request.text() or "null")
        carries = self.kind != "matrix" or request.method == "PUT"
        self.tries += carries
        if self.fault == "hang" or (self.fault == "hang at the end" and carries):
            await asyncio.Event().wait()
        if self.fault == "drop" and carries:
            return _broken_off(request)
        if self.fault == "slow":
            await asyncio.sleep(SLOW)
        if self.fault in ("401", "429", "500", "503"):
            return self._refusal(self.fault)
        answer = self._answer(request, body)
        return _broken_off(request) if self.fault == "keep and drop" and carries else answer

    def _answer(self, request: web.BaseRequest, body: Any) -> web.Response:
        if self.kind == "json":
            self.keep(body["message"])
        if self.kind == "slack":
            self.keep("\n".join(text["text"] for text in slack.texts_of(body)))
        if self.kind != "matrix":
            return web.Response(text="ok")
        if request.method == "PUT" and request.path not in self._transactions:
            self._transactions.add(request.path)
            self.keep(body.get("formatted_body") or body["body"])
        said = {"user_id": "@b:localhost", "device_id": "D", "room_id": "!r:localhost", "event_id": "$1"}
        return web.json_response(said)

    def _refusal(self, fault: str) -> web.Response:
        if self.kind == "slack":
            words = {"401": (403, "invalid_token"), "429": (429, "rate_limited"), "503": (503, "service_unavailable")}
            status, text = words.get(fault, (500, "oops"))
            return web.Response(status=status, text=text, headers=_headers(status))
        words_of_matrix = {"401": "M_UNKNOWN_TOKEN", "429": "M_LIMIT_EXCEEDED", "500": "M_UNKNOWN"}
        if self.kind == "matrix" and fault in words_of_matrix:
            said: dict[str, Any] = {"errcode": words_of_matrix[fault], "error": "no"}
            said |= {"retry_after_ms": RETRY_AFTER * 1000} if fault == "429" else {}
            return web.json_response(said, status=int(fault))
        return web.Response(status=int(fault), headers=_headers(int(fault)))

    # -- mail -------------------------------------------------------------------------------------

    def _mail(self) -> asyncio.BaseProtocol:
        if self.fault == "hang":
            self.tries += 1
            return asyncio.Protocol()
        mailbox = _Mailbox(self)
        with warnings.catch_warnings(action="ignore"):  # aiosmtpd warns against a login without TLS; tests want it
            made = SMTP(mailbox, hostname="localhost", authenticator=mailbox.authenticate, auth_require_tls=False)
        self._mails = [one for one in self._mails if one.transport is not None and not one.transport.is_closing()]
        self._mails.append(made)
        return made


def _headers(status: int) -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER)} if status == 429 else {}


def _broken_off(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


class _Mailbox(MailServer):
    """What a mail server does at each step."""

    def __init__(self, place: Receiver) -> None:
        super().__init__()
        self._place = place

    async def _pause(self) -> None:
        if self._place.fault == "slow":
            await asyncio.sleep(SLOW)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        await self._pause()
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._pause()
        busy = {"503": "421 4.3.2 come back later", "500": "451 4.3.0 local error"}
        envelope.mail_from = address
        return busy.get(self._place.fault, "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._pause()
        refusals = {"550": "550 5.1.1 no such user", "greylist": "450 4.2.0 greylisted"}
        self.rcpt_answer = refusals.get(self._place.fault, "")
        self._place.tries += bool(self.rcpt_answer)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        place = self._place
        place.tries += 1
        await self._pause()
        if place.fault == "hang at the end":
            await asyncio.Event().wait()
        if place.fault == "drop":
            server.transport.abort()
            return "421 bye"
        if place.fault == "greylist at the end":
            return "451 4.7.1 greylisted"
        self.drop_after_data = place.fault == "keep and drop"
        said = await super().handle_DATA(server, session, envelope)
        text = self.mails[-1].get_body(("plain",))
        place.keep(text.get_content() if text is not None else "")
        return said

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self._pause()
        return "221 Bye"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=self._place.fault != "401", handled=False)


@contextmanager
def slack_here() -> Iterator[None]:
    """Let Apprise find Slack on loopback, at the port that the webhook's last word names.

    Its plugin has no setting for that but a class attribute.
    """
    from apprise.plugins.slack import NotifySlack

    where = property(lambda plugin: f"http://127.0.0.1:{plugin.token_c[1:]}/services")
    with patch.object(NotifySlack, "webhook_url", where):
        yield


@asynccontextmanager
async def receiving(kind: Kind, name: str) -> AsyncIterator[Receiver]:
    """Run a place."""
    place = Receiver(kind, name)
    await place.open()
    try:
        yield place
    finally:
        await place.shut()
