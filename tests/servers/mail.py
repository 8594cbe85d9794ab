"""A mail server on loopback (aiosmtpd) that keeps what it takes and misbehaves on demand."""

from __future__ import annotations

import asyncio
import email
import ssl
import warnings
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class MailServer:
    """What arrived, and how to answer. Set an attribute, and the next mail gets it."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[str, str]] = []
        self.account: tuple[str, str] | None = None
        self.rcpt_answer = ""
        self.data_answer = ""
        self.drop_after_data = False
        self.quotes_login = False
        """Refuse a login with what was given in the words, as careless servers do."""
        self.hold: asyncio.Event | None = None
        """Set: the answer to DATA waits for it."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answer:
            return self.rcpt_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.hold is not None:
            await self.hold.wait()
        if self.data_answer:
            return self.data_answer
        self.envelopes.append(envelope)
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        if self.drop_after_data:
            server.transport.abort()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        if self.quotes_login and login != self.account:
            quoted = b64encode("\0".join(("", *login)).encode()).decode()
            return AuthResult(success=False, handled=False, message=f"535 5.7.8 no: {login[1]} {quoted}")
        return AuthResult(success=self.account is None or login == self.account, handled=False)


@asynccontextmanager
async def serve(
    tls: ssl.SSLContext | None = None,
    *,
    implicit: bool = False,
    login: bool = False,
    handler: MailServer | None = None,
) -> AsyncIterator[MailServer]:
    """Run a server. `tls`: offer STARTTLS, or speak TLS from the start with `implicit`."""
    mail = handler or MailServer()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # aiosmtpd warns against a login without TLS; tests want it
            made = SMTP(
                mail,
                hostname="localhost",
                tls_context=None if implicit else tls,
                authenticator=mail.authenticate if login else None,
                auth_require_tls=False,
                auth_required=login,
            )
        protocols.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        if mail.hold is not None:
            mail.hold.set()
        server.close()
        for made in protocols:
            if made.transport is not None:
                made.transport.abort()
            if made._handler_coroutine is not None:
                made._handler_coroutine.cancel()
                await asyncio.gather(made._handler_coroutine, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # the turn of the loop in which an aborted connection closes its socket
